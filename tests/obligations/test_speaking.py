"""A portal speaks for its own agency and those below it on the day; one that is bound to none speaks for all."""

from dataclasses import replace
from datetime import date

import pytest
from flask import Flask

from payclear.lookup.coverage import complete_to
from payclear.obligations.batches.domain import KeyKind
from payclear.obligations.speaking import AgencyNotOfPortal
from tests.factories.base import use
from tests.factories.catalogue import AgencyPlaceFactory
from tests.factories.reference import AgencyFactory
from tests.obligations.batches.conftest import ACCOUNTS, Office
from tests.obligations.batches.files import csv_file, row
from tests.obligations.test_api import FEE, FINE, changed
from tests.portal_api import PortalApi
from tests.scenes import Scene

PROVINCE, OTHER, DEPARTMENT = "H00", "H01", "H00.14"
CANCELS = {"amount": None, "served_on": None, "served_method": None}
REFUSED = "agency_not_of_portal"


@pytest.fixture
def tree(scene: Scene) -> Scene:
    """H00.14 lay below H01 until yesterday, and lies below H00 from today, 21 November 2026."""
    with scene.runtime.database.begin() as uow:
        use(uow.session)
        for code in (PROVINCE, OTHER):
            AgencyFactory(code=code)
            AgencyPlaceFactory(agency_code=code)
        AgencyPlaceFactory(agency_code=DEPARTMENT, parent_code=OTHER, valid_to=date(2026, 11, 20))
        AgencyPlaceFactory(agency_code=DEPARTMENT, parent_code=PROVINCE, valid_from=date(2026, 11, 21))
        uow.run(ACCOUNTS)
        uow.commit()
    return scene


def portal_of(app: Flask, scene: Scene, agency: str | None) -> PortalApi:
    return PortalApi.of(app, scene, portal_code=f"cong-{agency}".lower(), agency_code=agency)


def office_of(tree: Scene, portal_code: str) -> Office:
    return Office(replace(tree, portal_code=portal_code))


@pytest.mark.parametrize("body", [FEE, FINE, changed(FEE, "document.dossier_code", "HOSO/7")])
def test_obligation_of_an_agency_elsewhere_in_the_tree_is_refused(
    app: Flask, tree: Scene, body: dict
) -> None:
    refused = portal_of(app, tree, OTHER).post("/obligations", body)
    assert (refused.status_code, refused.json["code"]) == (403, REFUSED)
    assert refused.json["detail"] != REFUSED
    with tree.runtime.database.begin() as uow:
        assert uow.one("SELECT count(*) FROM obligation") == (0,)
        assert uow.one("SELECT count(*) FROM dossier_quarantine") == (0,)


@pytest.mark.parametrize("agency", [PROVINCE, DEPARTMENT, None])
def test_own_agency_and_those_below_it_are_spoken_for_and_nobody_is_in_the_way(
    app: Flask, tree: Scene, agency: str | None
) -> None:
    foreign = portal_of(app, tree, OTHER)
    assert foreign.post("/obligations", FINE).status_code == 403
    portal = portal_of(app, tree, agency)
    assert portal.post("/obligations", FINE).status_code == 201
    assert portal.post("/obligations", FINE).status_code == 200
    again = foreign.post("/obligations", FINE)  # nor does it learn that the decision is there
    assert (again.status_code, again.json["code"]) == (403, REFUSED)


def test_unknown_agency_is_still_told_from_a_foreign_one(app: Flask, tree: Scene) -> None:
    refused = portal_of(app, tree, OTHER).post("/obligations", changed(FEE, "agency_code", "H99"))
    assert (refused.status_code, refused.json["code"]) == (422, "unknown_agency")


def test_every_row_of_a_batch_is_looked_at(app: Flask, tree: Scene) -> None:
    portal_of(app, tree, OTHER)
    said = office_of(tree, "cong-h01").upload(csv_file([row(1), row(2, agency_code=OTHER)]))
    assert said[0] == (2, "refused", "agency_code", REFUSED)
    assert said[1][3] == "unknown_beneficiary_account"  # its own: it has no account in this scene
    assert Office(tree).upload(csv_file([row(1)])) == [(2, "registered", None, None)]
    corrected = row(1, version_kind="hủy bỏ", version_on="20/11/2026", version_no="7/QĐ-HB", **CANCELS)
    assert office_of(tree, "cong-h01").upload(csv_file([corrected, row(3)]))[0][3] == REFUSED


def test_what_a_portal_registered_it_goes_on_correcting_after_the_agency_has_moved(
    app: Flask, tree: Scene
) -> None:
    portal_of(app, tree, PROVINCE)
    assert office_of(tree, "cong-h00").upload(csv_file([row(1)]))[0][1] == "registered"
    with tree.runtime.database.begin() as uow:
        uow.run("UPDATE portal SET agency_code = %s WHERE code = 'cong-h00'", (OTHER,))
        uow.commit()
    corrected = row(1, version_kind="hủy bỏ", version_on="20/11/2026", version_no="7/QĐ-HB", **CANCELS)
    said = office_of(tree, "cong-h00").upload(csv_file([row(1), corrected, row(2)]))
    assert [each[1] for each in said] == ["unchanged", "version", "refused"]


def test_coverage_of_a_foreign_agency_is_no_word_for_the_look_up(app: Flask, tree: Scene) -> None:
    statement = {
        "agency_code": DEPARTMENT,
        "complete_to": date(2026, 11, 20),
        "key_kinds": frozenset({KeyKind.ID_NO}),
    }
    for agency in (OTHER, PROVINCE):
        portal_of(app, tree, agency)
    header = csv_file([row(1)]).splitlines()[0]
    with pytest.raises(AgencyNotOfPortal):
        office_of(tree, "cong-h01").send(header, **statement)
    with tree.runtime.database.begin() as uow:
        assert complete_to(uow, DEPARTMENT) is None
    office_of(tree, "cong-h00").upload(header, **statement)
    with tree.runtime.database.begin() as uow:
        assert complete_to(uow, DEPARTMENT) == date(2026, 11, 20)
