"""One row, cell by cell: what Excel and people do to cells, and what is made of it."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from payclear.obligations.batches.domain import Column, DecisionRow, RefusedRow
from payclear.obligations.batches.rows import read_row
from payclear.obligations.domain import ServedMethod
from payclear.obligations.fines.domain import PaperType
from payclear.obligations.rules.corrections import VersionKind
from payclear.obligations.rules.identity_numbers import IdType
from payclear.obligations.rules.plates import PlateColour
from tests.obligations.batches.files import row

TODAY = date(2026, 11, 21)


def read(**changes: Any) -> DecisionRow | RefusedRow:
    cells = {Column(name): cell for name, cell in row(1, **changes).items()}
    return read_row(7, cells, agency_code=None, today=TODAY)


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("agency_code", None, "missing"),
        ("agency_code", "H00 14", "invalid_format"),
        ("decision_no", None, "missing"),
        ("decision_no", "  ", "missing"),
        ("decision_no", 12345.0, "cell_is_number"),
        ("decision_no", 12345, "cell_is_number"),
        ("decision_no", True, "wrong_type"),
        ("decision_no", date(2026, 1, 2), "cell_is_date"),
        ("decision_no", time(1, 2), "cell_is_date"),
        ("decision_no", "1.23457E+11", "rounded_number"),
        ("decision_no", "NGUYỄN VĂN MẪU", "invalid_format"),
        ("decision_no", "=1+1", "invalid_format"),
        ("decision_no", "12\u200b3", "control_character"),
        ("decision_no", "1" * 61, "too_long"),
        ("decided_on", None, "missing"),
        ("decided_on", 46327, "date_is_number"),
        ("decided_on", 46327.0, "date_is_number"),
        ("decided_on", "46327", "date_is_number"),
        ("decided_on", "11/25/2026", "not_a_date"),
        ("decided_on", "30/02/2026", "not_a_date"),
        ("decided_on", "1/11/26", "not_a_date"),
        ("decided_on", "2026-1-2", "not_a_date"),
        ("decided_on", "hôm qua", "not_a_date"),
        ("decided_on", datetime(2026, 11, 1, 9, 30), "date_with_time"),
        ("decided_on", timedelta(days=3), "not_a_date"),
        ("decided_on", "22/11/2026", "in_the_future"),
        ("decided_on", "01/01/1980", "date_out_of_range"),
        ("served_on", "31/10/2026", "served_before_decided"),
        ("served_on", "22/11/2026", "in_the_future"),
        ("served_method", None, "missing"),
        ("served_method", "ném qua cửa sổ", "unknown_word"),
        ("violator_name", None, "missing"),
        ("violator_name", "A\x07B", "control_character"),
        ("violator_name", "M" * 201, "too_long"),
        ("id_type", "thẻ thư viện", "unknown_word"),
        ("id_no", 1000000001.0, "cell_is_number"),
        ("id_no", "1000000001", "invalid_id_no"),
        ("id_no", "1,00E+09", "rounded_number"),
        ("id_no", "000000000000", "placeholder"),
        ("phone", "912345678", "invalid_format"),
        ("plate", "không rõ", "invalid_format"),
        ("plate_colour", None, "missing"),
        ("plate_colour", "tím", "unknown_word"),
        ("amount", None, "missing"),
        ("amount", "1.0E+6", "rounded_number"),
        ("amount", "1.000.00", "not_whole"),
        ("amount", "1.5", "not_whole"),
        ("amount", "1,000,000", "not_whole"),
        ("amount", "1 000 000", "not_whole"),
        ("amount", 1_000_000.5, "not_whole"),
        ("amount", float(2**60), "not_whole"),
        ("amount", float("nan"), "not_whole"),
        ("amount", "-5", "not_whole"),
        ("amount", "0", "amount_not_positive"),
        ("amount", 0, "amount_not_positive"),
        ("amount", 10**15 + 1, "amount_too_large"),
        ("amount", True, "wrong_type"),
        ("amount", date(2026, 1, 2), "cell_is_date"),
        ("term_days", "0", "invalid_term"),
        ("term_days", "mười", "not_whole"),
        ("withheld", "nón bảo hiểm", "unknown_word"),
        ("version_kind", "viết lại", "unknown_word"),
    ],
)
def test_read_row_cell_that_can_not_be_true_is_refused_by_its_column(
    column: str, cell: Any, code: str
) -> None:
    refused = read(**{column: cell})
    assert isinstance(refused, RefusedRow)
    assert (refused.row_no, refused.column, refused.code) == (7, column, code)


def test_read_row_refusal_shows_the_number_but_never_another_cell() -> None:
    assert read(amount="x").decision_no == "0000001/QĐ-XPHC"  # type: ignore[union-attr]
    assert read(decision_no="PHẠM VĂN MẪU").decision_no == ""  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "cell", ["01/11/2026", "1/11/2026", "2026-11-01", "2026-11-01T00:00:00", date(2026, 11, 1)]
)
def test_read_row_dates_of_people_programs_and_spreadsheets_are_the_same_day(cell: Any) -> None:
    assert read(decided_on=cell).decided_on == date(2026, 11, 1)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "cell",
    ["1000000", "1.000.000", "1.000.000 ₫", "1.000.000đ", "1000000 VND", " 1000000 đồng", 1_000_000, 1e6],
)
def test_read_row_amounts_with_and_without_dots_are_the_same(cell: Any) -> None:
    assert read(amount=cell).amount == 1_000_000  # type: ignore[union-attr]


def test_read_row_keeps_the_number_as_written_and_leading_zeros() -> None:
    made = read(decision_no=" 0012345/QĐ- XPHC ", id_no="0010 0000 0001", phone="0912 345 678")
    assert isinstance(made, DecisionRow)
    assert (made.decision_no, made.id_no, made.phone) == ("0012345/QĐ- XPHC", "001000000001", "0912345678")


def test_read_row_smallest_row_is_enough() -> None:
    """Neither a phone nor an identity number is ever needed (F42)."""
    cells = {
        Column.DECISION_NO: "7",
        Column.DECIDED_ON: "2026-11-01",
        Column.VIOLATOR_NAME: "MẪU",
        Column.AMOUNT: 1,
    }
    made = read_row(2, cells, agency_code="A00.01", today=TODAY)
    assert isinstance(made, DecisionRow)
    assert made.agency_code == "A00.01"
    assert made.version_kind is VersionKind.ISSUED
    assert (made.phone, made.id_no, made.served_on, made.plate) == (None, None, None, None)


@pytest.mark.parametrize(
    ("id_no", "id_type", "kind"),
    [
        ("001000000001", None, IdType.CITIZEN_ID),
        ("012345678", None, IdType.OLD_IDENTITY_CARD),
        ("B1234567", "hộ chiếu", IdType.PASSPORT),
        ("0101234567-001", "MST", IdType.TAX_CODE),
    ],
)
def test_read_row_identity_numbers_of_every_kind(id_no: str, id_type: str | None, kind: IdType) -> None:
    assert read(id_no=id_no, id_type=id_type).id_type is kind  # type: ignore[union-attr]


def test_read_row_identity_number_of_no_known_length_needs_its_kind() -> None:
    refused = read(id_no="B1234567", id_type=None)
    assert isinstance(refused, RefusedRow)
    assert (refused.column, refused.code) == ("id_type", "missing")


@pytest.mark.parametrize(
    ("column", "words", "member"),
    [
        ("served_method", ["handed", "Trực tiếp", "giao truc tiep"], ServedMethod.HANDED),
        ("served_method", ["registered_post", "BƯU ĐIỆN"], ServedMethod.REGISTERED_POST),
        ("plate_colour", ["yellow", "Vàng", "vang"], PlateColour.YELLOW),
        ("withheld", ["driver_licence", "GPLX", "Giấy phép lái xe"], PaperType.DRIVER_LICENCE),
    ],
)
def test_read_row_words_of_both_languages(column: str, words: list[str], member: Any) -> None:
    assert {getattr(read(**{column: word}), column) for word in words} == {member}


@pytest.mark.parametrize(
    ("changes", "column", "code"),
    [
        ({"version_kind": "đính chính"}, "version_on", "missing"),
        ({"version_no": "9/QĐ-SĐ"}, "version_kind", "missing"),
        ({"version_on": "10/11/2026"}, "version_kind", "missing"),
        ({"version_kind": "thay thế", "version_on": "01/10/2026"}, "version_on", "version_before_decided"),
        ({"version_kind": "hủy bỏ", "version_on": "10/11/2026"}, "amount", "cancelled_with_amount"),
    ],
)
def test_read_row_version_that_contradicts_itself_is_refused(
    changes: dict[str, str], column: str, code: str
) -> None:
    refused = read(**changes)
    assert isinstance(refused, RefusedRow)
    assert (refused.column, refused.code) == (column, code)


def test_read_row_cancelled_decision_asks_for_nothing_and_a_reduction_may_take_all() -> None:
    cancelled = read(version_kind="hủy bỏ", version_on="10/11/2026", amount=None)
    reduced = read(version_kind="giảm", version_on="10/11/2026", amount="0")
    assert isinstance(cancelled, DecisionRow)
    assert isinstance(reduced, DecisionRow)
    assert (cancelled.amount, reduced.amount) == (0, 0)
