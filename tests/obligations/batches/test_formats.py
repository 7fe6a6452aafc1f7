"""Files as offices really save them, and those that nobody should take."""

import io
import json
import zipfile
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payclear.obligations.batches import formats
from payclear.obligations.batches.columns import HEADERS_VI, read_header
from payclear.obligations.batches.domain import BatchFormat, Column, DecisionRow, FileUnreadable
from payclear.obligations.batches.formats import read_file
from payclear.obligations.batches.rows import read_row
from payclear.obligations.domain import ServedMethod
from payclear.obligations.fines.domain import PaperType
from payclear.obligations.rules.corrections import VersionKind
from payclear.obligations.rules.identity_numbers import IdType
from payclear.obligations.rules.plates import PlateColour
from tests.obligations.batches.files import csv_file, json_file, row, sheet_file, table, xlsx_file
from tests.providers.books import repacked

TODAY = date(2026, 11, 21)
CSV, XLSX, JSON = BatchFormat.CSV, BatchFormat.XLSX, BatchFormat.JSON
GOOD = xlsx_file([row(1), row(2)])


def refusal(content: bytes, format_: BatchFormat) -> FileUnreadable:
    with pytest.raises(FileUnreadable) as refused:
        read_file(content, format_)
    return refused.value


def decisions(content: bytes, format_: BatchFormat) -> list[DecisionRow]:
    made = [
        read_row(each.row_no, each.cells, agency_code=None, today=TODAY)
        for each in read_file(content, format_)
    ]
    assert all(isinstance(each, DecisionRow) for each in made), made
    return made


@pytest.mark.parametrize(
    ("content", "format_", "code", "line_no"),
    [
        (b"", CSV, "no_header", 0),
        (b"\n\n \n", CSV, "no_header", 0),
        (b"decision_no," + b"," * 1_000_000 + b"\n1,2\n", CSV, "unknown_column", 1),
        (b"[" * 1_000_000, JSON, "broken_json", 0),
        ("PHẠM VĂN MẪU,001000000001,1000000\n".encode(), CSV, "no_header", 1),
        (csv_file([row(1)]).replace("PHẠM".encode(), b"PH\xc1M"), CSV, "encoding", 2),
        ("Số quyết định".encode("utf-16")[:-1], CSV, "encoding", 0),
        (csv_file([row(1)]) + b'"open quote,1\n', CSV, "broken_quotes", 3),
        (
            csv_file([row(1)]).replace(b"PH", b'P"H', 1).replace(b"001000", b'"0010"00', 1),
            CSV,
            "broken_quotes",
            2,
        ),
        (GOOD, CSV, "other_format", 0),
        (csv_file([row(1)]).replace(b"amount", b"violator_name"), CSV, "column_twice", 1),
        (csv_file([row(1, amount=None)]), CSV, "column_missing", 1),
        (csv_file([row(1)]).replace(b"plate,", b"shoe_size,", 1), CSV, "unknown_column", 1),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, XLSX, "old_workbook", 0),
        (csv_file([row(1)]), XLSX, "broken_workbook", 0),
        (GOOD[:-40], XLSX, "broken_workbook", 0),
        (b'{"rows": []}', JSON, "not_an_array", 0),
        (b'[\n{"decision_no": 1,}]', JSON, "broken_json", 2),
        (b'[{"decision_no": "\xff"}]', JSON, "encoding", 0),
        (json_file([{"decision_no": "1", "offence": "x"}]), JSON, "offence_column", 0),
        (json_file([{"decision_no": "1"}]), JSON, "column_missing", 0),
    ],
)
def test_read_file_that_can_not_be_read_says_why_and_where(
    content: bytes, format_: BatchFormat, code: str, line_no: int
) -> None:
    refused = refusal(content, format_)
    assert (refused.code, refused.line_no) == (code, line_no)


