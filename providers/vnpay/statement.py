"""The layout of VNPAY's settlement workbook (VNPAYGATEWAY_….xlsx): data on the second sheet. Pure; called by provider.py."""

from collections.abc import Mapping
from types import MappingProxyType

from payclear.contract.messages import ParsedStatement
from payclear.contract.outcomes import Outcome
from providers import settlement_sheet
from providers.settlement_sheet import Layout

# TRANG_THAI. The texts are not documented; one that is not here becomes a problem of its row.
STATUSES: Mapping[str, tuple[str, Outcome]] = MappingProxyType(
    {
        "00": ("payment", Outcome.CONFIRMED),
        "THANH CONG": ("payment", Outcome.CONFIRMED),
        "GIAO DICH THANH CONG": ("payment", Outcome.CONFIRMED),
        "DA THANH TOAN": ("payment", Outcome.CONFIRMED),
        "SUCCESS": ("payment", Outcome.CONFIRMED),
        "02": ("payment", Outcome.REJECTED),
        "THAT BAI": ("payment", Outcome.REJECTED),
        "KHONG THANH CONG": ("payment", Outcome.REJECTED),
        "GIAO DICH KHONG THANH CONG": ("payment", Outcome.REJECTED),
        "LOI": ("payment", Outcome.REJECTED),
        "FAILED": ("payment", Outcome.REJECTED),
        "01": ("payment", Outcome.PENDING),
        "CHUA HOAN TAT": ("payment", Outcome.PENDING),
        "CHO THANH TOAN": ("payment", Outcome.PENDING),
        "DANG XU LY": ("payment", Outcome.PENDING),
        "07": ("payment", Outcome.PENDING),
        "NGHI NGO GIAN LAN": ("payment", Outcome.PENDING),
        "NGHI VAN": ("payment", Outcome.PENDING),
        "04": ("payment", Outcome.UNKNOWN),
        "GIAO DICH DAO": ("payment", Outcome.UNKNOWN),
        "HOAN TIEN": ("refund", Outcome.CONFIRMED),
        "HOAN TRA": ("refund", Outcome.CONFIRMED),
        "HOAN TIEN THANH CONG": ("refund", Outcome.CONFIRMED),
        "05": ("refund", Outcome.PENDING),
        "DANG HOAN TIEN": ("refund", Outcome.PENDING),
        "06": ("refund", Outcome.PENDING),
        "DA GUI YEU CAU HOAN TIEN": ("refund", Outcome.PENDING),
        "09": ("refund", Outcome.REJECTED),
        "TU CHOI HOAN TIEN": ("refund", Outcome.REJECTED),
    }
)
LAYOUT = Layout(
    sheet=1,
    reference="MA_DON_HANG",
    transaction="MA_GIAO_DICH",
    status="TRANG_THAI",
    # The importer's list names the amount before promotion; some exports call it plainly.
    amounts=("SO_TIEN_TRUOC_KM", "SO_TIEN"),
    occurred="THOI_GIAN_GD",
    personal=frozenset({"SO_DIEN_THOAI", "TEN_KHACH_HANG", "SO_TAI_KHOAN"}),
    statuses=STATUSES,
)


def parse(content: bytes) -> ParsedStatement:
    """Read a settlement workbook; never raises, whatever the bytes."""
    return settlement_sheet.parse(content, LAYOUT)
