"""Reads the QR that a provider gave for a bank transfer, so that the page can show in words what it holds. Pure.

EMVCo merchant-presented mode as NAPAS profiles it for transfers (VietQR). Only a sound text is read; the page shows no
other, because a citizen can not check what a QR says.
"""

from dataclasses import dataclass
from typing import Final

from payclear.kernel.money import InvalidAmount, Money, parse_amount

_NAPAS: Final = "A000000727"
_DONG: Final = "704"
_TEXT_MAX: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What a transfer QR asks for."""

    bank_bin: str
    account_no: str
    memo: str
    amount: Money


def read_transfer(text: str | None) -> Transfer | None:
    """The transfer a QR asks for; None for anything but a sound VietQR in đồng that names its amount."""
    if not text or not text.isascii() or len(text) > _TEXT_MAX or not _is_sealed(text):
        return None
    whole = _elements(text)
    network = _elements(whole.get("38", ""))
    account = _elements(network.get("01", ""))
    more = _elements(whole.get("62", ""))
    if whole.get("00") != "01" or network.get("00") != _NAPAS or whole.get("53") != _DONG:
        return None
    if not account.get("00") or not account.get("01"):
        return None
    try:
        amount = Money(parse_amount(whole.get("54", "")))
    except InvalidAmount:
        return None
    return Transfer(bank_bin=account["00"], account_no=account["01"], memo=more.get("08", ""), amount=amount)


def _elements(text: str) -> dict[str, str]:
    """Tag, length in two digits, value; nothing at all when one is cut, doubled or badly counted."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        tag, length = text[at : at + 2], text[at + 2 : at + 4]
        if len(length) < 2 or not (tag + length).isdigit() or tag in found:
            return {}
        value = text[at + 4 : at + 4 + int(length)]
        if len(value) < int(length):
            return {}
        found[tag] = value
        at += 4 + int(length)
    return found


def _is_sealed(text: str) -> bool:
    """Whether the checksum at its end holds: CRC-16/CCITT-FALSE over all before its four digits."""
    value = 0xFFFF
    for byte in text[:-4].encode("ascii"):
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return text[:-4].endswith("6304") and text[-4:] == f"{value:04X}"
