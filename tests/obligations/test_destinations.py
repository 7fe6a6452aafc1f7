"""Money goes where the catalogue says: to an account of the agency or of those above it, to codes that exist."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask

from payclear.kernel.clock import FixedClock
from payclear.operations.verify import verify
from payclear.runtime import Runtime
from tests.database import TestServer
from tests.factories.base import use
from tests.factories.catalogue import AgencyPlaceFactory, ServiceAccountFactory
from tests.factories.reference import AgencyFactory, BeneficiaryAccountFactory
from tests.obligations.insurance.test_notices import line as notice_line
from tests.obligations.insurance.test_notices import notice
from tests.obligations.test_api import FEE, FINE, LINE, changed, refused
from tests.portal_api import PortalApi
from tests.scenes import Scene

FOREIGN, ABOVE, POST = "TK-NGUOI-KHAC", "TK-TINH", "TK-BUUCHINH"
COURIER = {**LINE, "type": "courier", "name": "Cước bưu chính", "amount": 26_000, "beneficiary_account": POST}


@pytest.fixture
def portal(app: Flask, scene: Scene) -> PortalApi:
    with scene.runtime.database.begin() as uow:
        use(uow.session)
        for code in ("H00", "H01"):
            AgencyFactory(code=code)
            AgencyPlaceFactory(agency_code=code)
        AgencyPlaceFactory(agency_code="H00.14", parent_code="H00", valid_to=date(2026, 11, 21))
        AgencyPlaceFactory(agency_code="H00.14", parent_code="H01", valid_from=date(2026, 11, 22))
        BeneficiaryAccountFactory(code=ABOVE, agency_code="H00")
        BeneficiaryAccountFactory(code=FOREIGN, agency_code="H01")
        uow.commit()
    return PortalApi.of(app, scene)


def serve(scene: Scene, **columns: Any) -> None:
    """A row of the catalogue: the foreign account takes money of this agency."""
    with scene.runtime.database.begin() as uow:
        use(uow.session)
        ServiceAccountFactory(**{"beneficiary_account": FOREIGN, "agency_code": "H00.14", **columns})
        uow.commit()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (FEE, "lines.0.beneficiary_account"),
        (FINE, "lines.0.beneficiary_account"),
        (FINE, "surcharge.beneficiary_account"),
        (notice("tax"), "lines.0.beneficiary_account"),
        (notice("land_obligation"), "lines.0.beneficiary_account"),
    ],
)
def test_account_of_another_agency_is_refused(portal: PortalApi, body: dict[str, Any], path: str) -> None:
    problem = refused(
        portal.post("/obligations", changed(body, path, FOREIGN)), 422, "beneficiary_account_refused"
    )
    assert (problem["facts"]["beneficiary_account"], problem["facts"]["reason"]) == (
        FOREIGN,
        "another_agency",
    )
    refused(portal.post("/obligations", changed(body, path, POST)), 422, "beneficiary_account_refused")
    assert portal.post("/obligations", changed(body, path, ABOVE)).status_code == 201


@pytest.mark.parametrize(
    ("columns", "is_taken"),
    [
        ({}, True),
        ({"agency_code": "H00"}, True),
        ({"agency_code": None}, True),
        ({"procedure_code": "1.009991", "item_code": "fine"}, True),
        ({"agency_code": "H01"}, False),
        ({"valid_to": date(2026, 11, 20)}, False),
        ({"valid_from": date(2026, 11, 22)}, False),
    ],
)
def test_account_of_another_agency_is_taken_where_the_catalogue_says_so(
    portal: PortalApi, scene: Scene, columns: dict[str, Any], is_taken: bool
) -> None:
    serve(scene, **columns)
    answer = portal.post("/obligations", changed(FINE, "lines.0.beneficiary_account", FOREIGN))
    assert answer.status_code == (201 if is_taken else 422), answer.text


@pytest.mark.parametrize("account", [ABOVE, "TK-PHI"])
@pytest.mark.parametrize("kind", ["courier", "other_service"])
def test_charge_never_goes_to_an_account_of_the_state(portal: PortalApi, kind: str, account: str) -> None:
    body = changed(FEE, "lines", [LINE, {**COURIER, "type": kind, "beneficiary_account": account}])
    problem = refused(portal.post("/obligations", body), 422, "beneficiary_account_refused")
    assert (problem["facts"]["beneficiary_account"], problem["facts"]["reason"]) == (account, "state_account")
    body = notice("tax", notice_line("tax"), notice_line("other_service", 1_000, beneficiary_account=account))
    assert refused(portal.post("/obligations", body), 422, "beneficiary_account_refused")
    taken = changed(FEE, "lines", [LINE, {**COURIER, "type": kind}])
    assert portal.post("/obligations", taken).status_code == 201


def test_charge_of_a_company_that_serves_another_province_is_refused(portal: PortalApi, scene: Scene) -> None:
    with scene.runtime.database.begin() as uow:
        use(uow.session)
        BeneficiaryAccountFactory(code="TK-XE-KHACH", agency_code="H01", kind="non_state")
        uow.commit()
    body = changed(FEE, "lines", [LINE, {**COURIER, "beneficiary_account": "TK-XE-KHACH"}])
    problem = refused(portal.post("/obligations", body), 422, "beneficiary_account_refused")
    assert problem["facts"]["reason"] == "another_agency"
    serve(scene, beneficiary_account="TK-XE-KHACH", item_code="courier", agency_code=None)
    assert portal.post("/obligations", body).status_code == 201


@pytest.mark.parametrize(
    ("body", "path", "value", "kind"),
    [
        (FINE, "lines.0.chapter", "987", "chapter"),
        (FINE, "lines.0.sub_item", "9876", "sub_item"),
        (FINE, "surcharge.chapter", "987", "chapter"),
        (FINE, "surcharge.sub_item", "9876", "sub_item"),
        (FEE, "lines.0.chapter", "987", "chapter"),
        (FEE, "lines.0.sub_item", "9876", "sub_item"),
    ],
)
def test_budget_code_that_is_not_in_the_catalogue_is_refused(
    portal: PortalApi, body: dict[str, Any], path: str, value: str, kind: str
) -> None:
    problem = refused(portal.post("/obligations", changed(body, path, value)), 422, "unknown_budget_code")
    assert (problem["facts"]["kind"], problem["facts"]["budget_code"]) == (kind, value)


def test_dossier_with_an_odd_code_is_not_kept_for_money_that_goes_elsewhere(portal: PortalApi) -> None:
    body = changed(FEE, "document.dossier_code", "HS/2026/0001")
    assert portal.post("/obligations", body).status_code == 202
    other = changed(body, "document.dossier_code", "HS/2026/0002")
    wrong = changed(other, "lines.0.beneficiary_account", FOREIGN)
    refused(portal.post("/obligations", wrong), 422, "beneficiary_account_refused")


def test_agency_that_moved_uses_the_new_accounts_and_what_is_known_stays_known(
    portal: PortalApi, clock: FixedClock
) -> None:
    body = changed(FINE, "lines.0.beneficiary_account", ABOVE)
    assert portal.post("/obligations", body).status_code == 201
    clock.advance(timedelta(days=2))
    assert portal.post("/obligations", body).status_code == 200
    other = changed(body, "document.decision_no", "0099999/QĐ-XPHC")
    refused(portal.post("/obligations", other), 422, "beneficiary_account_refused")
    other = changed(other, "lines.0.beneficiary_account", FOREIGN)
    assert portal.post("/obligations", other).status_code == 201


def test_refused_money_is_not_registered_at_all(portal: PortalApi, runtime: Runtime) -> None:
    portal.post("/obligations", changed(FINE, "lines.0.beneficiary_account", FOREIGN))
    with runtime.database.begin() as uow:
        assert uow.run("SELECT count(*) FROM obligation").fetchone() == (0,)


def offences(runtime: Runtime) -> list[str]:
    return [finding.check.id for finding in verify(runtime.database) if not finding.holds]


@pytest.mark.parametrize(
    "sql",
    [
        f"UPDATE obligation_line SET beneficiary_account = '{FOREIGN}' WHERE type = 'fine'",
        f"UPDATE obligation_line SET beneficiary_account = '{POST}' WHERE type = 'fine'",
        "UPDATE obligation_line SET beneficiary_account = 'TK-PHI' WHERE type = 'courier'",
        f"UPDATE fine_decision SET surcharge_beneficiary_account = '{FOREIGN}'",
    ],
)
def test_verify_finds_money_that_goes_elsewhere(
    portal: PortalApi, runtime: Runtime, postgres: TestServer, sql: str
) -> None:
    assert portal.post("/obligations", changed(FEE, "lines", [LINE, COURIER])).status_code == 201
    fine = changed(FINE, "lines.0.beneficiary_account", ABOVE)
    assert portal.post("/obligations", fine).status_code == 201
    assert offences(runtime) == []
    with postgres.superuser() as connection:
        connection.execute(sql)
    assert "INV-83" in offences(runtime)


def test_verify_believes_the_catalogue_of_the_day(
    portal: PortalApi, scene: Scene, runtime: Runtime, clock: FixedClock
) -> None:
    serve(scene, valid_to=date(2026, 11, 21))
    assert (
        portal.post("/obligations", changed(FINE, "lines.0.beneficiary_account", FOREIGN)).status_code == 201
    )
    clock.advance(timedelta(days=2))
    assert "INV-83" not in offences(runtime)


@pytest.mark.parametrize(("body", "is_mended"), [(FEE, True), (FINE, False)])
def test_what_an_earlier_version_let_through_is_named_until_it_is_withdrawn(
    portal: PortalApi, runtime: Runtime, postgres: TestServer, body: dict[str, Any], is_mended: bool
) -> None:
    made = portal.post("/obligations", body).json["id"]
    with postgres.superuser() as connection:
        connection.execute(f"UPDATE obligation_line SET beneficiary_account = '{FOREIGN}'")
    assert offences(runtime) == ["INV-83"]
    if is_mended:
        assert portal.post(f"/obligations/{made}/cancel", None).status_code == 200
        assert offences(runtime) == []
