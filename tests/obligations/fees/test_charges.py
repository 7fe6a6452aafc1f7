"""Money of somebody else: procedures without a fee of the state (EVN), and services at a price of the catalogue."""

from datetime import date

import pytest
from flask import Flask

from payclear.operations.verify import verify
from payclear.runtime import Runtime
from tests.factories.base import use
from tests.factories.catalogue import ProcedureFactory, ServiceAccountFactory, TariffFactory
from tests.factories.reference import AgencyFactory, BeneficiaryAccountFactory
from tests.obligations.fees.conftest import COURIER, RECORD, told
from tests.obligations.test_api import refused
from tests.portal_api import PortalApi
from tests.scenes import Scene

POWER = "1.009881"
LINE_TO_HOUSE = {
    "type": "other_service",
    "code": "CAP-DIEN",
    "name": "Chi phí đấu nối",
    "amount": 1_250_000,
    "beneficiary_account": "TK-DIENLUC",
    "rule": "EVN-2026",
    "legal_basis": "Bảng giá mẫu của điện lực",
}


@pytest.fixture
def power(scene: Scene) -> None:
    with scene.runtime.database.begin() as uow:
        use(uow.session)
        AgencyFactory(code="E00")
        BeneficiaryAccountFactory(code="TK-DIENLUC", agency_code="E00", kind="non_state")
        ProcedureFactory(code=POWER, has_state_fee=False)
        ServiceAccountFactory(
            beneficiary_account="TK-DIENLUC", procedure_code=POWER, agency_code="H00.14", item_code="dien"
        )
        uow.commit()


@pytest.fixture
def delivery(scene: Scene) -> None:
    """Half the price since July, by the province's word."""
    with scene.runtime.database.begin() as uow:
        use(uow.session)
        ServiceAccountFactory(beneficiary_account="TK-BUUCHINH", agency_code="H00", item_code="BCCI")
        price = {
            "procedure_code": RECORD,
            "item_code": "BCCI",
            "name_vi": "Cước bưu chính công ích",
            "type": "courier",
            "amount": 26_000,
            "is_optional": True,
        }
        TariffFactory(id="C1", valid_to=date(2026, 6, 30), **price)
        TariffFactory(id="C2", valid_from=date(2026, 7, 1), discount="1/2", **price)
        uow.commit()


@pytest.mark.usefixtures("power")
def test_procedure_of_a_company_is_registered_with_its_charges_alone(
    portal: PortalApi, runtime: Runtime
) -> None:
    body = told(procedure=POWER, charges=[LINE_TO_HOUSE])
    answer = portal.post("/obligations", body)
    assert answer.status_code == 201, answer.text
    (line,) = answer.json["lines"]
    assert (line["type"], line["beneficiary_account"], line["chapter"]) == ("other_service", "TK-DIENLUC", "")
    assert answer.json["principal"]["amount"] == 1_250_000
    assert portal.post("/obligations", body).status_code == 200
    order = portal.post("/payment-orders", portal.order_body(obligations=[answer.json["id"]]))
    assert order.status_code == 201, order.text
    assert [finding.check.id for finding in verify(runtime.database) if not finding.holds] == []


@pytest.mark.usefixtures("power")
def test_procedure_of_a_company_works_where_portals_state_no_fees(app: Flask, scene: Scene) -> None:
    portal = PortalApi.of(app, scene)
    settings = scene.runtime.settings.obligations
    assert settings.portals_state_fees, "the test means nothing otherwise"
    object.__setattr__(settings, "portals_state_fees", False)
    try:
        body = told(procedure=POWER, charges=[LINE_TO_HOUSE])
        assert portal.post("/obligations", body).status_code == 201
    finally:
        object.__setattr__(settings, "portals_state_fees", True)


@pytest.mark.usefixtures("power")
@pytest.mark.parametrize(
    ("charges", "code"),
    [
        ([], "invalid_fee_facts"),
        ([{**LINE_TO_HOUSE, "beneficiary_account": "TK-PHI"}], "beneficiary_account_refused"),
        ([{**LINE_TO_HOUSE, "type": "fee_phi"}], "invalid_request"),
    ],
)
def test_procedure_of_a_company_never_takes_a_fee_or_nothing(
    portal: PortalApi, charges: list[dict[str, object]], code: str
) -> None:
    refused(portal.post("/obligations", told(procedure=POWER, charges=charges)), 422, code)


def test_charge_never_stands_in_for_the_fee_that_the_tariff_lacks(portal: PortalApi, scene: Scene) -> None:
    with scene.runtime.database.begin() as uow:
        use(uow.session)
        ProcedureFactory(code=POWER)
        uow.commit()
    refused(portal.post("/obligations", told(procedure=POWER, charges=[COURIER])), 503, "tariff_not_in_force")


@pytest.mark.usefixtures("delivery")
@pytest.mark.parametrize(("filed_on", "amount"), [("2026-06-30", 26_000), ("2026-11-21", 13_000)])
def test_courier_has_the_price_of_the_filing_date(
    portal: PortalApi, runtime: Runtime, filed_on: str, amount: int
) -> None:
    answer = portal.post("/obligations", told(filed_on=filed_on, items=[{"item_code": "BCCI"}]))
    assert answer.status_code == 201, answer.text
    courier = answer.json["lines"][0]
    assert (courier["type"], courier["amount"]["amount"]) == ("courier", amount)
    assert (courier["beneficiary_account"], courier["chapter"]) == ("TK-BUUCHINH", "")
    why = answer.json["pricing"]["lines"][0]
    assert (why["full_amount"]["amount"], why["discount"]) == (
        (26_000, "0") if amount == 26_000 else (26_000, "1/2")
    )
    assert [finding.check.id for finding in verify(runtime.database) if not finding.holds] == []


@pytest.mark.usefixtures("delivery")
def test_portal_does_not_state_a_price_that_the_catalogue_has(portal: PortalApi) -> None:
    problem = refused(portal.post("/obligations", told(charges=[COURIER])), 422, "invalid_fee_facts")
    assert problem["facts"]["reason"] == "in_tariff"


def test_price_of_a_service_without_an_account_of_its_own_is_refused(portal: PortalApi, scene: Scene) -> None:
    with scene.runtime.database.begin() as uow:
        use(uow.session)
        TariffFactory(procedure_code=RECORD, item_code="BCCI", type="courier", amount=26_000)
        uow.commit()
    problem = refused(portal.post("/obligations", told()), 422, "invalid_fee_facts")
    assert problem["facts"]["reason"] == "no_beneficiary"
