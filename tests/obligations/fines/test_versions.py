"""Corrections, reductions, replacements and cancellations: A was paid, B is asked now."""

from datetime import date, timedelta

import pytest

from payclear.contract.outcomes import EvidenceSource
from payclear.obligations.service import find_by_number
from payclear.orders.domain import CaseKind, Effect
from payclear.orders.service import get_order
from tests.obligations.fines.desk import Desk
from tests.obligations.test_api import FINE, changed
from tests.portal_api import PortalApi
from tests.scenes import Scene


def test_version_of_another_portals_fine_is_not_found(desk: Desk, scene: Scene) -> None:
    fine = scene.fine()
    other = PortalApi.of(desk.portal.app, scene, portal_code="otherportal")
    body = {"kind": "corrected", "amount": 1, "decided_on": "2026-11-20", "decision_no": "2/QĐ"}
    answer = other.post(f"{desk.path(fine)}/versions", body)
    assert (answer.status_code, answer.json["code"]) == (404, "obligation_not_found")


def test_version_of_a_fee_is_refused(desk: Desk, scene: Scene) -> None:
    fee = scene.fee()
    refused = desk.version(fee, "corrected", 5, on="2026-11-20", status=409)
    assert refused["code"] == "not_a_fine"
    answer = desk.portal.get(f"{desk.path(fee)}/fine")
    assert (answer.status_code, answer.json["code"]) == (409, "not_a_fine")


@pytest.mark.parametrize(
    ("kind", "amount", "on", "code"),
    [
        ("reduced", 1_000_000, "2026-11-20", "invalid_correction"),
        ("corrected", 0, "2026-11-20", "invalid_correction"),
        ("cancelled", 5, "2026-11-20", "invalid_correction"),
        ("corrected", 900_000, "2026-10-01", "invalid_correction"),
        ("corrected", 900_000, "2026-11-22", "invalid_correction"),
        ("issued", 900_000, "2026-11-20", "invalid_request"),
    ],
)
def test_version_that_can_not_follow_is_refused(
    desk: Desk, scene: Scene, kind: str, amount: int, on: str, code: str
) -> None:
    fine = scene.fine(1_000_000)
    assert desk.version(fine, kind, amount, on=on, status=422)["code"] == code
    assert len(desk.read(fine)["versions"]) == 1


def test_nothing_follows_a_cancellation(desk: Desk, scene: Scene) -> None:
    fine = scene.fine()
    assert desk.version(fine, "cancelled", 0, on="2026-11-20")["status"] == "cancelled"
    assert desk.version(fine, "corrected", 5, on="2026-11-21", status=422)["code"] == "invalid_correction"
    assert desk.refused_order(fine) == "obligation_not_payable"
    assert (
        desk.say(fine, "shelters", 409, ref="1/QĐ", kind="deferral", on="2026-11-21")["code"]
        == "fine_not_payable"
    )


def test_same_version_again_changes_nothing(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000)
    first = desk.version(fine, "corrected", 1_200_000, on="2026-11-20")
    assert desk.version(fine, "corrected", 1_200_000, on="2026-11-20") == first
    assert desk.events() == [("corrected", "open")]


def test_paid_fine_corrected_upwards_asks_for_the_rest(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000)
    desk.pay(desk.order(fine))
    assert desk.status(fine) == "paid"
    corrected = desk.version(fine, "corrected", 1_500_000, on="2026-11-21")
    assert (corrected["status"], corrected["next_step"]) == ("partially_paid", "pay_rest")
    assert corrected["position"]["unpaid"]["amount"] == 500_000
    rest = desk.order(fine)
    assert rest["amount"]["amount"] == 500_000
    desk.pay(rest)
    assert (desk.status(fine), desk.order_status(rest)) == ("paid", "paid")
    assert desk.refused_order(fine) == "obligation_not_payable"


def test_paid_fine_corrected_downwards_proposes_the_refund(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000)
    desk.pay(desk.order(fine))
    reduced = desk.version(fine, "reduced", 600_000, on="2026-11-21")
    assert (reduced["status"], reduced["next_step"]) == ("paid", "await_refund")
    (proposal,) = reduced["refund_proposals"]
    assert (proposal["amount"]["amount"], proposal["reason"], proposal["state"]) == (
        400_000,
        "reduced",
        "proposed",
    )
    assert ("refund_proposed", "paid") in desk.events()


def test_proposal_follows_later_versions(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000)
    desk.pay(desk.order(fine))
    desk.version(fine, "reduced", 600_000, on="2026-11-21")
    smaller = desk.version(fine, "corrected", 800_000, on="2026-11-21")
    assert [each["amount"]["amount"] for each in smaller["refund_proposals"]] == [200_000]
    more = desk.version(fine, "corrected", 1_100_000, on="2026-11-21", decision_no="9/QĐ")
    assert [each["state"] for each in more["refund_proposals"]] == ["withdrawn"]
    assert more["status"] == "partially_paid"


def test_cancelled_after_payment_proposes_the_whole_with_surcharge(desk: Desk, scene: Scene, today) -> None:
    fine = scene.fine(1_000_000, served_on=today - timedelta(days=28))
    desk.pay(desk.order(fine))
    cancelled = desk.version(fine, "cancelled", 0, on="2026-11-21")
    assert cancelled["status"] == "cancelled"
    (proposal,) = cancelled["refund_proposals"]
    assert (proposal["amount"]["amount"], proposal["reason"]) == (1_008_500, "cancelled")


