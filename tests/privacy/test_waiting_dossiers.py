"""A dossier in quarantine names a person, too: their own request finds it, and it must be decided before they are forgotten."""

import json

import pytest
from flask.testing import FlaskClient

from payclear.obligations.fees.quarantine import decide
from payclear.privacy.errors import ForgettingRefused, PurposeRefused, SubjectNotFound
from tests.obligations.test_api import FEE, changed
from tests.portal_api import PortalApi
from tests.privacy.conftest import ID_NO, VIEWER
from tests.privacy.test_subjects import ask, export
from tests.scenes import Scene

ODD = "H00-14/261121/7"
WAITS = "000000000042"  # stands in a waiting dossier only


@pytest.fixture
def portal(client: FlaskClient, people: Scene) -> PortalApi:
    return PortalApi.of(client.application, people)


def hold(portal: PortalApi, number: str = WAITS) -> str:
    body = changed(changed(FEE, "document.dossier_code", ODD), "obligor.citizen_id", number)
    answer = portal.post("/obligations", body)
    assert answer.status_code == 202, answer.text
    return answer.json["id"]


def refuse(people: Scene) -> None:
    with people.runtime.database.begin() as uow:
        (row_id,) = uow.one("SELECT id FROM dossier_quarantine")
        decide(uow, row_id, "refused", by="canbo", note="sai mã")
        uow.commit()


def test_who_stands_in_a_waiting_dossier_only_is_exported(portal: PortalApi, people: Scene) -> None:
    held = hold(portal)
    told = export(people, WAITS)
    assert (told["told_by_portals"], told["obligations"]) == ([], [])
    (waiting,) = told["waiting_dossiers"]
    assert (waiting["id"], waiting["dossier_code"]) == (held, ODD)
    assert waiting["told"]["citizen_id"] == WAITS


def test_waiting_dossiers_of_others_are_not_told(portal: PortalApi, people: Scene) -> None:
    people.fee()
    hold(portal)
    assert export(people, ID_NO)["waiting_dossiers"] == []


def test_reading_a_waiting_dossier_is_in_the_trail_without_the_value(
    portal: PortalApi, people: Scene
) -> None:
    hold(portal)
    export(people, WAITS)
    with people.runtime.database.begin() as uow:
        actor, facts = uow.one(
            "SELECT actor, facts FROM audit_entry WHERE action = 'dossier_quarantine.read'"
        )
    assert actor == "canbo"
    assert facts["purpose"] == "subject_request"
    assert WAITS not in json.dumps(facts)


def test_viewer_is_not_told_whether_a_dossier_waits(portal: PortalApi, people: Scene) -> None:
    hold(portal)
    with pytest.raises(PurposeRefused):
        export(people, WAITS, VIEWER)


@pytest.mark.parametrize("is_registered", [False, True], ids=["waits only", "registered, too"])
@pytest.mark.parametrize("ground", ["subject_request", "authority_order"])
def test_nobody_is_forgotten_while_a_dossier_waits(
    portal: PortalApi, people: Scene, ground: str, is_registered: bool
) -> None:
    if is_registered:
        people.paid_order()
    hold(portal, ID_NO)
    with pytest.raises(ForgettingRefused) as refused:
        ask(people, ID_NO, ground)
    assert refused.value.facts["reason"] == "dossier_waits"


def test_nothing_is_left_of_who_stood_in_a_dossier_that_was_refused(portal: PortalApi, people: Scene) -> None:
    hold(portal)
    refuse(people)
    with pytest.raises(SubjectNotFound):
        export(people, WAITS)
    with people.runtime.database.begin() as uow:
        assert uow.one("SELECT command_sealed, wrapped_key FROM dossier_quarantine") == (None, None)
