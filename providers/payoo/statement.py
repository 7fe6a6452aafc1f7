"""Reads Payoo's settlement workbook (PAYOO_….xlsx): one sheet of paid orders. Pure; called by provider.py.

The file has no status column and no number of Payoo's: every row is a payment, known by our reference.
"""

from payclear.contract.messages import ParsedStatement
from providers.settlement_sheet import Layout
from providers.settlement_sheet import parse as parse_sheet

LAYOUT = Layout(
    sheet=0,
    reference="MA_DON_HANG",
    transaction="",
    status="",
    amounts=("SO_TIEN",),
    occurred="THOI_DIEM_THANH_TOAN",
    statuses={},
    personal=frozenset({"MA_KH", "HO_TEN", "DIA_CHI"}),
)


def parse(content: bytes) -> ParsedStatement:
    """Read a settlement workbook; never raises, whatever the bytes."""
    return parse_sheet(content, LAYOUT)
