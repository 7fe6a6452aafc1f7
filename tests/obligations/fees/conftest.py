"""A catalogue with a few procedures: fixed, counted, by the year, by value, discounted online, exempted, of zero."""

import copy
from datetime import date
from typing import Any

import pytest
from flask import Flask

from payclear.runtime import Runtime
from tests.console.conftest import desk, log_in, staff  # noqa: F401  (fixtures)
from tests.factories.base import use
from tests.factories.catalogue import (
    AgencyPlaceFactory,
    ProcedureFactory,
    ServiceAccountFactory,
    TariffFactory,
)
from tests.factories.reference import AgencyFactory
from tests.portal_api import PortalApi
from tests.scenes import Scene

RECORD, COPIES, PATENT, BIRTH, LAND, GONE_BY = (
    "1.009991",
    "2.009992",
    "1.009993",
    "1.009994",
    "1.009995",
    "1.009996",
)
FROM_2026 = date(2026, 1, 1)

FEE: dict[str, Any] = {
    "kind": "dossier_fee",
    "agency_code": "H00.14",
    "document": {
        "dossier_code": "H00.14-261121-0007",
        "procedure_code": RECORD,
        "filed_on": "2026-11-21",
    },
    "obligor": {"name": "NGUYỄN VĂN MẪU", "citizen_id": "000000000001"},
    "fee": {"channel": "counter"},
}
CLAIM = {"payer_class": "poor_household", "evidence_ref": "GT-0001"}
COURIER = {
    "type": "courier",
    "code": "BCCI",
    "name": "Cước bưu chính công ích",
    "amount": 26_000,
    "beneficiary_account": "TK-BUUCHINH",
    "rule": "VNPOST-2026-01",
    "legal_basis": "Bảng giá mẫu",
}


def told(**changes: Any) -> dict[str, Any]:
    """A registration with changes: `procedure`, `filed_on`, `code`, or fields of the fee's facts."""
    made = copy.deepcopy(FEE)
    places = {"procedure": "procedure_code", "filed_on": "filed_on", "code": "dossier_code"}
    for name, value in changes.items():
        if name in places:
            made["document"][places[name]] = value
        else:
            made["fee"][name] = value
    return made


@pytest.fixture(autouse=True)
def catalogue(runtime: Runtime, scene: Scene) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        AgencyFactory(code="H00")
        AgencyPlaceFactory(agency_code="H00")
        AgencyPlaceFactory(agency_code="H00.14", parent_code="H00")
        for code in (COPIES, PATENT, BIRTH, LAND):
            ProcedureFactory(code=code)
        ProcedureFactory(code=RECORD, online_service_code=f"{RECORD}.01")
        ProcedureFactory(
            code=f"{RECORD}.000.00.00.H00", national_code=RECORD, agency_code="H00", valid_from=FROM_2026
        )
        ProcedureFactory(code=GONE_BY, valid_to=date(2026, 6, 30))
        ServiceAccountFactory(
            agency_code="H00",
            chapter="018",
            sub_item="2107",
            locality="00000",
            collecting_agency="0000000",
        )
        ServiceAccountFactory(
            agency_code="H00.14",
            item_code="L01",
            beneficiary_account="TK-LEPHI",
            chapter="018",
            sub_item="2752",
        )
        TariffFactory(id="T1", procedure_code=RECORD, item_code="P01", name_vi="Phí thông tin")
        TariffFactory(id="T2", procedure_code=RECORD, item_code="P01", channel="online", discount="25/100")
        TariffFactory(
            id="T3", procedure_code=RECORD, item_code="P01", payer_class="poor_household", discount="1/1"
        )
        TariffFactory(
            id="T4",
            procedure_code=RECORD,
            item_code="L01",
            name_vi="Lệ phí cấp thêm",
            type="fee_le_phi",
            basis="per_unit",
            amount=5_000,
            is_optional=True,
        )
        TariffFactory(
            id="T5", procedure_code=COPIES, item_code="L01", type="fee_le_phi", basis="per_unit", amount=8_000
        )
        TariffFactory(id="T6", procedure_code=PATENT, item_code="P01", basis="per_year", amount=700_000)
        TariffFactory(
            id="T7",
            procedure_code=BIRTH,
            item_code="L01",
            name_vi="Lệ phí hộ tịch",
            type="fee_le_phi",
            amount=0,
        )
        TariffFactory(
            id="T8",
            procedure_code=LAND,
            item_code="P01",
            basis="percent",
            amount=None,
            rate="15/10000",
            least=100_000,
            most=5_000_000,
            rounding_unit=1_000,
        )
        TariffFactory(id="T9", procedure_code=GONE_BY, item_code="P01")
        uow.commit()


@pytest.fixture
def portal(app: Flask, scene: Scene) -> PortalApi:
    return PortalApi.of(app, scene)
