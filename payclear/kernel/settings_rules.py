"""What a set of settings must satisfy before the service may start.

Called by `load_settings` after the layers are read; answers sentences.
It never shows a secret and never changes a value.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from payclear.kernel.secret import Secret
from payclear.kernel.settings_layers import variable_of
from payclear.kernel.settings_schema import (
    SECTIONS,
    ProviderAccountSettings,
    Rule,
    Settings,
    keys_of,
)

DEMO_MARK: Final = re.compile(rb"demo[ _-]only|dem00n1y", re.IGNORECASE)
OWN_SECRET_MIN: Final = 32
PROVIDER_SECRET_MIN: Final = 16
DURABLE: Final = ("on", "remote_apply")


def limits(name: str, value: Any, rule: Rule) -> Iterator[str]:
    """Say how one value breaks the limits of its setting."""
    if isinstance(value, tuple):
        for part in value:
            yield from limits(name, part, rule)
        return
    if rule.choices and value not in rule.choices:
        yield f"{name} must be one of {', '.join(rule.choices)}."
    if rule.minimum is not None and isinstance(value, int) and value < rule.minimum:
        yield f"{name} must be at least {rule.minimum}."
    if rule.maximum is not None and isinstance(value, int) and value > rule.maximum:
        yield f"{name} must be at most {rule.maximum}."
    if rule.pattern is not None and isinstance(value, str) and not rule.pattern.fullmatch(value):
        yield f"{name} has not the form it must have: {rule.meaning}."
    if rule.required and not value:
        kind = "secret" if isinstance(value, Secret) else "setting"
        yield f"The {kind} {name} is missing: set {variable_of(name)} or {variable_of(name)}_FILE."


def judge(settings: Settings) -> list[str]:
    """Every reason why these settings are refused, in plain sentences."""
    problems = [*_seal_keys(settings), *_accounts(settings)]
    if settings.is_production:
        problems += _production(settings)
    return problems


def _seal_keys(settings: Settings) -> Iterator[str]:
    security = settings.security
    for key_id, key in security.seal_keys.items():
        raw = _key_bytes(key.reveal())
        if len(raw) != 32:
            yield f"security.seal_keys: {key_id} is not base64 of 32 bytes."
        elif settings.is_production and len(set(raw)) == 1:
            yield f"security.seal_keys: {key_id} is one byte repeated; production refuses it."
    if security.seal_keys and security.seal_active and security.seal_active not in security.seal_keys:
        yield f"security.seal_active names {security.seal_active}, which is not among security.seal_keys."


def _key_bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _accounts(settings: Settings) -> Iterator[str]:
    for code, account in settings.provider_accounts.items():
        if not account.enabled:
            continue
        for name, secret in account.secrets.items():
            if not secret:
                variable = variable_of(f"provider_accounts.{code}.secrets.{name}")
                yield f"The secret {name} of {code} is missing: set {variable} or {variable}_FILE."


def _production(settings: Settings) -> Iterator[str]:
    if settings.web.debug:
        yield "web.debug must be false in production."
    if settings.logging.level == "DEBUG":
        yield "logging.level must not be DEBUG in production: it writes down too much."
    if settings.database.synchronous_commit not in DURABLE:
        yield (
            "database.synchronous_commit must be on (or remote_apply) in production: "
            "an acknowledged payment may not be lost."
        )
    if not settings.database.url:
        yield "The secret database.url is missing: production runs on the treasury's own PostgreSQL."
    elif settings.database.url == settings.database.owner_url:
        yield "database.url and database.owner_url must be two roles in production."
    if not settings.web.public_url.startswith("https://"):
        yield "web.public_url must begin with https:// in production."
    if settings.web.public_url.rstrip("/").endswith(".invalid"):
        yield "web.public_url is missing: set PAYCLEAR_WEB_PUBLIC_URL."
    if settings.webhooks.allow_hosts:
        yield "webhooks.allow_hosts must be empty in production."
    if settings.gateway.calls_per_account >= settings.web.threads:
        yield (
            "gateway.calls_per_account must be less than web.threads in production: "
            "one provider that hangs would hold every thread."
        )
    for code, account in settings.provider_accounts.items():
        if account.enabled and (account.demo or code.endswith("-demo")):
            yield f"The provider account {code} is a demonstration account; production refuses it."
        for name, value in account.options.items():
            if is_demo(Secret(str(value))):
                named = f"provider_accounts.{code}.options.{name}"
                yield f"{named} is a demonstration key; production refuses it."
    for name, secret in all_secrets(settings):
        yield from _production_secret(settings, name, secret)
    yield from _repeated_secrets(settings)


def _repeated_secrets(settings: Settings) -> Iterator[str]:
    """One secret for one purpose: the leak of one must not open another."""
    known: dict[str, str] = {}
    for name, secret in all_secrets(settings):
        if not secret or name.partition(".")[0] != "security":
            continue
        first = known.setdefault(secret.reveal(), name)
        if first != name:
            yield f"{name} is the same as {first}: production wants a secret of its own for each."


def _production_secret(settings: Settings, name: str, secret: Secret) -> Iterator[str]:
    if not secret:
        return
    origin = settings.origins.get(name, "")
    if origin.endswith(".toml"):
        yield f"{name} stands in {origin}: production takes secrets from {variable_of(name)}_FILE only."
    if is_demo(secret):
        yield f"{name} is a demonstration key; production refuses it."
    shortest = _shortest(name)
    if len(secret.reveal()) < shortest:
        yield f"{name} is too short: production wants at least {shortest} characters."


def _shortest(name: str) -> int:
    section, _, key = name.partition(".")
    if section == "provider_accounts":
        return PROVIDER_SECRET_MIN
    kinds = keys_of(SECTIONS[section])
    return kinds[key][1].minimum_length if key in kinds else OWN_SECRET_MIN


def all_secrets(settings: Settings) -> Iterator[tuple[str, Secret]]:
    """Every secret with its dotted name; a table of secrets gives one pair for each."""
    for section, kind in SECTIONS.items():
        for key in keys_of(kind):
            value = getattr(getattr(settings, section), key)
            if isinstance(value, Secret):
                yield f"{section}.{key}", value
            elif isinstance(value, Mapping):
                for secret in value.values():
                    yield f"{section}.{key}", secret
    for code, account in settings.provider_accounts.items():
        yield from _account_secrets(code, account)


def _account_secrets(code: str, account: ProviderAccountSettings) -> Iterator[tuple[str, Secret]]:
    for name, secret in account.secrets.items():
        yield f"provider_accounts.{code}.secrets.{name}", secret


def is_demo(secret: Secret) -> bool:
    """Whether a secret carries the mark of demonstration keys, in the open or inside base64."""
    text = secret.reveal()
    if DEMO_MARK.search(text.encode()):
        return True
    body = "".join(line for line in text.splitlines() if not line.startswith("-----"))
    for part in {body, body.removeprefix("whsec_")}:
        try:
            if DEMO_MARK.search(base64.b64decode(part, validate=True)):
                return True
        except (binascii.Error, ValueError):
            continue
    return False
