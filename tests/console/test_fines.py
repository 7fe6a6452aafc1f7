"""The console's list of refunds that fines wait for."""

import re
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money
from payclear.obligations.records import ObligationView
from payclear.operations.verify import verify
from payclear.orders.service import get_order
from payclear.refunds.checks import CHECKS
from payclear.refunds.errors import RefundExceedsCapture
from payclear.refunds.service import apply_refund_evidence, request_refund
from tests.collection.bank import Bank
from tests.console.conftest import LogIn, token_of
from tests.database import TestServer
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


@pytest.fixture
def accepted(
    app: Flask, client: FlaskClient, scene: Scene, staff: None, log_in: LogIn
) -> tuple[Desk, ObligationView]:
    """A cancelled fine that was paid at a counter: its agency gives 1,000,000 back itself."""
    desk = Desk(PortalApi.of(app, scene), scene)
    bank = Bank(app, scene.runtime.clock)
    fine = scene.fine(1_000_000, served_on=date(2026, 11, 20))
    assert bank.pay(bank.bill(fine.document_no), "FT1").word == "accepted"
    desk.version(fine, "cancelled", 0, on="2026-11-21")
    log_in(client)
    assert decide(client, "accept").status_code == 303
    return desk, fine


def test_agency_notes_that_it_gave_the_money_back(
    client: FlaskClient, scene: Scene, accepted: tuple[Desk, ObligationView]
) -> None:
    desk, fine = accepted
    assert note_given(client, "UNC-0012/2026").status_code == 303
    now = desk.read(fine)
    assert (now["status"], now["next_step"]) == ("cancelled", "nothing")
    assert [each["state"] for each in now["refund_proposals"]] == ["done"]
    given = now["events"][-1]
    assert (given["kind"], given["ref"], given["principal"]["amount"]) == (
        "refunded",
        "UNC-0012/2026",
        1_000_000,
    )
    with scene.runtime.database.begin() as uow:
        trail = uow.run("SELECT actor, facts FROM audit_entry WHERE action = 'refund_proposal.done'")
        assert trail.fetchall() == [("an.nguyen", {"amount": 1_000_000, "reference": "UNC-0012/2026"})]
        told = uow.run("SELECT recorded_by FROM fine_event WHERE kind = 'refunded'").fetchall()
    assert told == [("an.nguyen",)]
    assert all(finding.holds for finding in verify(scene.runtime.database))


@pytest.mark.parametrize("reference", ["", " ", "trả cho bà Mẫu"])
def test_money_given_back_needs_the_number_of_its_paper(
    client: FlaskClient, accepted: tuple[Desk, ObligationView], reference: str
) -> None:
    desk, fine = accepted
    assert note_given(client, reference).status_code == 422
    assert [each["state"] for each in desk.read(fine)["refund_proposals"]] == ["accepted"]


def test_money_is_noted_as_given_back_once(
    client: FlaskClient, scene: Scene, accepted: tuple[Desk, ObligationView]
) -> None:
    page = client.get("/console/fines").text
    action = re.search(r'action="(/console/fines/[0-9a-f-]+)"', page)
    assert action
    form = {"csrf_token": token_of(page), "decision": "done", "reference": "UNC-1"}
    assert client.post(action.group(1), data=form).status_code == 303
    assert client.post(action.group(1), data=form).status_code == 422
    with scene.runtime.database.begin() as uow:
        assert uow.one("SELECT count(*) FROM fine_event WHERE kind = 'refunded'") == (1,)


def test_money_that_the_provider_gives_back_is_not_the_agencys_to_note(
    client: FlaskClient, scene: Scene, proposed: ProposedFine
) -> None:
    desk, fine, _order = proposed
    page = client.get("/console/fines").text
    action = re.search(r'action="(/console/fines/[0-9a-f-]+)"', page)
    assert action
    form = {"csrf_token": token_of(page), "decision": "done", "reference": "UNC-1"}
    assert client.post(action.group(1), data=form).status_code == 422
    assert decide(client, "accept").status_code == 303
    assert client.post(action.group(1), data=form).status_code == 422
    assert [each["state"] for each in desk.read(fine)["refund_proposals"]] == ["accepted"]
    assert "refunded" not in [each["kind"] for each in desk.read(fine)["events"]]


