from datetime import date

from payclear.contract.messages import Bill, BillLine
from payclear.kernel.money import Money
from providers.keypay.bill import bill_info


def bill(kind, *lines):
    return Bill(
        kind=kind,
        description="Nop le phi",
        document_no="H01-1",
        document_on=date(2026, 11, 20),
        agency_code="000.00.00.G12",
        agency_name="So Xay dung",
        payer_name="NGUYEN VAN A",
        payer_id_no="001099000001",
        payer_address="Ha Noi",
        lines=lines,
        treasury="0011",
        beneficiary_account="111",
    )


def test_bill_info_of_a_fee_names_phi_and_le_phi():
    lines = (
        BillLine(kind="fee_phi", code="P1", name="Phi", amount=Money(100_000)),
        BillLine(kind="fee_le_phi", code="L1", name="Le phi", amount=Money(50_000)),
    )
    info = bill_info(bill("fee", *lines))
    assert (info["MaDichVu"], info["MaHoSo"], info["TKThuHuong"]) == ("2", "H01-1", "111")
    assert [(line["LoaiPhiLePhi"], line["SoTien"]) for line in info["PhiLePhi"]] == [
        ("1", "100000"),
        ("2", "50000"),
    ]
    assert [line["SoTien"] for line in info["DSKhoanNop"]] == ["100000", "50000"]


def test_bill_info_of_a_fine_names_its_decision_and_no_fee():
    info = bill_info(bill("fine", BillLine(kind="fine", code="", name="Phat", amount=Money(150_000))))
    assert (info["MaDichVu"], info["SoQD"], info["NgayQD"]) == ("1", "H01-1", "20/11/2026")
    assert info["KhoBac"] == "0011"
    assert "PhiLePhi" not in info
