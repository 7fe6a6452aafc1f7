"""The layout of OnePay's settlement workbook (ONEPAY_….xlsx): data on the first sheet. Pure; called by provider.py."""

from collections.abc import Mapping
from types import MappingProxyType

from payclear.contract.messages import ParsedStatement
from payclear.contract.outcomes import Outcome
from providers import settlement_sheet
from providers.settlement_sheet import Layout

# TRANSACTION_STATE. The texts are not documented; one that is not here becomes a problem of its row.
STATUSES: Mapping[str, tuple[str, Outcome]] = MappingProxyType(
    {
        "0": ("payment", Outcome.CONFIRMED),
        "APPROVED": ("payment", Outcome.CONFIRMED),
        "SUCCESS": ("payment", Outcome.CONFIRMED),
        "SUCCESSFUL": ("payment", Outcome.CONFIRMED),
        "THANH CONG": ("payment", Outcome.CONFIRMED),
        "FAILED": ("payment", Outcome.REJECTED),
        "DECLINED": ("payment", Outcome.REJECTED),
        "CANCELLED": ("payment", Outcome.REJECTED),
        "THAT BAI": ("payment", Outcome.REJECTED),
        "KHONG THANH CONG": ("payment", Outcome.REJECTED),
        "PENDING": ("payment", Outcome.PENDING),
        "DANG XU LY": ("payment", Outcome.PENDING),
        "REFUND": ("refund", Outcome.CONFIRMED),
        "REFUNDED": ("refund", Outcome.CONFIRMED),
        "HOAN TIEN": ("refund", Outcome.CONFIRMED),
    }
)
LAYOUT = Layout(
    sheet=0,
    reference="MERCHANT_TRANS_REF",
    transaction="TRANSACTION_ID",
    status="TRANSACTION_STATE",
    amounts=("AMOUNT",),
    occurred="TRAN_DATE",
    merchant="MERCHANT_ID",
    statuses=STATUSES,
)


def parse(content: bytes) -> ParsedStatement:
    """Read a settlement workbook; never raises, whatever the bytes."""
    return settlement_sheet.parse(content, LAYOUT)
