"""Settlement workbooks made in the test, sound and broken."""

import io
import zipfile
from collections.abc import Callable, Sequence

import xlsxwriter

HEADER = [
    "THOI_GIAN_GD",
    "MA_GIAO_DICH",
    "SO_HOA_DON",
    "SO_HOP_DONG",
    "MA_DON_HANG",
    "SO_DIEN_THOAI",
    "TEN_KHACH_HANG",
    "SO_TAI_KHOAN",
    "THONG_TIN_DAT_HANG",
    "NGAN_HANG",
    "LOAI_THE",
    "TRANG_THAI",
    "THOI_GIAN_DOI_SOAT",
    "GHI_CHU",
    "DIEM_THU",
    "SO_TIEN_TRUOC_KM",
]


def row(**changes: object) -> list[object]:
    """One good row of the settlement workbook."""
    fields: dict[str, object] = {
        "THOI_GIAN_GD": "21/11/2026 10:31:12",
        "MA_GIAO_DICH": "14226112",
        "MA_DON_HANG": "PC0123456789A01",
        "SO_DIEN_THOAI": "0900000000",
        "TEN_KHACH_HANG": "NGUYEN VAN A",
        "SO_TAI_KHOAN": "000011112222",
        "THONG_TIN_DAT_HANG": "Nop le phi",
        "NGAN_HANG": "NCB",
        "LOAI_THE": "ATM",
        "TRANG_THAI": "Thành công",
        "SO_TIEN_TRUOC_KM": 150_000,
    }
    fields |= changes
    return [fields.get(name, "") for name in HEADER]


def trailer(count: object, total: object) -> list[object]:
    """The row with the control figures."""
    return ["TỔNG CỘNG", count, *[""] * (len(HEADER) - 3), total]


def workbook(rows: Sequence[Sequence[object]], *, sheets: int = 2, skip_rows: int = 0) -> bytes:
    """A workbook with these rows on its last sheet."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    for _ in range(sheets - 1):
        book.add_worksheet().write(0, 0, "BÁO CÁO ĐỐI SOÁT")
    sheet = book.add_worksheet()
    for row_no, cells in enumerate(rows, start=skip_rows):
        for column, cell in enumerate(cells):
            if hasattr(cell, "isoformat"):
                sheet.write_datetime(row_no, column, cell, moment)
            elif cell != "":
                sheet.write(row_no, column, cell)
    book.close()
    return buffer.getvalue()


def repacked(
    content: bytes,
    change: Callable[[str, bytes], bytes],
    extra: dict[str, bytes] | None = None,
    *,
    rename: Callable[[str], str] = str,
) -> bytes:
    """The same package with its parts changed, renamed or joined by others."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(rename(name), change(name, old.read(name)))
        for name, part in (extra or {}).items():
            new.writestr(name, part)
    return buffer.getvalue()
