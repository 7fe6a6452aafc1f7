"""The proof of service that comes after its decision: the term follows it, and what was quoted before reproduces."""

from datetime import date, timedelta
from typing import Any

import pytest

from payclear.kernel.ids import parse_public_id
from payclear.obligations.records import ObligationView
from payclear.obligations.service import find_many
from tests.obligations.fines.desk import Desk
from tests.obligations.test_api import FINE, changed

DECIDED = date(2026, 11, 1)


@pytest.fixture
def body() -> dict[str, Any]:
    """A decision of which nobody could prove the service."""
    made = changed(FINE, "document.decided_on", str(DECIDED))
    return changed(made, "document.served_on", None)


def registered(desk: Desk, body: dict[str, Any], status: int = 201) -> ObligationView:
    answer = desk.portal.post("/obligations", body)
    assert answer.status_code == status, answer.text
    with desk.scene.runtime.database.begin() as uow:
        return find_many(uow, [parse_public_id("obl", answer.json["id"])])[0]


def test_due_date_and_surcharge_follow_the_proof_from_now_on(desk: Desk, body: dict[str, Any]) -> None:
    fine = registered(desk, body)
    before = desk.read(fine)["position"]
    known_at = desk.scene.runtime.clock.now()
    assert (before["due_on"], before["late_days"]) == ("2026-11-12", 8)
    desk.scene.runtime.clock.advance(timedelta(minutes=1))
    now = desk.say(fine, "served", served_on="2026-11-09", served_method="registered_post")
    assert (now["position"]["due_on"], now["position"]["late_days"]) == ("2026-11-19", 1)
    assert [each["kind"] for each in now["versions"]] == ["issued", "served"]
    assert desk.total(fine) < desk.total(fine, as_of=known_at)
    assert desk.events() == [("served", "open")]


def test_same_proof_again_changes_nothing_and_another_is_refused(desk: Desk, body: dict[str, Any]) -> None:
    fine = registered(desk, body)
    desk.say(fine, "served", served_on="2026-11-09")
    assert len(desk.say(fine, "served", served_on="2026-11-09")["versions"]) == 2
    desk.say(fine, "served", 422, served_on="2026-11-10")


@pytest.mark.parametrize("day", ["2026-10-31", "2026-11-22"])
def test_service_before_the_decision_or_in_the_future_is_refused(
    desk: Desk, body: dict[str, Any], day: str
) -> None:
    fine = registered(desk, body)
    desk.say(fine, "served", 422, served_on=day)
    assert len(desk.read(fine)["versions"]) == 1


def test_registering_again_with_the_day_of_service_adds_the_proof(desk: Desk, body: dict[str, Any]) -> None:
    fine = registered(desk, body)
    proven = body | {"document": body["document"] | {"served_on": "2026-11-09"}}
    assert registered(desk, proven, 200).due_on == date(2026, 11, 19)
    assert registered(desk, proven, 200).due_on == date(2026, 11, 19)
    assert registered(desk, body, 200).due_on == date(2026, 11, 19)
    assert len(desk.read(fine)["versions"]) == 2
    other = body | {"document": body["document"] | {"served_on": "2026-11-10"}}
    assert desk.portal.post("/obligations", other).status_code == 409


def test_open_order_of_the_old_term_is_withdrawn(desk: Desk, body: dict[str, Any]) -> None:
    fine = registered(desk, body)
    order = desk.order(fine)
    desk.say(fine, "served", served_on="2026-11-09")
    assert desk.order_status(order) == "cancelled"
    assert desk.order(fine)["amount"]["amount"] == desk.total(fine)


def test_paid_fine_needs_no_proof_any_more(desk: Desk, body: dict[str, Any]) -> None:
    fine = registered(desk, body)
    desk.pay(desk.order(fine))
    desk.say(fine, "served", 409, served_on="2026-11-02")
    proven = body | {"document": body["document"] | {"served_on": "2026-11-02"}}
    registered(desk, proven, 200)
    assert (desk.status(fine), len(desk.read(fine)["versions"])) == ("paid", 1)


def test_version_said_again_after_the_proof_changes_nothing(desk: Desk, body: dict[str, Any]) -> None:
    fine = registered(desk, body)
    desk.version(fine, "reduced", 400_000, on="2026-11-20")
    desk.say(fine, "served", served_on="2026-11-09")
    desk.version(fine, "reduced", 400_000, on="2026-11-20")
    now = desk.read(fine)
    assert [each["kind"] for each in now["versions"]] == ["issued", "reduced", "served"]
    assert now["position"]["fine"]["amount"] == 400_000


def test_proof_of_a_replaced_decision_is_not_taken_for_its_replacement(
    desk: Desk, body: dict[str, Any]
) -> None:
    fine = registered(desk, body)
    desk.version(fine, "replaced", 900_000, on="2026-11-15")
    proven = body | {"document": body["document"] | {"served_on": "2026-11-09"}}
    registered(desk, proven, 200)
    assert [each["kind"] for each in desk.read(fine)["versions"]] == ["issued", "replaced"]