def test_bank_can_not_take_back_what_the_agency_gives_back(
    app: Flask, client: FlaskClient, scene: Scene, staff: None, log_in: LogIn
) -> None:
    desk = Desk(PortalApi.of(app, scene), scene)
    bank = Bank(app, scene.runtime.clock)
    fine = scene.fine(1_000_000, served_on=date(2026, 11, 20))
    assert bank.pay(bank.bill(fine.document_no), "FT1").word == "accepted"
    desk.version(fine, "cancelled", 0, on="2026-11-21")
    log_in(client)
    assert decide(client, "accept").status_code == 303
    assert bank.reverse("FT1", amount=1_000_000).word == "too_late"
    assert note_given(client, "UNC-1").status_code == 303
    assert [each["state"] for each in desk.read(fine)["refund_proposals"]] == ["done"]


def test_agency_waits_for_what_the_provider_is_giving_back(
    client: FlaskClient, scene: Scene, proposed: ProposedFine
) -> None:
    desk, fine, _order = proposed
    assert decide(client, "accept").status_code == 303
    with scene.runtime.database.begin() as uow:
        uow.run("UPDATE refund_proposal SET carrier = 'agency'")
        uow.commit()
    assert note_given(client, "UNC-1").status_code == 422
    conclude(scene, Outcome.REJECTED)
    assert note_given(client, "UNC-1").status_code == 303
    assert [each["state"] for each in desk.read(fine)["refund_proposals"]] == ["done"]


def test_provider_is_not_asked_for_what_the_agency_gave_back(
    app: Flask, client: FlaskClient, scene: Scene, proposed: ProposedFine
) -> None:
    _desk, _fine, order = proposed
    with scene.runtime.database.begin() as uow:
        uow.run(
            "UPDATE refund_proposal SET state = 'accepted', carrier = 'agency', decided_at = proposed_at,"
            " decided_by = 'an.nguyen', decided_note = 'QĐ giảm'"
        )
        uow.commit()
    assert note_given(client, "UNC-1").status_code == 303
    with scene.runtime.database.begin() as uow:
        (attempt,) = get_order(uow, portal_code=scene.portal_code, order_ref=order["order_ref"]).attempts
        asked = {
            "providers": scene.runtime.providers,
            "attempt_ref": attempt.attempt_ref,
            "reason": "test",
            "requested_by": "test",
        }
        rest = order["amount"]["amount"] - 400_000
        with pytest.raises(RefundExceedsCapture):
            request_refund(uow, amount=Money(rest + 1), **asked)
        assert request_refund(uow, amount=Money(rest), **asked).amount == rest


def test_later_refund_of_the_order_is_shared_by_what_the_agency_left(
    app: Flask, client: FlaskClient, scene: Scene, staff: None, log_in: LogIn
) -> None:
    desk = Desk(PortalApi.of(app, scene), scene)
    fine = scene.fine(1_000_000, served_on=date(2026, 11, 20))
    attempt = scene.attempt(scene.order(fine, scene.fee(500_000)))
    scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    desk.version(fine, "reduced", 600_000, on="2026-11-21")
    with scene.runtime.database.begin() as uow:
        uow.run(
            "UPDATE refund_proposal SET state = 'accepted', carrier = 'agency', decided_at = proposed_at,"
            " decided_by = 'an.nguyen', decided_note = 'QĐ giảm'"
        )
        uow.commit()
    log_in(client)
    assert note_given(client, "UNC-1").status_code == 303
    with scene.runtime.database.begin() as uow:
        request_refund(
            uow,
            providers=scene.runtime.providers,
            attempt_ref=attempt.attempt_ref,
            amount=Money(550_000),
            reason="test",
            requested_by="test",
        )
        uow.commit()
    conclude(scene, Outcome.CONFIRMED)
    # 600,000 of the fine and 500,000 of the fee were left.
    assert desk.read(fine)["events"][-1]["principal"]["amount"] == 300_000


