"""Accounts, bills and messages of the national platform, valid by default."""

import hashlib
import json
from datetime import date
from typing import Any

from payclear.contract.messages import Account, Bill, BillLine
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from tests.providers.factories import REFERENCE, checkout

SECRET = "DEMO-ONLY-PAYMENTPLATFORM-HASH-KEY"
CONFIRM_ORDER = [
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
]


def account(base_url: str = "https://platform.example.vn", **changes: Any) -> Account:
    options: dict[str, str | int | bool] = {
        "partner_code": "000.00.00.G12",
        "api_url": f"{base_url}/paymentplatform/api",
        "pay_origin": base_url,
        "not_found_code": "01",
    }
    if base_url.startswith("http:"):
        options["allow_insecure_host"] = "127.0.0.1"
    return Account(
        code="paymentplatform-test",
        adapter="paymentplatform",
        name_vi="Nền tảng",
        name_en="Platform",
        options=options | changes.get("options", {}),
        secrets=changes.get("secrets", {"hash_secret": Secret(SECRET)}),
    )


def bill(**changes: Any) -> Bill:
    fields: dict[str, Any] = {
        "kind": "fee",
        "description": "Nộp phí hồ sơ H53-261121-0002",
        "document_no": "H53-261121-0002",
        "document_on": date(2026, 11, 20),
        "agency_code": "H53.01",
        "agency_name": "Sở Mẫu",
        "payer_name": "NGUYEN VAN MAU",
        "payer_id_no": "000000000001",
        "payer_address": "Hà Nội",
        "lines": (
            BillLine(kind="fee_phi", code="P01", name="Phí mẫu", amount=Money(100_000)),
            BillLine(kind="fee_le_phi", code="L01", name="Lệ phí mẫu", amount=Money(50_000)),
        ),
        "procedure_code": "1.009999",
        "beneficiary_account": "0000000000",
    }
    return Bill(**fields | changes)


def fine(**changes: Any) -> Bill:
    fields: dict[str, Any] = {
        "kind": "fine",
        "description": "Nộp phạt",
        "document_no": "0012345/QĐ-XPHC",
        "document_on": date(2026, 11, 2),
        "lines": (BillLine(kind="fine", code="", name="Tiền phạt", amount=Money(150_000)),),
        "treasury": "KBNN Mẫu",
    }
    return bill(**fields | changes)


def paid_checkout(**changes: Any) -> Any:
    return checkout(**{"bill": bill(), **changes})


def confirmation(secret: str = SECRET, **changes: Any) -> bytes:
    """A CONFIRM as the platform signs it, by code of its own."""
    fields: dict[str, Any] = {
        "LoaiBanTin": "CONFIRM",
        "MaLoi": "00",
        "MaDoiTac": "000.00.00.G12",
        "MaThamChieu": REFERENCE,
        "SoTien": 150_000,
        "MaTienTe": "VND",
        "MaGiaoDich": "TTTT20261121000987",
        "MaNganHang": "VIETINBANK",
        "ThoiGianGD": "20261121103245",
        "ThongTinGiaoDich": "NOP NSNN",
    } | changes
    text = "|".join([*(str(fields.get(name, "")) for name in CONFIRM_ORDER), secret])
    fields.setdefault("MaXacThuc", hashlib.sha256(text.encode()).hexdigest())
    return json.dumps(fields, ensure_ascii=False).encode()
