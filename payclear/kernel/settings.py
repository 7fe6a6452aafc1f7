"""One frozen `Settings`, made of TOML layers, environment and secret files, checked at start.

Every entry point calls `load_settings` once and passes sections on.
It never reads a setting twice, and never shows a secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from payclear.kernel.problems import OperatorProblem
from payclear.kernel.secret import HIDDEN, Secret
from payclear.kernel.settings_layers import ACCOUNT_KEYS, FromText, Layers, variable_of
from payclear.kernel.settings_rules import judge, limits
from payclear.kernel.settings_schema import (
    ENVIRONMENTS,
    SECTIONS,
    OptionValue,
    ProviderAccountSettings,
    Rule,
    Settings,
    is_secret,
    keys_of,
)

__all__ = ["ProviderAccountSettings", "Settings", "SettingsError", "describe", "load_settings"]

INTEGER: Final = re.compile(r"-?[0-9]{1,15}")
_MISSING: Final = object()


class SettingsError(OperatorProblem):
    """The settings are refused; `problems` holds every reason as a plain sentence."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("The settings are refused:\n" + "\n".join(f"  - {line}" for line in problems))


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as it is shown to an operator: secrets are dots."""

    name: str
    value: str
    origin: str
    meaning: str


def default_config_dir(environ: Mapping[str, str]) -> Path:
    """The folder of the TOML layers: PAYCLEAR_CONFIG_DIR, or config/ beside the packages."""
    given = environ.get("PAYCLEAR_CONFIG_DIR", "")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "config"


def load_settings(
    environment: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    config_dir: Path | None = None,
) -> Settings:
    """Read every layer, check everything, and give one frozen `Settings`.

    The environment is the argument, else PAYCLEAR_ENVIRONMENT, else development.
    Raises SettingsError with every problem at once.
    """
    variables = os.environ if environ is None else environ
    chosen = environment or variables.get("PAYCLEAR_ENVIRONMENT") or "development"
    if chosen not in ENVIRONMENTS:
        raise SettingsError([f"PAYCLEAR_ENVIRONMENT must be one of {', '.join(ENVIRONMENTS)}, not {chosen}."])
    folder = config_dir or default_config_dir(variables)
    layers = Layers()
    layers.read_toml(folder / "default.toml")
    layers.read_toml(folder / f"{chosen}.toml")
    layers.read_environment(variables)
    layers.fill_addresses()
    settings = _assemble(chosen, layers)
    problems = [*layers.problems, *judge(settings)]
    if problems:
        raise SettingsError(problems)
    return settings


def _assemble(environment: str, layers: Layers) -> Settings:
    """Make the frozen object; what is missing or mistyped stands empty, its problem is written down."""
    sections: dict[str, Any] = {
        section: kind(
            **{
                key: _value(layers, f"{section}.{key}", wanted, rule)
                for key, (wanted, rule) in keys_of(kind).items()
            }
        )
        for section, kind in SECTIONS.items()
    }
    accounts = {code: _account(layers, code) for code in layers.accounts}
    return Settings(
        environment=environment,
        provider_accounts=MappingProxyType(accounts),
        origins=MappingProxyType({"environment": "PAYCLEAR_ENVIRONMENT", **layers.origins}),
        **sections,
    )


def _account(layers: Layers, code: str) -> ProviderAccountSettings:
    stem = f"provider_accounts.{code}"
    plain = {
        key: _value(layers, f"{stem}.{key}", wanted, rule)
        for key, (wanted, rule) in ACCOUNT_KEYS.items()
        if key not in ("options", "secrets")
    }
    options = {key: _option(layers, name) for key, name in layers.under(f"{stem}.options.")}
    secrets = {key: _value(layers, name, Secret, None) for key, name in layers.under(f"{stem}.secrets.")}
    return ProviderAccountSettings(
        **plain, options=MappingProxyType(options), secrets=MappingProxyType(secrets)
    )


def _option(layers: Layers, name: str) -> OptionValue:
    raw = layers.values[name]
    if isinstance(raw, FromText):
        return str(raw)
    if isinstance(raw, str | bool | int):
        return raw
    layers.problems.append(f"{name} must be a text, a whole number or true or false.")
    return ""


def _value(layers: Layers, name: str, wanted: Any, rule: Rule | None) -> Any:
    """One checked value, or an empty one after writing down what is wrong with it."""
    if name not in layers.values:
        layers.problems.append(f"The setting {name} is missing: set {variable_of(name)}.")
        return _empty(wanted)
    raw = layers.values[name]
    value = _from_text(raw, wanted) if isinstance(raw, FromText) else _from_toml(raw, wanted)
    if value is _MISSING:
        layers.problems.append(f"{name} (from {layers.origins[name]}) must be {_in_words(wanted)}.")
        return _empty(wanted)
    if rule is not None:
        layers.problems += limits(name, value, rule)
    return value


def _empty(wanted: Any) -> Any:
    """What stands for a value that could not be read, until the settings are refused."""
    if wanted == Mapping[str, Secret]:
        return MappingProxyType({})
    return () if wanted == tuple[str, ...] else wanted()


def _from_toml(raw: Any, wanted: Any) -> Any:
    if wanted is Secret:
        return Secret(raw.strip()) if isinstance(raw, str) else _MISSING
    if wanted == Mapping[str, Secret]:
        if isinstance(raw, dict) and all(isinstance(text, str) for text in raw.values()):
            return MappingProxyType({key: Secret(text) for key, text in raw.items()})
        return _MISSING
    if wanted == tuple[str, ...]:
        sound = isinstance(raw, list) and all(isinstance(part, str) for part in raw)
        return tuple(raw) if sound else _MISSING
    return raw if type(raw) is wanted else _MISSING


def _from_text(raw: str, wanted: Any) -> Any:
    text = str(raw)
    if wanted is str:
        return text
    if wanted is Secret:
        return Secret(text.strip())
    if wanted is int:
        return int(text) if INTEGER.fullmatch(text) else _MISSING
    if wanted is bool:
        return {"true": True, "false": False}.get(text, _MISSING)
    parts = [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]
    if wanted == tuple[str, ...]:
        return tuple(parts)
    pairs = [part.partition("=") for part in parts]
    if not all(separator and key.strip() for key, separator, _ in pairs):
        return _MISSING
    return MappingProxyType({key.strip(): Secret(rest.strip()) for key, _, rest in pairs})


def _in_words(wanted: Any) -> str:
    words = {str: "a text", int: "a whole number", bool: "true or false", Secret: "a text"}
    if wanted in words:
        return words[wanted]
    return "a list of texts" if wanted == tuple[str, ...] else "a table of texts"


def describe(settings: Settings) -> list[SettingRow]:
    """Every setting with its value (secrets as dots), its origin and its meaning."""
    meaning = "which TOML file is laid over default.toml"
    rows = [SettingRow("environment", settings.environment, settings.origins["environment"], meaning)]
    for section, kind in SECTIONS.items():
        for key, (wanted, rule) in keys_of(kind).items():
            value = getattr(getattr(settings, section), key)
            name = f"{section}.{key}"
            origin = settings.origins.get(name, "")
            rows.append(SettingRow(name, _shown(value, hidden=is_secret(wanted)), origin, rule.meaning))
    for code, account in settings.provider_accounts.items():
        rows += _describe_account(settings, code, account)
    return rows


def _describe_account(settings: Settings, code: str, account: ProviderAccountSettings) -> list[SettingRow]:
    stem = f"provider_accounts.{code}"
    rows = []
    for key, (_, rule) in ACCOUNT_KEYS.items():
        value = getattr(account, key)
        if isinstance(value, Mapping):
            parts = [(f"{stem}.{key}.{part}", value[part]) for part in value]
        else:
            parts = [(f"{stem}.{key}", value)]
        for name, part_value in parts:
            shown = _shown(part_value, hidden=key == "secrets")
            rows.append(SettingRow(name, shown, settings.origins.get(name, ""), rule.meaning))
    return rows


def _shown(value: Any, *, hidden: bool) -> str:
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={HIDDEN}" for key in value)
    if hidden and value:
        return HIDDEN
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