def test_reduced_to_nothing_is_exempted_whatever_it_asked_before(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000, served_on=date(2026, 11, 15))
    assert desk.version(fine, "reduced", 0, on="2026-11-20")["status"] == "exempted"


def test_reduced_to_nothing_is_exempted_and_a_replacement_asks_again(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000, served_on=date(2026, 11, 15))
    assert desk.version(fine, "reduced", 0, on="2026-11-20")["status"] == "exempted"
    replaced = desk.version(fine, "replaced", 300_000, on="2026-11-21", served_on="2026-11-21")
    assert (replaced["status"], replaced["position"]["due_on"]) == ("open", "2026-12-01")


def test_replacement_brings_a_new_term_and_no_surcharge_of_the_old(desk: Desk, scene: Scene, today) -> None:
    fine = scene.fine(1_000_000, served_on=today - timedelta(days=28))
    assert desk.total(fine) == 1_008_500
    desk.version(fine, "replaced", 900_000, on=str(today), served_on=str(today), served_method="handed")
    assert desk.total(fine) == 900_000
    assert desk.read(fine)["versions"][1]["due_on"] == str(today + timedelta(days=10))


def test_open_order_is_withdrawn_when_its_decision_changes(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000, served_on=date(2026, 11, 15))
    order = desk.order(fine)
    desk.version(fine, "corrected", 1_200_000, on="2026-11-20")
    assert desk.order_status(order) == "cancelled"
    assert desk.order(fine)["amount"]["amount"] == 1_200_000


@pytest.mark.parametrize(("asked", "state"), [(1_500_000, "partially_paid"), (600_000, "paid")])
def test_money_under_way_when_the_decision_changes_is_judged_on_arrival(
    desk: Desk, scene: Scene, asked: int, state: str
) -> None:
    fine = scene.fine(1_000_000)
    order = desk.order(fine)
    with scene.runtime.database.begin() as uow:
        view = get_order(uow, portal_code=scene.portal_code, order_ref=order["order_ref"])
    attempt = scene.attempt(view)
    kind = "corrected" if asked > 1_000_000 else "reduced"
    desk.version(fine, kind, asked, on="2026-11-20")
    assert desk.order_status(order) == "pending"
    applied = scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    assert applied.effect is Effect.CAPTURED
    now = desk.read(fine)
    assert now["status"] == state
    # The reduction counts from yesterday: of the surcharge one late day was taken on 400,000 too much.
    assert [each["amount"]["amount"] for each in now["refund_proposals"]] == (
        [] if asked > 1_000_000 else [400_200]
    )


@pytest.mark.parametrize("end", ["cancelled", "paid_elsewhere"])
def test_money_for_a_decision_that_ended_meanwhile_waits_in_suspense(
    desk: Desk, scene: Scene, end: str
) -> None:
    fine = scene.fine(1_000_000)
    order = desk.order(fine)
    with scene.runtime.database.begin() as uow:
        view = get_order(uow, portal_code=scene.portal_code, order_ref=order["order_ref"])
    attempt = scene.attempt(view)
    if end == "cancelled":
        desk.version(fine, "cancelled", 0, on="2026-11-20")
    else:
        desk.say(fine, "paid-elsewhere", proof_ref="BL-0001", paid_on="2026-11-20")
    applied = scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    assert (applied.effect, applied.case) == (Effect.SUSPENDED, CaseKind.LATE_SUCCESS)
    assert desk.status(fine) == end


def test_paid_elsewhere_ends_the_fine_and_can_be_taken_back(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000)
    order = desk.order(fine)
    told = desk.say(fine, "paid-elsewhere", proof_ref="BL-0001", paid_on="2026-11-20")
    assert (told["status"], desk.order_status(order)) == ("paid_elsewhere", "cancelled")
    assert desk.refused_order(fine) == "obligation_not_payable"
    assert desk.say(fine, "paid-elsewhere", proof_ref="BL-0001", paid_on="2026-11-20") == told
    assert desk.say(fine, "paid-elsewhere/undo")["status"] == "open"
    desk.pay(desk.order(fine))
    assert desk.status(fine) == "paid"
    refused = desk.say(fine, "paid-elsewhere", 409, proof_ref="BL-2", paid_on="2026-11-20")
    assert refused["code"] == "fine_not_payable"


def test_fine_is_found_by_the_number_of_a_later_version(desk: Desk, scene: Scene) -> None:
    fine = scene.fine()
    desk.version(fine, "replaced", 900_000, on="2026-11-21", served_on="2026-11-21", decision_no="77/QĐ-XPHC")
    with scene.runtime.database.begin() as uow:
        for number in ("77/qđ-xphc", "77/QD-XPHC", fine.document_no):
            assert [each.id for each in find_by_number(uow, number)] == [fine.id]


def test_withheld_papers_are_named_by_type_and_given_back(desk: Desk, scene: Scene) -> None:
    body = changed(FINE, "document.withheld_papers", ["driver_licence", "vehicle_registration"])
    made = desk.portal.post("/obligations", body)
    assert made.status_code == 201, made.text
    path = f"/obligations/{made.json['id']}"
    papers = desk.portal.get(f"{path}/fine").json["withheld_papers"]
    assert papers == [
        {"type": "driver_licence", "returned_on": None},
        {"type": "vehicle_registration", "returned_on": None},
    ]
    back = desk.portal.post(f"{path}/papers-returned", {"on": "2026-11-21"})
    assert [each["returned_on"] for each in back.json["withheld_papers"]] == ["2026-11-21"] * 2
