"""The national PaymentPlatform 1.0.6 in pure functions: signed strings, the receipt block, what each code means.

Used by client.py and provider.py. It never does I/O and never reads a clock.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from payclear.contract.errors import CallbackMalformed, ProviderRefused
from payclear.contract.messages import Bill, BillLine
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.clock import VIETNAM
from payclear.kernel.money import Money, parse_amount, sum_money
from payclear.kernel.secret import Secret
from providers.wire import Refuse, json_object, member

VERSION = "1.0.6"
SIGNATURE = "MaXacThuc"
BODY_LIMIT = 65_536

# The values that are hashed, in this order, with the secret behind them.
SIGNED_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "INIT": (
            "LoaiBanTin",
            "PhienBan",
            "MaDoiTac",
            "MaThamChieu",
            "SoTien",
            "LoaiHinhThanhToan",
            "MaKenhThanhToan",
            "MaThietBi",
            "NgonNgu",
            "MaTienTe",
            "MaNganHang",
            "ThongTinGiaoDich",
            "ThoiGianGD",
            "Ip",
        ),
        "QUERY": ("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD"),
        "GET_BILL": ("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD"),
        "CONFIRM": (
            "LoaiBanTin",
            "MaLoi",
            "MaDoiTac",
            "MaThamChieu",
            "SoTien",
            "MaTienTe",
            "MaGiaoDich",
            "MaNganHang",
            "ThoiGianGD",
            "ThongTinGiaoDich",
        ),
    }
)
# Messages that only we send: one of them coming back is a reflection, not a confirmation.
OWN_MESSAGES = frozenset({"INIT", "QUERY", "GET_BILL"})

# What MaLoi of a confirmation says. Only 00 is documented; the query that follows decides.
CONFIRM_OUTCOMES: Mapping[str, Outcome] = MappingProxyType({"00": Outcome.CONFIRMED})

# What an answer to QUERY says: TrangThaiGD → MaLoi → outcome, "*" for every other MaLoi.
QUERY_OUTCOMES: Mapping[str, Mapping[str, Outcome]] = MappingProxyType(
    {
        "1": {"00": Outcome.CONFIRMED, "*": Outcome.UNKNOWN},
        "3": {"*": Outcome.PENDING},
        "4": {"*": Outcome.REJECTED},
    }
)

ACKNOWLEDGEMENTS: Mapping[CallbackVerdict, tuple[str, str]] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: ("00", "Thành công"),
        CallbackVerdict.ALREADY_KNOWN: ("00", "Thành công"),
        CallbackVerdict.ORDER_NOT_FOUND: ("99", "Không tìm thấy giao dịch"),
        CallbackVerdict.AMOUNT_MISMATCH: ("99", "Số tiền không khớp"),
        CallbackVerdict.SIGNATURE_INVALID: ("99", "Mã xác thực không hợp lệ"),
        CallbackVerdict.MALFORMED: ("99", "Bản tin không hợp lệ"),
        CallbackVerdict.TRY_AGAIN: ("99", "Hệ thống bận"),
    }
)

FEE, FINE = "fee", "fine"
_SERVICES = {FINE: "1", FEE: "2"}
_CHARGES = frozenset({"fee_le_phi", "le_phi", "charge"})


def canonical(fields: Mapping[str, str], message: str) -> str:
    """The hashed string without the secret: raw values joined by `|`, absent ones empty."""
    return "|".join(fields.get(name, "") for name in SIGNED_FIELDS[message])


def sign(secret: Secret, text: str) -> str:
    """MaXacThuc: SHA-256 of the string, `|` and the secret, lower-case hexadecimal. Not an HMAC."""
    return hashlib.sha256(f"{text}|{secret.reveal()}".encode()).hexdigest()


def signing_key_id(keys: Mapping[str, Secret], fields: Mapping[str, str], message: str) -> str | None:
    """Name the key whose MaXacThuc the fields carry, or None. A `|` within a value moves borders, so none may."""
    if any("|" in fields.get(name, "") for name in SIGNED_FIELDS[message]):
        return None
    text, given = canonical(fields, message), fields.get(SIGNATURE, "").encode("utf-8")
    found: str | None = None
    for key_id, secret in keys.items():
        if hmac.compare_digest(sign(secret, text).encode("ascii"), given) and found is None:
            found = key_id
    return found


def return_tag(secret: Secret, attempt_ref: str) -> str:
    """What we put into the return address, so that only an address of our making names an attempt."""
    message = f"payclear-return|{attempt_ref}".encode()
    return hmac.digest(secret.reveal().encode("utf-8"), message, hashlib.sha256).hex()[:32]


def flat_fields(body: bytes, refuse: Refuse = CallbackMalformed) -> dict[str, str]:
    """Read a JSON object of texts and whole numbers; objects and lists within are left out.

    Raises what `refuse` makes for anything else, a member given twice, or text that is not Unicode.
    """
    if len(body) > BODY_LIMIT:
        raise refuse("the message is too long", reason="too_long")
    data = json_object(body, refuse)
    return {name: member(data, name, refuse) for name in data if not isinstance(data[name], dict | list)}


def confirm_outcome(code: str) -> Outcome:
    """What MaLoi of a confirmation says; a code nobody knows is `unknown`."""
    return CONFIRM_OUTCOMES.get(code, Outcome.UNKNOWN)


def query_outcome(code: str, status: str) -> Outcome:
    """What a verified answer to QUERY says; unknown states are `unknown`, never a refusal."""
    by_code = QUERY_OUTCOMES.get(status, {"*": Outcome.UNKNOWN})
    return by_code.get(code, by_code["*"])


def read_amount(text: str) -> Money:
    """SoTien as plain digits; raises InvalidAmount."""
    return Money(parse_amount(text))


def time_text(at: datetime) -> str:
    """An aware instant as the platform writes it: yyyyMMddHHmmss in GMT+7, 24 hours."""
    return at.astimezone(VIETNAM).strftime("%Y%m%d%H%M%S")


def read_time(text: str) -> datetime | None:
    """Read yyyyMMddHHmmss in GMT+7 as aware UTC; None when it is no time."""
    if len(text) != 14 or not (text.isascii() and text.isdigit()):
        return None
    try:
        local = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=VIETNAM)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def receipt_block(bill: Bill, amount: Money) -> dict[str, Any]:
    """ThongTinBienLai of a bill; raises ProviderRefused when it lacks what the platform must have.

    Nothing is invented for a missing payer, and the lines stay lines: they must sum to the amount.
    """
    if bill.kind not in _SERVICES:
        raise ProviderRefused("the platform takes fees and fines", field="MaDichVu")
    if not (bill.payer_name and bill.payer_id_no):
        raise ProviderRefused("the receipt needs its payer", field="HoTenNguoiNop")
    if not bill.lines or sum_money(line.amount for line in bill.lines) != amount:
        raise ProviderRefused("the lines do not sum to the amount", field="DSKhoanNop")
    block: dict[str, Any] = {
        "MaDichVu": _SERVICES[bill.kind],
        "NoiDungThanhToan": bill.description,
        "HoTenNguoiNop": bill.payer_name,
        "SoCMNDNguoiNop": bill.payer_id_no,
        "DiaChiNguoiNop": bill.payer_address,
        "MaCoQuanQD": bill.agency_code,
        "TenCoQuanQD": bill.agency_name,
        "DSKhoanNop": [{"NoiDung": line.name, "SoTien": str(line.amount.amount)} for line in bill.lines],
    }
    return block | (_fine_fields(bill) if bill.kind == FINE else _fee_fields(bill))


def _fee_fields(bill: Bill) -> dict[str, Any]:
    return {
        "MaDVC": bill.service_code,
        "TenDVC": bill.service_name,
        "MaTTHC": bill.procedure_code,
        "TenTTHC": bill.procedure_name,
        "MaDonVi": bill.agency_code,
        "TenDonVi": bill.agency_name,
        "MaHoSo": bill.document_no,
        "TKThuHuong": bill.beneficiary_account,
        "MaNHThuHuong": bill.beneficiary_bank,
        "TenTKThuHuong": bill.beneficiary_name,
        "PhiLePhi": [_fee_line(line) for line in bill.lines],
    }


def _fee_line(line: BillLine) -> dict[str, str]:
    return {
        "LoaiPhiLePhi": "2" if line.kind.lower() in _CHARGES else "1",
        "MaPhiLePhi": line.code,
        "TenPhiLePhi": line.name,
        "SoTien": str(line.amount.amount),
    }


def _fine_fields(bill: Bill) -> dict[str, Any]:
    if not (bill.document_no and bill.document_on):
        raise ProviderRefused("a fine needs the number and date of its decision", field="SoQD")
    fields = {
        "MaLoaiHinhThuPhat": bill.fine_type_code,
        "TenLoaiHinhThuPhat": bill.fine_type_name,
        "KhoBac": bill.treasury,
        "NgayQD": f"{bill.document_on:%d/%m/%Y}",
        "SoQD": bill.document_no,
        "ThoiGianViPham": bill.violated_at,
        "DiaDiemViPham": bill.violated_where,
        "TenNguoiViPham": bill.violator_name or bill.payer_name,
    }
    return fields | ({"TaiKhoanThuNSNN": bill.beneficiary_account} if bill.beneficiary_account else {})
