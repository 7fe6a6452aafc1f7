"""The QR text of a transfer (EMVCo merchant-presented mode as NAPAS profiles it): build, parse, check. Pure.

Called by provider.py. Lengths count characters and the checksum bytes, as the peers do; both agree for ASCII,
and what we issue is ASCII.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

GUID_NAPAS = "A000000727"
TO_ACCOUNT, TO_CARD = "QRIBFTTA", "QRIBFTTC"
STATIC, DYNAMIC = "11", "12"
CURRENCY_VND, COUNTRY = "704", "VN"
VALUE_MAX = 99

_BIN = re.compile(r"[0-9]{6}")
_ACCOUNT = re.compile(r"[A-Za-z0-9]{1,19}")
_TAG = re.compile(r"[0-9]{2}")
_AMOUNT = re.compile(r"[1-9][0-9]{0,12}")


class QrMalformed(ValueError):
    """A text that is no sound QR of this kind, or a value that does not fit into one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferQr:
    """What a VietQR says. `amount` is 0 for a static one."""

    bank_bin: str
    account_number: str
    service: str = TO_ACCOUNT
    amount: int = 0
    purpose: str = ""
    bill_number: str = ""
    reference_label: str = ""
    terminal: str = ""


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, nothing reflected."""
    value = 0xFFFF
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


def element(tag: str, value: str) -> str:
    """One element: tag, length in two digits, value; an empty value gives nothing. Raises QrMalformed."""
    if not _TAG.fullmatch(tag) or len(value) > VALUE_MAX:
        raise QrMalformed(f"element {tag} does not fit")
    return f"{tag}{len(value):02d}{value}" if value else ""


def sealed(elements: Iterable[tuple[str, str]]) -> str:
    """The whole text of a QR: its elements in order, and the checksum over them."""
    body = "".join(element(tag, value) for tag, value in elements) + "6304"
    return f"{body}{crc16(body.encode('utf-8')):04X}"


def build(qr: TransferQr) -> str:
    """The text of a transfer QR; raises QrMalformed for a bank, account or amount that is none."""
    if not _BIN.fullmatch(qr.bank_bin) or not _ACCOUNT.fullmatch(qr.account_number) or qr.amount < 0:
        raise QrMalformed("no bank, account or amount that a QR can carry")
    amount = str(qr.amount) if qr.amount else ""
    beneficiary = element("00", qr.bank_bin) + element("01", qr.account_number)
    network = element("00", GUID_NAPAS) + element("01", beneficiary) + element("02", qr.service)
    additional = (
        element("01", qr.bill_number)
        + element("05", qr.reference_label)
        + element("07", qr.terminal)
        + element("08", qr.purpose)
    )
    return sealed(
        [
            ("00", "01"),
            ("01", DYNAMIC if amount else STATIC),
            ("38", network),
            ("53", CURRENCY_VND),
            ("54", amount),
            ("58", COUNTRY),
            ("62", additional),
        ]
    )


def elements(text: str) -> dict[str, str]:
    """The elements of a text by their tags; raises QrMalformed for a cut, doubled or badly counted one."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        head = text[position : position + 4]
        if len(head) < 4 or not (head.isascii() and head.isdigit()):
            raise QrMalformed("an element has no tag and length")
        tag, length = head[:2], int(head[2:])
        value = text[position + 4 : position + 4 + length]
        if len(value) < length or tag in found:
            raise QrMalformed(f"element {tag} is cut or given twice")
        found[tag] = value
        position += 4 + length
    return found


def checked(text: str) -> dict[str, str]:
    """The elements of a whole QR text whose checksum holds; raises QrMalformed."""
    body, given = text[:-4], text[-4:]
    if not body.endswith("6304") or f"{crc16(body.encode('utf-8', 'replace')):04X}" != given:
        raise QrMalformed("the checksum does not hold")
    found = elements(text)
    if found.get("00") != "01" or list(found)[-1] != "63":
        raise QrMalformed("no merchant-presented QR")
    return found


def parse(text: str) -> TransferQr:
    """Read a transfer QR; raises QrMalformed for anything else."""
    found = checked(text)
    network = elements(found.get("38", ""))
    beneficiary = elements(network.get("01", ""))
    more = elements(found.get("62", ""))
    amount = found.get("54", "")
    if network.get("00") != GUID_NAPAS or found.get("53") != CURRENCY_VND or found.get("58") != COUNTRY:
        raise QrMalformed("no VietQR in đồng")
    if amount and not _AMOUNT.fullmatch(amount):
        raise QrMalformed("the amount is no whole number of đồng")
    return TransferQr(
        bank_bin=beneficiary.get("00", ""),
        account_number=beneficiary.get("01", ""),
        service=network.get("02", ""),
        amount=int(amount or "0"),
        purpose=more.get("08", ""),
        bill_number=more.get("01", ""),
        reference_label=more.get("05", ""),
        terminal=more.get("07", ""),
    )
