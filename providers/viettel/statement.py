"""The layout of Viettel's settlement workbook (VIETTELAPP_….xlsx): data on the first sheet. Pure; called by
provider.py.
"""

from collections.abc import Mapping
from types import MappingProxyType

from payclear.contract.messages import ParsedStatement
from payclear.contract.outcomes import Outcome
from providers import settlement_sheet
from providers.settlement_sheet import Layout

# TRANG_THAI. The texts are not documented; one that is not here becomes a problem of its row.
STATUSES: Mapping[str, tuple[str, Outcome]] = MappingProxyType(
    {
        "1": ("payment", Outcome.CONFIRMED),
        "THANH CONG": ("payment", Outcome.CONFIRMED),
        "GIAO DICH THANH CONG": ("payment", Outcome.CONFIRMED),
        "SUCCESS": ("payment", Outcome.CONFIRMED),
        "THAT BAI": ("payment", Outcome.REJECTED),
        "KHONG THANH CONG": ("payment", Outcome.REJECTED),
        "GIAO DICH THAT BAI": ("payment", Outcome.REJECTED),
        "FAILED": ("payment", Outcome.REJECTED),
        "DANG XU LY": ("payment", Outcome.PENDING),
        "PENDING": ("payment", Outcome.PENDING),
        "HOAN TIEN": ("refund", Outcome.CONFIRMED),
        "HOAN TIEN THANH CONG": ("refund", Outcome.CONFIRMED),
        "REFUND": ("refund", Outcome.CONFIRMED),
        "DANG HOAN TIEN": ("refund", Outcome.PENDING),
    }
)
LAYOUT = Layout(
    sheet=0,
    reference="MA_GIAO_DICH_NCCDV",
    transaction="MA_GIAO_DICH",
    status="TRANG_THAI",
    amounts=("SO_TIEN",),
    occurred="NGAY_GIAO_DICH",
    statuses=STATUSES,
)


def parse(content: bytes) -> ParsedStatement:
    """Read a settlement workbook; never raises, whatever the bytes."""
    return settlement_sheet.parse(content, LAYOUT)