@pytest.mark.parametrize(
    "header",
    [
        "Hành vi vi phạm",
        "Lỗi vi phạm",
        "LỖI",
        "Nội dung vi phạm",
        "Điều khoản",
        "offence",
        "Offense code",
        "violation",
    ],
)
def test_read_file_column_that_names_the_offence_is_refused_by_its_place_only(header: str) -> None:
    lines = table([row(1)])
    lines[0].append(header)
    lines[1].append("Vượt đèn đỏ")
    refused = refusal(sheet_file(lines), XLSX)
    assert (refused.code, refused.column) == ("offence_column", "M")
    assert "đèn" not in str(vars(refused))


def test_read_header_own_words_of_the_template_are_no_offence() -> None:
    header = [HEADERS_VI[column] for column in Column]
    assert read_header(header, line_no=1) == list(Column)


def spoil_formula(_book, sheets):
    sheets[0].write_formula(2, 1, "=1+1", None, 2)


def spoil_merge(_book, sheets):
    sheets[0].merge_range(2, 0, 3, 0, "H00.14")


def spoil_row(_book, sheets):
    sheets[0].set_row(2, None, None, {"hidden": True})


def spoil_column(_book, sheets):
    sheets[0].set_column(3, 3, None, None, {"hidden": True})


def spoil_second_sheet(_book, sheets):
    sheets[1].write_string(0, 0, "rows that nobody would take")


def spoil_far_cell(_book, sheets):
    sheets[0].write_string(250_000, 0, "x")


@pytest.mark.parametrize(
    ("spoil", "code", "line_no"),
    [
        (spoil_formula, "formula", 3),
        (spoil_merge, "merged_cells", 0),
        (spoil_row, "hidden_cells", 3),
        (spoil_column, "hidden_cells", 0),
        (spoil_second_sheet, "several_sheets", 0),
        (spoil_far_cell, "too_many_rows", 250_001),
    ],
)
def test_read_file_workbook_that_people_see_otherwise_is_refused(spoil, code: str, line_no: int) -> None:
    refused = refusal(xlsx_file([row(1), row(2)], then=spoil, sheets=2), XLSX)
    assert (refused.code, refused.line_no) == (code, line_no)


def test_read_file_workbook_with_macros_is_refused() -> None:
    content = repacked(GOOD, lambda _name, part: part, {"xl/vbaProject.bin": b"\xcc\x61" * 50})
    assert refusal(content, XLSX).code == "macros"


def test_read_file_zip_bomb_is_refused_while_it_unpacks() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/worksheets/sheet1.xml", b"<worksheet>" + b" " * (100 << 20))
    assert len(buffer.getvalue()) < 200_000
    assert refusal(buffer.getvalue(), XLSX).code == "broken_workbook"


def test_read_file_workbook_that_unpacks_to_more_than_uploads_need_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(formats, "UNPACKED_BYTES_MAX", 2_000)
    assert refusal(GOOD, XLSX).code == "broken_workbook"


def test_read_file_empty_further_sheets_are_harmless() -> None:
    assert len(read_file(xlsx_file([row(1)], sheets=3), XLSX)) == 1


def test_read_file_more_rows_than_a_batch_may_have_is_refused_as_a_whole() -> None:
    line = b"1/Q,01/11/2026,A,1000\n"
    content = b"decision_no,decided_on,violator_name,amount\n" + line * 20_001
    refused = refusal(content, CSV)
    assert (refused.code, refused.line_no) == ("too_many_rows", 20_002)
    assert len(read_file(content[: -len(line)], CSV)) == 20_000


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom"])
@pytest.mark.parametrize("vietnamese", [False, True])
def test_read_file_csv_as_spreadsheets_save_it_is_read(
    separator: str, encoding: str, vietnamese: bool
) -> None:
    rows = [row(1), row(2, plate=None, plate_colour=None)]
    if encoding == "utf-16-le-bom":
        content = b"\xff\xfe" + csv_file(
            rows, separator=separator, encoding="utf-16-le", vietnamese=vietnamese
        )
    else:
        content = csv_file(rows, separator=separator, encoding=encoding, vietnamese=vietnamese)
    assert [each.decision_no for each in decisions(content, CSV)] == ["0000001/QĐ-XPHC", "0000002/QĐ-XPHC"]


