"""Writes VNPAY's settlement workbook: a cover on the first sheet, the data on the second; the same truth,
the same bytes.
"""

from datetime import date

from providers.simulator.statement_lines import Line, StatementDay
from providers.simulator.truth import LOCAL, from_timestamp
from providers.simulator.workbooks import Layout, write_workbook

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
    """The workbook's bytes."""
    layout = Layout(
        header=HEADER,
        sheet="Chi tiết",
        cover=("BÁO CÁO ĐỐI SOÁT VNPAY", f"Mã website: {terminal}", f"Ngày: {on:%d/%m/%Y}"),
        total_label="TỔNG CỘNG",
        amount_column="SO_TIEN_TRUOC_KM",
    )
    return write_workbook(layout, day, on, lambda line: _values(line, on))


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
