"""Files of the catalogue: what can not be read says where, and nothing is guessed."""

import io
import zipfile
from datetime import date

import pytest

from payclear.catalogue.formats import FILE_BYTES_MAX, read_file, write_csv
from payclear.catalogue.tables import TABLES
from tests.catalogue.conftest import HEAD, priced

UNIT = "code,name_vi,valid_from,legal_basis\n"


def codes(name: str, content: str | bytes) -> list[tuple[str, int]]:
    read = read_file(name, content if isinstance(content, bytes) else content.encode())
    assert read.problems
    return [(each.code, each.line) for each in read.problems]


def zipped(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(f"{name}.csv", text)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("tariff.xlsx", "", ("unknown_format", 0)),
        ("tariff", "", ("unknown_format", 0)),
        ("gia.csv", HEAD, ("unknown_table", 1)),
        ("rate.csv", HEAD, ("unknown_table", 1)),
        ("staff.csv", "login\n", ("unknown_table", 1)),
        ("tariff.csv", "id,gia\n", ("unknown_column", 1)),
        ("tariff.csv", "id,id\n", ("repeated_column", 1)),
        ("tariff.csv", b"id\n\xff\xfe\n", ("not_utf8", 1)),
        ("tariff.csv", 'id\n"open\n', ("not_readable", 0)),
        ("treasury_unit.csv", UNIT + "0001,A,2026-12-01,x,y\n", ("too_many_cells", 2)),
        ("treasury_unit.csv", UNIT + "0001,A,,x\n", ("missing_value", 2)),
        ("treasury_unit.csv", UNIT + "0001,A,1/13/2026,x\n", ("bad_value", 2)),
        ("treasury_unit.csv", UNIT + "0001,A,12-01-2026,x\n", ("bad_value", 2)),
        ("tariff.csv", HEAD + priced("A", "1_000"), ("bad_value", 2)),
        ("tariff.csv", HEAD + priced("A", "1.5"), ("bad_value", 2)),
        ("tariff.csv", HEAD + priced("A", "9" * 40), ("bad_value", 2)),
        ("tariff.zip", "not a zip", ("not_readable", 0)),
        ("a.yaml", "- 1", ("yaml_shape", 0)),
        ("a.yaml", "tariff: " + "[" * 100_000, ("not_readable", 0)),
        ("a.yaml", "tariff:\n" + "- " * 1_000 + "x", ("not_readable", 0)),
        ("a.yaml", "gia: []", ("unknown_table", 1)),
        ("a.yaml", "tariff: 1", ("yaml_shape", 1)),
        ("a.yaml", "tariff:\n- 1", ("yaml_shape", 2)),
        ("a.yaml", "tariff:\n- {gia: 1}", ("unknown_column", 2)),
        ("a.yaml", "tariff: [", ("not_readable", 2)),
        ("a.yaml", "a: &a [1]\nb: *a", ("yaml_alias", 0)),
        ("a.yaml", "x: !!python/object/apply:os.system [id]", ("not_readable", 1)),
        ("a.yaml", "treasury_unit:\n- {code: 1, code: 2}", ("yaml_shape", 2)),
        # Without quotes the code is a number, and its zeros are lost.
        (
            "a.yaml",
            "treasury_unit:\n- {code: 0001, name_vi: A, valid_from: 2026-12-01, legal_basis: x}",
            ("bad_value", 2),
        ),
    ],
)
def test_file_that_can_not_be_read_says_where(
    name: str, content: str | bytes, expected: tuple[str, int]
) -> None:
    assert codes(name, content)[0] == expected


def test_file_that_is_too_large_or_unpacks_to_too_much_is_refused() -> None:
    assert codes("tariff.csv", b" " * (FILE_BYTES_MAX + 1)) == [("too_large", 0)]
    assert codes("tariff.zip", zipped(tariff="a" * (FILE_BYTES_MAX + 1))) == [("too_large", 0)]


@pytest.mark.parametrize("written", ["2026-12-01", "01/12/2026", "1/12/2026"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_spreadsheet_in_vietnamese_may_write_days_and_separators_its_way(
    written: str, delimiter: str
) -> None:
    text = ("\ufeff" + UNIT + f"0001,Kho bạc,{written},QĐ\r\n\r\n").replace(",", delimiter)
    (row,) = read_file("treasury_unit.csv", text.encode()).rows
    assert row.values == {
        "id": "0001-2026-12-01",
        "code": "0001",
        "name_vi": "Kho bạc",
        "valid_from": "2026-12-01",
        "valid_to": None,
        "predecessor": None,
        "legal_basis": "QĐ",
    }


@pytest.mark.parametrize(
    ("at", "byte"),
    [(6, 0x01), (8, 0x63), (60, 0xFF)],
    ids=["encrypted", "packed in an unknown way", "packed bytes broken"],
)
def test_zip_that_can_not_be_unpacked_is_refused(at: int, byte: int) -> None:
    content = bytearray(zipped(tariff=HEAD + priced("A", 1)))
    content[at] = byte
    if at < 30:  # the directory at the end says the same of the file
        content[content.rindex(b"PK\x01\x02") + at + 2] = byte
    else:
        content[40:60] = bytes([byte]) * 20
    assert codes("tariff.zip", bytes(content)) == [("not_readable", 0)]


def test_zip_takes_each_file_for_the_table_of_its_name() -> None:
    content = zipped(treasury_unit=UNIT + "0001,A,2026-12-01,x\n", tariff=HEAD + priced("A", 1))
    read = read_file("danh-muc.zip", content)
    assert [(row.table, row.file, row.line) for row in read.rows] == [
        ("treasury_unit", "treasury_unit.csv", 2),
        ("tariff", "tariff.csv", 2),
    ]


def test_text_is_one_form_of_unicode_whatever_the_file_has() -> None:
    decomposed = UNIT + "0001,Nguye\u0302\u0303n,2026-12-01,x\n"
    (row,) = read_file("treasury_unit.csv", decomposed.encode()).rows
    assert row.values["name_vi"] == "Nguyễn"


def test_formula_is_written_as_text_and_read_as_it_was() -> None:
    spec = TABLES["treasury_unit"]
    row = {name: None for name in spec.columns} | {
        "id": "a",
        "code": "0001",
        "name_vi": '=HYPERLINK("http://x")',
        "valid_from": date(2026, 12, 1).isoformat(),
        "legal_basis": "'@x",
    }
    content = write_csv(spec, [row])
    assert b',"\'=HYPERLINK(""http://x"")",' in content
    (back,) = read_file("treasury_unit.csv", content).rows
    assert back.values == row
