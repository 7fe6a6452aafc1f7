"""The day file of a collecting bank: each planted fault becomes a problem with its line, no row is lost."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from providers.collection_sheet import COLUMNS, parse

HEADER = ",".join(COLUMNS)
PAID = "FT1,123456789012334,H00.14-261121-0007,150000,2026-11-21T10:31:05+07:00,PAID,COUNTER_BRANCH,CASH"
REVERSED = "FT2,234567890123473,0012345/QĐ-XPHC,1250000,2026-11-21T10:44:30+07:00,REVERSED,EBANKING,ACCOUNT"


def file(*rows: str, trailer: str | None = "TRAILER,2,1400000") -> bytes:
    return "\r\n".join([HEADER, *rows, *([trailer] if trailer else [])]).encode()


def test_whole_file_is_read() -> None:
    parsed = parse(file(PAID, REVERSED))
    assert parsed.problems == ()
    first, second = parsed.entries
    assert (first.attempt_ref, first.provider_ref, first.amount) == ("123456789012334", "FT1", Money(150_000))
    assert (first.outcome, first.kind, first.line_no) == (Outcome.CONFIRMED, "payment", 2)
    assert first.occurred_at == datetime(2026, 11, 21, 3, 31, 5, tzinfo=UTC)
    assert first.raw["instrument"] == "CASH"
    assert (second.outcome, second.line_no) == (Outcome.REJECTED, 3)
    assert (parsed.control_count, parsed.control_sum) == (2, Money(1_400_000))


def test_byte_order_mark_blank_lines_and_quotes_do_no_harm() -> None:
    content = "\ufeff".encode() + file(PAID.replace("H00.14-261121-0007", '"a ""b"", c"'), "", REVERSED)
    parsed = parse(content)
    assert parsed.problems == ()
    assert parsed.entries[0].raw["document_no"] == 'a "b", c'


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("150000", "150.000"), "bad_amount"),
        (("150000", "-150000"), "bad_amount"),
        (("150000", "1.5e5"), "bad_amount"),
        (("150000", "0"), "bad_amount"),
        (("150000", "１５００００"), "bad_amount"),
        (("150000", "9999999999999999"), "bad_amount"),
        (("PAID", "paid"), "unknown_status"),
        (("PAID", "SETTLED"), "unknown_status"),
        (("FT1", ""), "missing_transaction"),
        (("123456789012334", " "), "missing_reference"),
        (("CASH", "CASH,x"), "wrong_width"),
        ((",CASH", ""), "wrong_width"),
        (("H00.14-261121-0007", "x" * 201), "too_long"),
    ],
)
def test_bad_row_is_a_problem_with_its_line(change: tuple[str, str], code: str) -> None:
    parsed = parse(file(REVERSED, PAID.replace(*change)))
    assert [(each.line_no, each.code) for each in parsed.problems] == [(3, code)]
    assert len(parsed.entries) == 1


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (b"", ["missing_header"]),
        (b"\xff\xfe", ["not_a_csv"]),
        (PAID.encode(), ["missing_header"]),
        (file(PAID, trailer=None), ["missing_trailer"]),
        (file(PAID, trailer="TRAILER,1"), ["bad_trailer", "missing_trailer"]),
        (file(PAID, trailer="TRAILER,one,150000"), ["bad_trailer", "missing_trailer"]),
        (file(trailer="TRAILER,0,0") + b"\r\n" + PAID.encode(), ["row_after_trailer"]),
        (file(PAID, trailer='"TRAILER,1,150000'), ["not_a_csv", "missing_trailer"]),
    ],
)
def test_broken_file_says_what_is_wrong(content: bytes, codes: list[str]) -> None:
    assert [each.code for each in parse(content).problems] == codes


def test_time_that_can_not_be_read_is_kept_as_text() -> None:
    (entry,) = parse(file(PAID.replace("2026-11-21T10:31:05+07:00", "21/11/2026 10:31"))).entries
    assert (entry.occurred_at, entry.occurred_at_raw) == (None, "21/11/2026 10:31")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_exception(content: bytes) -> None:
    parse(content)
    parse(file(PAID) + content)
