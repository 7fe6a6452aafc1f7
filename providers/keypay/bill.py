"""KeyPay's `bill_info`: what is paid, in the words of the national platform's receipt (ThongTinBienLai). Pure.

Called by provider.py. It names the payer, so it goes into no log.
"""

from typing import Any

from payclear.contract.messages import Bill, BillLine

_FINE, _FEE = "1", "2"
_CHARGE = "1"  # phí
_LEVY = "2"  # lệ phí


def bill_info(bill: Bill) -> dict[str, Any]:
    """The members KeyPay wants for a fee or for a fine; texts that are not known stay empty."""
    info: dict[str, Any] = {
        "MaDichVu": _FINE if bill.kind == "fine" else _FEE,
        "NoiDungThanhToan": bill.description,
        "HoTenNguoiNop": bill.payer_name,
        "SoCMNDNguoiNop": bill.payer_id_no,
        "DiaChiNguoiNop": bill.payer_address,
        "HuyenNguoiNop": "",
        "TinhNguoiNop": "",
        "MaCoQuanQD": bill.agency_code,
        "TenCoQuanQD": bill.agency_name,
        "DSKhoanNop": [{"NoiDung": line.name, "SoTien": str(line.amount.amount)} for line in bill.lines],
    }
    return info | (_fine(bill) if bill.kind == "fine" else _fee(bill))


def _fee(bill: Bill) -> dict[str, Any]:
    return {
        "MaHoSo": bill.document_no,
        "MaDVC": bill.service_code,
        "TenDVC": bill.service_name,
        "MaTTHC": bill.procedure_code,
        "TenTTHC": bill.procedure_name,
        "MaDonVi": bill.agency_code,
        "TenDonVi": bill.agency_name,
        "TKThuHuong": bill.beneficiary_account,
        "MaNHThuHuong": bill.beneficiary_bank,
        "TenTKThuHuong": bill.beneficiary_name,
        "PhiLePhi": [_fee_line(line) for line in bill.lines],
    }


def _fee_line(line: BillLine) -> dict[str, str]:
    return {
        "LoaiPhiLePhi": _LEVY if line.kind == "fee_le_phi" else _CHARGE,
        "MaPhiLePhi": line.code,
        "TenPhiLePhi": line.name,
        "SoTien": str(line.amount.amount),
    }


def _fine(bill: Bill) -> dict[str, Any]:
    return {
        "MaLoaiHinhThuPhat": bill.fine_type_code,
        "TenLoaiHinhThuPhat": bill.fine_type_name,
        "KhoBac": bill.treasury,
        "NgayQD": f"{bill.document_on:%d/%m/%Y}" if bill.document_on else "",
        "SoQD": bill.document_no,
        "ThoiGianViPham": bill.violated_at,
        "DiaDiemViPham": bill.violated_where,
        "TenNguoiViPham": bill.violator_name,
        "TaiKhoanThuNSNN": bill.beneficiary_account,
    }