def test_two_fines_of_one_order_are_each_asked_back(
    app: Flask, client: FlaskClient, scene: Scene, staff: None, log_in: LogIn
) -> None:
    desk = Desk(PortalApi.of(app, scene), scene)
    fines = [scene.fine(1_000_000, served_on=date(2026, 11, 20)) for _ in range(2)]
    scene.apply(scene.evidence(scene.attempt(scene.order(*fines)), source=EvidenceSource.STATUS_QUERY))
    for fine, left in zip(fines, (600_000, 900_000), strict=True):
        desk.version(fine, "reduced", left, on="2026-11-21")
    log_in(client)
    for _ in fines:
        assert decide(client, "accept").status_code == 303
    assert sorted(refunds_of(scene)) == [("requested", 100_000), ("requested", 400_000)]
    with scene.runtime.database.begin() as uow:
        for (refund_id,) in uow.run("SELECT id FROM refund").fetchall():
            apply_refund_evidence(
                uow, outcome=Outcome.CONFIRMED, source=EvidenceSource.STATUS_QUERY, refund_id=refund_id
            )
        uow.commit()
    for fine in fines:
        now = desk.read(fine)
        assert (now["status"], [each["state"] for each in now["refund_proposals"]]) == ("paid", ["done"])


def test_surcharge_is_asked_back_from_the_order_that_paid_it(
    app: Flask, client: FlaskClient, scene: Scene, staff: None, log_in: LogIn
) -> None:
    desk = Desk(PortalApi.of(app, scene), scene)
    fine = scene.fine(1_000_000, served_on=date(2026, 10, 24))
    first = desk.order(fine)
    desk.pay(first)
    desk.version(fine, "corrected", 1_200_000, on="2026-11-21")
    desk.pay(desk.order(fine))
    desk.version(fine, "replaced", 1_200_000, on="2026-11-21", served_on="2026-11-21", served_method="handed")
    log_in(client)
    assert decide(client, "accept").status_code == 303
    with scene.runtime.database.begin() as uow:
        asked = uow.run(
            "SELECT o.order_ref, r.amount FROM refund r JOIN payment_order o ON o.id = r.order_id"
        ).fetchall()
    assert asked == [(first["order_ref"], 8_500)]
    conclude(scene, Outcome.CONFIRMED)
    assert desk.status(fine) == "paid"


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE fine_event SET principal = principal + 1 WHERE kind = 'refunded'",
        "UPDATE payment_attempt SET refund_asked_at = NULL",
        "UPDATE payment_attempt SET state = 'reversed'",
    ],
)
def test_money_that_goes_back_twice_is_found(
    client: FlaskClient,
    scene: Scene,
    postgres: TestServer,
    accepted: tuple[Desk, ObligationView],
    sql: str,
) -> None:
    assert note_given(client, "UNC-1").status_code == 303
    (check,) = [each for each in CHECKS if each.id == "INV-18f"]
    with scene.runtime.database.begin() as uow:
        assert uow.run(check.sql).fetchall() == []
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(sql)
    with scene.runtime.database.begin() as uow:
        assert uow.run(check.sql).fetchall() != []


def note_given(client: FlaskClient, reference: str) -> TestResponse:
    """The officer notes under which paper the agency gave the money back."""
    page = client.get("/console/fines").text
    found = re.search(r'action="(/console/fines/[0-9a-f-]+)"', page)
    assert found, page
    form = {"csrf_token": token_of(page), "decision": "done", "reference": reference}
    return client.post(found.group(1), data=form)


def conclude(scene: Scene, outcome: Outcome) -> None:
    """The provider says what became of the newest refund."""
    with scene.runtime.database.begin() as uow:
        (refund_id,) = uow.one("SELECT id FROM refund ORDER BY requested_at DESC LIMIT 1")
        apply_refund_evidence(uow, outcome=outcome, source=EvidenceSource.STATUS_QUERY, refund_id=refund_id)
        uow.commit()
