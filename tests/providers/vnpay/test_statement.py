import time
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payclear.contract.messages import StatementFile
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from providers.vnpay import provider, statement
from tests.providers.books import HEADER, row, trailer, workbook
from tests.providers.factories import vnpay_account

PAID_AT = datetime(2026, 11, 21, 3, 31, 12, tzinfo=UTC)


def parse(*rows, **options):
    return statement.parse(workbook([HEADER, *rows], **options))


def problems(parsed):
    return [(problem.line_no, problem.code) for problem in parsed.problems]


def test_parse_good_workbook_gives_entries_and_control_figures():
    parsed = parse(row(), row(MA_GIAO_DICH=14226113.0, SO_TIEN_TRUOC_KM="1.250.000"), trailer(2, 1_400_000))
    first, second = parsed.entries
    assert (first.line_no, second.line_no) == (2, 3)
    assert first.attempt_ref == "PC0123456789A01"
    assert (first.amount, second.amount) == (Money(150_000), Money(1_250_000))
    assert second.provider_ref == "14226113"
    assert (first.kind, first.outcome) == ("payment", Outcome.CONFIRMED)
    assert (first.occurred_at, first.occurred_at_raw) == (PAID_AT, "21/11/2026 10:31:12")
    assert (parsed.control_count, parsed.control_sum) == (2, Money(1_400_000))
    assert parsed.problems == ()


def test_parse_day_without_payments_is_empty_and_sound():
    parsed = parse(trailer(0, 0))
    assert (parsed.entries, parsed.problems, parsed.control_count) == ((), (), 0)


def test_parse_without_trailer_has_no_control_figures():
    assert parse(row()).control_count is None


def test_parse_personal_data_is_not_kept():
    raw = parse(row()).entries[0].raw
    assert "NGUYEN" not in str(raw)
    assert "0900000000" not in str(raw)
    assert "000011112222" not in str(raw)
    assert raw["NGAN_HANG"] == "NCB"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"MA_DON_HANG": ""}, "missing_reference"),
        ({"MA_DON_HANG": "   "}, "missing_reference"),
        ({"MA_GIAO_DICH": ""}, "missing_transaction"),
        ({"TRANG_THAI": ""}, "unknown_status"),
        ({"TRANG_THAI": "Trạng thái 42"}, "unknown_status"),
        ({"SO_TIEN_TRUOC_KM": ""}, "bad_amount"),
        ({"SO_TIEN_TRUOC_KM": "1.25O.000"}, "bad_amount"),
        ({"SO_TIEN_TRUOC_KM": "150000,5"}, "bad_amount"),
        ({"SO_TIEN_TRUOC_KM": 150_000.5}, "bad_amount"),
        ({"SO_TIEN_TRUOC_KM": -150_000}, "bad_amount"),
        ({"SO_TIEN_TRUOC_KM": "-150.000"}, "bad_amount"),
        ({"SO_TIEN_TRUOC_KM": 1e300}, "bad_amount"),
        ({"SO_TIEN_TRUOC_KM": True}, "bad_amount"),
        ({"SO_TIEN_TRUOC_KM": datetime(2026, 11, 21)}, "bad_amount"),
    ],
)
def test_parse_bad_row_is_a_problem_with_its_line_and_the_others_are_read(changes, code):
    parsed = parse(row(), row(**changes), row())
    assert problems(parsed) == [(3, code)]
    assert [entry.line_no for entry in parsed.entries] == [2, 4]


@pytest.mark.parametrize(
    ("text", "kind", "outcome"),
    [
        ("Thành công", "payment", "confirmed"),
        ("GIAO DỊCH  THÀNH CÔNG", "payment", "confirmed"),
        ("giao dịch không thành công", "payment", "rejected"),
        ("Không thành công", "payment", "rejected"),
        ("Đang xử lý", "payment", "pending"),
        ("Nghi ngờ gian lận", "payment", "pending"),
        ("Hoàn tiền", "refund", "confirmed"),
        ("Đang hoàn tiền", "refund", "pending"),
        ("00", "payment", "confirmed"),
    ],
)
def test_parse_status_is_read_with_or_without_accents(text, kind, outcome):
    entry = parse(row(TRANG_THAI=text)).entries[0]
    assert (entry.kind, entry.outcome.value) == (kind, outcome)


