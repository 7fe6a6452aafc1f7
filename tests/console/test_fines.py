"""The console's list of refunds that fines wait for."""

import re
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.obligations.records import ObligationView
from payclear.refunds.service import apply_refund_evidence
from tests.collection.bank import Bank
from tests.console.conftest import LogIn, token_of
from tests.obligations.fines.desk import Desk
from tests.portal_api import PortalApi
from tests.scenes import Scene

ProposedFine = tuple[Desk, ObligationView, dict[str, Any]]


def test_proposed_refund_is_listed_without_a_name(
    app: Flask, client: FlaskClient, scene: Scene, staff: None, log_in: LogIn
) -> None:
    desk = Desk(PortalApi.of(app, scene), scene)
    log_in(client)
    assert "Không có đề nghị nào đang chờ." in client.get("/console/fines").text
    fine = scene.fine(1_000_000)
    desk.pay(desk.order(fine))
    desk.version(fine, "reduced", 600_000, on="2026-11-21")
    page = client.get("/console/fines").text
    assert fine.document_no in page
    assert "400.000" in page
    assert "MẪU" not in page


def decide(client: FlaskClient, decision: str, note: str = "Theo QĐ giảm") -> TestResponse:
    page = client.get("/console/fines").text
    found = re.search(r'action="(/console/fines/[0-9a-f-]+)"', page)
    assert found, page
    form = {"csrf_token": token_of(page), "decision": decision, "note": note}
    return client.post(found.group(1), data=form)


@pytest.fixture
def proposed(app: Flask, client: FlaskClient, scene: Scene, staff: None, log_in: LogIn) -> ProposedFine:
    """A paid fine that was reduced, and an officer's browser."""
    desk = Desk(PortalApi.of(app, scene), scene)
    fine = scene.fine(1_000_000)
    order = desk.order(fine)
    desk.pay(order)
    desk.version(fine, "reduced", 600_000, on="2026-11-21")
    log_in(client)
    return desk, fine, order


def refunds_of(scene: Scene) -> list[tuple[str, int]]:
    with scene.runtime.database.begin() as uow:
        return uow.run("SELECT state, amount FROM refund ORDER BY requested_at").fetchall()


def test_accepted_proposal_asks_for_the_refund_and_is_done_with_it(
    client: FlaskClient, scene: Scene, proposed: ProposedFine
) -> None:
    desk, fine, _order = proposed
    assert decide(client, "accept").status_code == 303
    assert refunds_of(scene) == [("requested", 400_000)]
    assert [each["state"] for each in desk.read(fine)["refund_proposals"]] == ["accepted"]
    conclude(scene, Outcome.CONFIRMED)
    assert [each["state"] for each in desk.read(fine)["refund_proposals"]] == ["done"]
    assert desk.status(fine) == "paid"


def test_proposal_is_decided_once_and_with_a_reason(
    client: FlaskClient, scene: Scene, proposed: ProposedFine
) -> None:
    assert decide(client, "accept", note=" ").status_code == 422
    assert refunds_of(scene) == []
    page = client.get("/console/fines").text
    action = re.search(r'action="(/console/fines/[0-9a-f-]+)"', page)
    assert action
    form = {"csrf_token": token_of(page), "decision": "accept", "note": "QĐ giảm"}
    assert client.post(action.group(1), data=form).status_code == 303
    assert client.post(action.group(1), data=form).status_code == 422
    assert refunds_of(scene) == [("requested", 400_000)]


def test_refused_proposal_asks_for_nothing_and_is_kept_in_the_trail(
    client: FlaskClient, scene: Scene, proposed: ProposedFine
) -> None:
    desk, fine, _order = proposed
    assert decide(client, "refuse").status_code == 303
    assert refunds_of(scene) == []
    assert [each["state"] for each in desk.read(fine)["refund_proposals"]] == ["refused"]
    with scene.runtime.database.begin() as uow:
        told = uow.run("SELECT actor FROM audit_entry WHERE action = 'refund_proposal.refused'").fetchall()
    assert told == [("an.nguyen",)]


def test_refund_that_the_provider_refused_waits_for_an_officer_again(
    client: FlaskClient, scene: Scene, proposed: ProposedFine
) -> None:
    desk, fine, _order = proposed
    decide(client, "accept")
    conclude(scene, Outcome.REJECTED)
    assert [each["state"] for each in desk.read(fine)["refund_proposals"]] == ["proposed"]
    assert decide(client, "accept").status_code == 303
    assert refunds_of(scene) == [("rejected", 400_000), ("requested", 400_000)]


def test_later_version_asks_back_only_what_is_not_on_its_way(
    client: FlaskClient, scene: Scene, proposed: ProposedFine
) -> None:
    desk, fine, _order = proposed
    decide(client, "accept")
    desk.version(fine, "reduced", 500_000, on="2026-11-21", decision_no="SĐ-2/QĐ-XPHC")
    assert [each["state"] for each in desk.read(fine)["refund_proposals"]] == ["proposed"]
    decide(client, "accept")
    assert sorted(amount for _state, amount in refunds_of(scene)) == [100_000, 400_000]


def test_money_that_the_provider_can_not_give_back_is_the_agencys(
    app: Flask, client: FlaskClient, scene: Scene, staff: None, log_in: LogIn
) -> None:
    desk = Desk(PortalApi.of(app, scene), scene)
    bank = Bank(app, scene.runtime.clock)
    fine = scene.fine(1_000_000, served_on=date(2026, 11, 20))
    assert bank.pay(bank.bill(fine.document_no), "FT1").word == "accepted"
    desk.version(fine, "cancelled", 0, on="2026-11-21")
    log_in(client)
    assert decide(client, "accept").status_code == 303
    assert refunds_of(scene) == []
    assert "cơ quan tự hoàn trả" in client.get("/console/fines").text


def conclude(scene: Scene, outcome: Outcome) -> None:
    """The provider says what became of the newest refund."""
    with scene.runtime.database.begin() as uow:
        (refund_id,) = uow.one("SELECT id FROM refund ORDER BY requested_at DESC LIMIT 1")
        apply_refund_evidence(uow, outcome=outcome, source=EvidenceSource.STATUS_QUERY, refund_id=refund_id)
        uow.commit()
