import io
import re
import zipfile

import pytest

from payclear.security import workbook as guard
from payclear.security.workbook import NotAWorkbook, read_sheet
from tests.providers.books import HEADER, repacked, row, workbook

GOOD = workbook([HEADER, row()])


def in_sheet(old: bytes, new: bytes):
    return lambda name, part: part.replace(old, new) if name.endswith("sheet2.xml") else part


def same(name, part):
    return part


def read(content: bytes) -> list[list[object]]:
    return list(read_sheet(content, 1))


def flag_encrypted(content: bytes) -> bytes:
    at = content.index(b"PK\x01\x02")
    return content[: at + 8] + b"\x01\x00" + content[at + 10 :]


def wrong_crc(content: bytes) -> bytes:
    at = content.index(b"PK\x01\x02")
    return content[: at + 16] + b"\0\0\0\1" + content[at + 20 :]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"not a zip",
        GOOD[: len(GOOD) // 2],
        GOOD[:-30],
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        workbook([HEADER], sheets=1),
        flag_encrypted(GOOD),
        wrong_crc(GOOD),
        repacked(GOOD, same, {"inner.bin": GOOD}),
        repacked(GOOD, same, {f"part{number}.xml": b"<a/>" for number in range(guard.ENTRIES_MAX)}),
        repacked(GOOD, same, {"XL/Workbook.xml": b"<a/>"}),
        repacked(GOOD, lambda name, part: b"<a>" if name.startswith("xl/") else part),
        repacked(GOOD, in_sheet(b"<worksheet", b"<!DOCTYPE x [<!ENTITY a 'b'>]><worksheet")),
        repacked(GOOD, in_sheet(b'encoding="UTF-8"', b'encoding="UTF-16"')),
        repacked(GOOD, lambda name, part: part.decode().encode("utf-16") if "sheet2" in name else part),
    ],
    ids=[
        "empty",
        "short",
        "text",
        "half",
        "tail",
        "xls",
        "one-sheet",
        "encrypted",
        "crc",
        "nested",
        "many",
        "twice",
        "no-xml",
        "doctype",
        "utf16-said",
        "utf16",
    ],
)
def test_read_sheet_bytes_that_are_no_workbook_are_refused(content):
    with pytest.raises(NotAWorkbook):
        read(content)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'r="A2"', b'r="XFD1048576"'),
        (b'r="A2"', b'r="BA2"'),
        (b'r="A2"', b'r="ZZ2"'),
        (b'r="A2"', b'r="AAA2"'),
        (b'r="A2"', b'r="A300000"'),
        (b'r="A2"', b'r="A0001048576"'),
        (b'r="A2"', b'r = "A1048576"'),
        (b'r="A2"', b"r='xfd2'"),
        (b'<c r="A2"', b'<x:c s="1" r="A1048576"'),
        (b'<row r="2"', b'<row r="1048576"'),
    ],
)
def test_read_sheet_cells_far_apart_are_refused_before_they_are_laid_out(old, new):
    content = repacked(GOOD, in_sheet(old, new))
    assert content != GOOD
    with pytest.raises(NotAWorkbook, match="beyond the rows"):
        read(content)


def test_read_sheet_far_cell_in_a_part_of_another_name_is_seen():
    far = repacked(GOOD, in_sheet(b'r="A2"', b'r="A1048576"'))
    renamed = repacked(
        far,
        lambda name, part: part.replace(b"worksheets/sheet2.xml", b"worksheets/sheet2.bin"),
        rename=lambda name: name.replace("sheet2.xml", "sheet2.bin"),
    )
    with pytest.raises(NotAWorkbook, match="beyond the rows"):
        read(renamed)


@pytest.mark.parametrize("claimed", [b"99999999", b"4294967295", b" 0099999999"])
def test_read_sheet_table_of_texts_that_claims_too_much_is_refused(claimed):
    content = repacked(
        GOOD, lambda name, part: re.sub(rb'niqueCount="\d+"', b'niqueCount="' + claimed + b'"', part)
    )
    with pytest.raises(NotAWorkbook, match="claims more"):
        read(content)


def test_read_sheet_reader_that_gives_up_is_no_workbook(monkeypatch):
    class PanicException(BaseException):
        """What Rust's panic looks like from here."""

    class Reader:
        @staticmethod
        def from_filelike(_):
            raise PanicException

    monkeypatch.setattr(guard, "CalamineWorkbook", Reader)
    with pytest.raises(NotAWorkbook, match="gave up"):
        read(GOOD)


def test_read_sheet_interrupt_is_not_swallowed(monkeypatch):
    class Reader:
        @staticmethod
        def from_filelike(_):
            raise KeyboardInterrupt

    monkeypatch.setattr(guard, "CalamineWorkbook", Reader)
    with pytest.raises(KeyboardInterrupt):
        read(GOOD)


def test_read_sheet_endless_tag_is_refused():
    content = repacked(GOOD, in_sheet(b'<c r="A2"', b"<c" + b" " * (3 << 20) + b'r="A2"'))
    with pytest.raises(NotAWorkbook):
        read(content)


def test_read_sheet_far_cell_across_two_stretches_is_seen(monkeypatch):
    content = repacked(GOOD, in_sheet(b'r="A2"', b'r="A1048576"'))
    for size in (7, 64, 301):
        monkeypatch.setattr(guard, "_CHUNK", size)
        with pytest.raises(NotAWorkbook):
            read(content)


def test_read_sheet_last_row_and_column_allowed_are_read():
    content = repacked(GOOD, in_sheet(b'r="A2"', b'r="AZ2"'))
    assert len(read(content)) == 2


def test_read_sheet_text_that_looks_like_a_far_cell_is_text():
    content = workbook([HEADER, row(TEN_KHACH_HANG='<c r="XFD1048576">')])
    assert read(content)[1][6] == '<c r="XFD1048576">'


def test_check_package_bomb_is_refused_while_it_unpacks():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/bomb.bin", b"\0" * (64 << 20))
    with pytest.raises(NotAWorkbook, match="unpacks to more"):
        guard.check_package(buffer.getvalue())


def test_check_package_total_of_all_parts_is_limited(monkeypatch):
    monkeypatch.setattr(guard, "UNPACKED_BYTES_MAX", 2_000)
    with pytest.raises(NotAWorkbook, match="unpacks to more"):
        guard.check_package(GOOD)


def test_check_package_unusual_packing_is_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as package:
        package.writestr("a.xml", b"<a/>")
    with pytest.raises(NotAWorkbook, match="unusual"):
        guard.check_package(buffer.getvalue())


def test_read_sheet_row_numbers_are_those_a_person_sees():
    assert read(workbook([HEADER, row()], skip_rows=3))[3][0] == "THOI_GIAN_GD"
