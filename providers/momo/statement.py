"""Where MoMo's settlement workbook (MOMOAPP_….xlsx) keeps what: first sheet, columns of a public importer.

Called by provider.py. Pure; it never raises, whatever the bytes.
"""

from types import MappingProxyType

from payclear.contract.messages import ParsedStatement
from payclear.contract.outcomes import Outcome
from providers import settlement_sheet

LAYOUT = settlement_sheet.Layout(
    sheet=0,
    reference="SO_HD",
    transaction="TID",
    status="TRANG_THAI",
    occurred="NGAY_GIAO_DICH",
    amounts=("SO_TIEN",),
    statuses=MappingProxyType(
        {
            "0": ("payment", Outcome.CONFIRMED),
            "THANH CONG": ("payment", Outcome.CONFIRMED),
            "GIAO DICH THANH CONG": ("payment", Outcome.CONFIRMED),
            "DA THANH TOAN": ("payment", Outcome.CONFIRMED),
            "SUCCESS": ("payment", Outcome.CONFIRMED),
            "SUCCESSFUL": ("payment", Outcome.CONFIRMED),
            "THAT BAI": ("payment", Outcome.REJECTED),
            "KHONG THANH CONG": ("payment", Outcome.REJECTED),
            "GIAO DICH THAT BAI": ("payment", Outcome.REJECTED),
            "GIAO DICH KHONG THANH CONG": ("payment", Outcome.REJECTED),
            "FAILED": ("payment", Outcome.REJECTED),
            "DANG XU LY": ("payment", Outcome.PENDING),
            "CHO XU LY": ("payment", Outcome.PENDING),
            "HOAN TIEN": ("refund", Outcome.CONFIRMED),
            "HOAN TRA": ("refund", Outcome.CONFIRMED),
            "DA HOAN TIEN": ("refund", Outcome.CONFIRMED),
            "HOAN TIEN THANH CONG": ("refund", Outcome.CONFIRMED),
            "DANG HOAN TIEN": ("refund", Outcome.PENDING),
            "HOAN TIEN THAT BAI": ("refund", Outcome.REJECTED),
        }
    ),
    personal=frozenset({"TEN_KH", "SDT"}),
)


def parse(content: bytes) -> ParsedStatement:
    """Read a settlement workbook; a total row gives control figures, without one there are none."""
    return settlement_sheet.parse(content, LAYOUT)
