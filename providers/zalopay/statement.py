"""Where ZaloPay's settlement workbook (ZALOPAY_….xlsx) keeps what: first sheet, columns of a public importer.

Called by provider.py. Pure; it never raises, whatever the bytes.
"""

from dataclasses import replace
from types import MappingProxyType

from payclear.contract.messages import ParsedStatement, StatementEntry, StatementProblem
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import InvalidAmount, Money, parse_statement_amount
from providers import settlement_sheet
from providers.zalopay.mapping import attempt_ref_of

GIVEN_BACK = "SO_TIEN_HOANTRA"

LAYOUT = settlement_sheet.Layout(
    sheet=0,
    reference="MA_GD_MERCHANT",
    transaction="MA_GD_ZALOPAY",
    status="TRANG_THAI_GIAO_DICH",
    occurred="NGAY_GIAO_DICH",
    amounts=("SO_TIEN_GIAO_DICH",),
    statuses=MappingProxyType(
        {
            "1": ("payment", Outcome.CONFIRMED),
            "THANH CONG": ("payment", Outcome.CONFIRMED),
            "GIAO DICH THANH CONG": ("payment", Outcome.CONFIRMED),
            "DA THANH TOAN": ("payment", Outcome.CONFIRMED),
            "SUCCESS": ("payment", Outcome.CONFIRMED),
            "THAT BAI": ("payment", Outcome.REJECTED),
            "KHONG THANH CONG": ("payment", Outcome.REJECTED),
            "GIAO DICH THAT BAI": ("payment", Outcome.REJECTED),
            "FAILED": ("payment", Outcome.REJECTED),
            "DANG XU LY": ("payment", Outcome.PENDING),
            "PROCESSING": ("payment", Outcome.PENDING),
            "HOAN TIEN": ("refund", Outcome.CONFIRMED),
            "HOAN TRA": ("refund", Outcome.CONFIRMED),
            "DA HOAN TIEN": ("refund", Outcome.CONFIRMED),
            "HOAN TIEN THANH CONG": ("refund", Outcome.CONFIRMED),
            "DANG HOAN TIEN": ("refund", Outcome.PENDING),
            "HOAN TIEN THAT BAI": ("refund", Outcome.REJECTED),
        }
    ),
    personal=frozenset({"MA_KH", "TEN_KH"}),
)


def parse(content: bytes) -> ParsedStatement:
    """Read a settlement workbook; a total row gives control figures, without one there are none.

    A refund's row carries its amount in SO_TIEN_HOANTRA where that column is filled. A payment's row that says that money
    went back is two facts in one line: a problem, for a person to look at.
    """
    parsed = settlement_sheet.parse(content, LAYOUT)
    entries: list[StatementEntry] = []
    problems = list(parsed.problems)
    for entry in parsed.entries:
        read = _with_refund(entry)
        if isinstance(read, StatementEntry):
            entries.append(replace(read, attempt_ref=attempt_ref_of(read.attempt_ref) or read.attempt_ref))
        else:
            problems.append(read)
    problems.sort(key=lambda problem: problem.line_no)
    return replace(parsed, entries=tuple(entries), problems=tuple(problems))


def _with_refund(entry: StatementEntry) -> StatementEntry | StatementProblem:
    text = entry.raw.get(GIVEN_BACK, "")
    if not text:
        return entry
    try:
        given_back = parse_statement_amount(text)
    except InvalidAmount:
        return StatementProblem(line_no=entry.line_no, code="bad_amount", detail=text[:100])
    if given_back == Money(0) and entry.kind == "payment":
        return entry
    if given_back.amount <= 0:
        return StatementProblem(line_no=entry.line_no, code="bad_amount", detail=text[:100])
    if entry.kind == "payment":
        return StatementProblem(
            line_no=entry.line_no, code="payment_and_refund_in_one_row", detail=entry.attempt_ref[:100]
        )
    return replace(entry, amount=given_back)