def test_read_file_row_numbers_are_those_a_person_sees() -> None:
    lines = table([row(1), row(2)])
    lines.insert(0, [""])
    lines.insert(3, [""])
    for content, format_ in ((sheet_file(lines), XLSX), (_csv(lines), CSV)):
        assert [each.row_no for each in read_file(content, format_)] == [3, 5]
    assert [each.row_no for each in read_file(json_file([row(1), row(2)]), JSON)] == [1, 2]


def test_read_file_cells_beyond_the_header_are_a_fault_of_their_row_alone() -> None:
    lines = table([row(1), row(2)])
    lines[1].append("shifted")
    faults = [each.fault for each in read_file(sheet_file(lines), XLSX)]
    assert faults == ["cell_without_column", ""]


def test_read_file_json_rows_of_odd_shape_are_rows_with_a_fault() -> None:
    content = json.dumps([row(1), "x", None, {**row(2), "plate": ["a"]}]).encode()
    assert [each.fault for each in read_file(content, JSON)] == [
        "",
        "not_an_object",
        "not_an_object",
        "wrong_type",
    ]


def _csv(lines: list[list[str]]) -> bytes:
    return "\n".join(",".join(line) for line in lines).encode()


# Characters that survive a cell: printable, without what the reader takes away (outer and double spaces).
TEXT = st.text(st.characters(codec="utf-8", categories=("L", "M", "N", "P", "S")), min_size=1, max_size=20)
NUMBER = st.from_regex(r"[0-9A-ZĐ]{1,10}/[A-ZĐ]{1,8}(-[A-Z0-9]{1,8})?", fullmatch=True)
DAY = st.dates(date(2000, 1, 1), date(2026, 10, 1))


@st.composite
def decision(draw: st.DrawFn) -> dict[str, object]:
    """A valid row in canonical words, with any optional cell left out."""
    decided_on = draw(DAY)
    cells: dict[str, object] = {
        "agency_code": "A00.01",
        "decision_no": draw(NUMBER.filter(lambda text: any(each.isdigit() for each in text))),
        "decided_on": decided_on,
        "violator_name": draw(TEXT),
        "amount": draw(st.integers(1, 10**15)),
    }
    if draw(st.booleans()):
        cells |= {
            "served_on": draw(st.dates(decided_on, TODAY)),
            "served_method": draw(st.sampled_from([each.value for each in ServedMethod])),
        }
    if draw(st.booleans()):
        cells |= {
            "id_type": IdType.CITIZEN_ID.value,
            "id_no": draw(st.from_regex("0[0-9]{10}[1-9]", fullmatch=True)),
        }
    if draw(st.booleans()):
        cells |= {
            "plate": "29B11234",
            "plate_colour": draw(st.sampled_from([each.value for each in PlateColour])),
        }
    if draw(st.booleans()):
        cells |= {"withheld": PaperType.DRIVER_LICENCE.value, "term_days": draw(st.integers(1, 365))}
    if draw(st.booleans()):
        kind = draw(st.sampled_from([VersionKind.CORRECTED, VersionKind.REPLACED]))
        cells |= {"version_kind": kind.value, "version_on": draw(st.dates(decided_on, TODAY))}
    return cells


@settings(deadline=None, max_examples=60)
@given(st.lists(decision(), min_size=1, max_size=5))
def test_any_table_of_valid_rows_is_the_same_in_every_format(rows: list[dict[str, object]]) -> None:
    written = decisions(csv_file(rows), CSV)
    assert [each.amount for each in written] == [each["amount"] for each in rows]
    assert decisions(csv_file(rows, separator=";", encoding="utf-16", vietnamese=True), CSV) == written
    assert decisions(xlsx_file(rows), XLSX) == written
    from_json = decisions(json_file(rows), JSON)
    assert [_without_place(each) for each in from_json] == [_without_place(each) for each in written]


def _without_place(decision: DecisionRow) -> dict[str, object]:
    return {name: getattr(decision, name) for name in DecisionRow.__slots__ if name != "row_no"}
