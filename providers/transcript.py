"""Makes a provider exchange fit for a log: secrets, signatures, names, cards and account numbers are struck
out.

Called by `providers.transport` before anything is written. It must never be handed to a provider: it loses
information.
"""

import re
from collections.abc import Iterable

from payclear.kernel.secret import HIDDEN, Secret

TRANSCRIPT_LIMIT = 2_000

# Matched inside a field's name, after lower-casing and dropping everything but letters and digits.
_SENSITIVE_PARTS = (
    "hash",
    "sign",
    "mac",
    "checksum",
    "xacthuc",
    "secret",
    "token",
    "password",
    "authorization",
    "cookie",
    "apikey",
    "accesskey",
    "card",
    "pan",
    "otp",
    "cvv",
    "name",
    "khachhang",
    "hoten",
    "vipham",
    "nguoivipham",
    "phone",
    "dienthoai",
    "mobile",
    "email",
    "address",
    "diachi",
    "accountno",
    "accountnumber",
    "senderaccount",
    "acct",
    "taikhoan",
    "cccd",
    "cmnd",
    "identity",
    "ipaddr",
    "createby",
    "qrcode",  # a VietQR text holds the account number
)
# Fields whose names contain one of the parts above but say nothing about anybody.
_HARMLESS = frozenset({"vnpcardtype", "cardtype", "merchantname"})
_NAME_NOISE = re.compile(r"[^a-z0-9]")
_JSON_FIELD = re.compile(r'"((?:[^"\\]|\\.){1,80})"(\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,}\]"]+)')
_FORM_FIELD = re.compile(r"(?<![^?&\s])([A-Za-z0-9_.%-]{1,80})=([^&\s]*)")
_HEADER_FIELD = re.compile(r"(?m)^([A-Za-z0-9-]{1,80}): ?(.*)$")
_CARD_NUMBER = re.compile(r"(?<!\d)\d{16,19}(?!\d)")


def is_sensitive_name(name: str) -> bool:
    """Whether the value of a field with this name must not be logged."""
    plain = _NAME_NOISE.sub("", name.lower())
    return plain not in _HARMLESS and any(part in plain for part in _SENSITIVE_PARTS)


def scrub(text: str, secrets: Iterable[Secret] = ()) -> str:
    """Return the text with every sensitive value replaced by dots and cut to TRANSCRIPT_LIMIT characters.

    Understands JSON members, form or query fields and header lines; besides, it strikes out the given secrets
    and anything that looks like a card number wherever they stand.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret.reveal(), HIDDEN)
    text = _JSON_FIELD.sub(_json_field, text)
    text = _FORM_FIELD.sub(_form_field, text)
    text = _HEADER_FIELD.sub(_header_field, text)
    text = _CARD_NUMBER.sub(HIDDEN, text)
    return text if len(text) <= TRANSCRIPT_LIMIT else text[:TRANSCRIPT_LIMIT] + "…"


def _json_field(match: re.Match[str]) -> str:
    name, colon, value = match.groups()
    if not is_sensitive_name(name):
        return match.group(0)
    empty = value in ('""', "null")
    return match.group(0) if empty else f'"{name}"{colon}"{HIDDEN}"'


def _form_field(match: re.Match[str]) -> str:
    name, value = match.groups()
    return f"{name}={HIDDEN}" if value and is_sensitive_name(name) else match.group(0)


def _header_field(match: re.Match[str]) -> str:
    name, value = match.groups()
    return f"{name}: {HIDDEN}" if value and is_sensitive_name(name) else match.group(0)