@pytest.mark.parametrize(
    "moment",
    ["21/11/2026 10:31:12", "20261121103112", "2026-11-21 10:31:12", datetime(2026, 11, 21, 10, 31, 12)],
)
def test_parse_times_are_vietnamese(moment):
    assert parse(row(THOI_GIAN_GD=moment)).entries[0].occurred_at == PAID_AT


@pytest.mark.parametrize("moment", ["", "hôm qua", 12.5, date(2026, 11, 21)])
def test_parse_time_that_can_not_be_read_is_left_open(moment):
    assert parse(row(THOI_GIAN_GD=moment)).entries[0].occurred_at in (
        None,
        datetime(2026, 11, 20, 17, tzinfo=UTC),
    )


def test_parse_columns_may_move_and_the_header_may_stand_lower():
    order = list(reversed(HEADER))
    moved = [list(reversed(row())), ["", "", *[""] * 13, "x"][:0]]
    parsed = statement.parse(workbook([["Đối soát"], [], order, moved[0]], skip_rows=2))
    assert [entry.line_no for entry in parsed.entries] == [6]
    assert parsed.entries[0].amount == Money(150_000)


def test_parse_header_is_found_with_accents_and_spaces():
    names = [{"MA_DON_HANG": "Mã đơn hàng", "TRANG_THAI": "Trạng thái"}.get(name, name) for name in HEADER]
    assert len(statement.parse(workbook([names, row()])).entries) == 1


def test_parse_plain_amount_column_is_taken_when_it_is_the_only_one():
    names = ["SO_TIEN" if name == "SO_TIEN_TRUOC_KM" else name for name in HEADER]
    assert statement.parse(workbook([names, row()])).entries[0].amount == Money(150_000)


@pytest.mark.parametrize("missing", ["MA_DON_HANG", "MA_GIAO_DICH", "TRANG_THAI", "SO_TIEN_TRUOC_KM"])
def test_parse_without_a_needed_column_is_a_problem_of_the_file(missing):
    names = ["X" if name == missing else name for name in HEADER]
    assert problems(statement.parse(workbook([names, row()]))) == [(0, "missing_header")]


def test_parse_data_on_the_first_sheet_only_is_not_taken():
    assert problems(parse(row(), sheets=1)) == [(0, "not_a_workbook")]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(), trailer("hai", 150_000)], [(3, "bad_trailer")]),
        ([row(), trailer(1, "x")], [(3, "bad_trailer")]),
        ([row(), trailer(1, 150_000), trailer(1, 150_000)], [(4, "bad_trailer")]),
        ([trailer(1, 150_000), row()], [(3, "row_after_trailer")]),
    ],
)
def test_parse_odd_trailer_is_a_problem(rows, expected):
    assert problems(parse(*rows)) == expected


@given(st.binary(max_size=2_000))
def test_parse_any_bytes_are_one_problem_and_never_an_exception(content):
    file = StatementFile(name="x", content=content, media_type="x", business_on=date(2026, 11, 20))
    parsed = provider.parse_statement(vnpay_account(), file)
    assert problems(parsed) == [(0, "not_a_workbook")]


GOOD = workbook([HEADER, row(), trailer(1, 150_000)])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_parse_damaged_workbook_never_raises(changes):
    damaged = bytearray(GOOD)
    for position, value in changes:
        damaged[position] = value
    statement.parse(bytes(damaged))


@given(st.integers(0, len(GOOD) - 1))
def test_parse_cut_workbook_is_never_taken_for_whole(length):
    parsed = statement.parse(GOOD[:length])
    assert parsed.entries == ()
    assert problems(parsed) == [(0, "not_a_workbook")]


def test_parse_twenty_thousand_rows_take_seconds():
    content = workbook([HEADER, *(row(MA_GIAO_DICH=str(number)) for number in range(20_000))])
    started = time.monotonic()
    assert len(statement.parse(content).entries) == 20_000
    assert time.monotonic() - started < 10
