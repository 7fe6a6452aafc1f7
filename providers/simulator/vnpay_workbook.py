"""Writes VNPAY's settlement workbook: a cover on the first sheet, the data on the second; the same truth,
the same bytes.
"""

import io
from datetime import date, datetime

import xlsxwriter

from providers.simulator.statement_lines import Line, StatementDay
from providers.simulator.truth import LOCAL, from_timestamp

HEADER = (
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
)
_STATUSES = {
    "paid": "Thành công",
    "failed": "Không thành công",
    "refunded": "Hoàn tiền",
    "suspected": "Nghi ngờ gian lận",
    "odd": "Trạng thái 42",
}
_TIME = "%d/%m/%Y %H:%M:%S"


def workbook(day: StatementDay, *, terminal: str, on: date) -> bytes:
    """The workbook's bytes, with the faults that concern the file as a whole."""
    if "html" in day.file_faults:
        return b"<html><body>Service Unavailable</body></html>"
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.set_properties({"created": datetime(on.year, on.month, on.day)})
    cover = book.add_worksheet("Tổng hợp")
    cover.write(0, 0, "BÁO CÁO ĐỐI SOÁT VNPAY")
    cover.write(1, 0, f"Mã website: {terminal}")
    cover.write(2, 0, f"Ngày: {on:%d/%m/%Y}")
    sheet = book.add_worksheet("Chi tiết")
    order = list(HEADER)
    if "moved_columns" in day.file_faults:
        order.reverse()
    sheet.write_row(0, 0, order)
    for row, line in enumerate(day.lines, start=1):
        values = _values(line, on)
        for column, name in enumerate(order):
            sheet.write(row, column, values.get(name, ""))
    if day.count is not None:
        row = len(day.lines) + 1
        amount_at = order.index("SO_TIEN_TRUOC_KM")
        free = [column for column in range(len(order)) if column != amount_at]
        sheet.write(row, free[0], "TỔNG CỘNG")
        sheet.write(row, free[1], day.count)
        sheet.write(row, amount_at, day.total)
    book.close()
    content = buffer.getvalue()
    return content[: len(content) // 2] if "truncated" in day.file_faults else content


def _values(line: Line, on: date) -> dict[str, str | int]:
    return {
        "THOI_GIAN_GD": from_timestamp(line.at).astimezone(LOCAL).strftime(_TIME),
        "MA_GIAO_DICH": line.provider_ref,
        "MA_DON_HANG": line.attempt_ref,
        "THONG_TIN_DAT_HANG": line.memo,
        "NGAN_HANG": "NCB",
        "LOAI_THE": "ATM",
        "TRANG_THAI": _STATUSES[line.status],
        "THOI_GIAN_DOI_SOAT": f"{on:%d/%m/%Y} 23:59:59",
        "DIEM_THU": "WEB",
        "SO_TIEN_TRUOC_KM": line.shown or line.amount,
    }
