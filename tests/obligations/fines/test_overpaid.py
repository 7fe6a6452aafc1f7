"""Surcharge that a fine asks no more, and parts of a plan whose money went back: what is too much is proposed, what is owed asked."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.obligations.domain import ServedMethod
from payclear.obligations.records import ObligationView
from payclear.orders.service import get_order
from payclear.refunds.proposals import accept
from payclear.refunds.service import apply_refund_evidence
from tests.obligations.fines.desk import Desk
from tests.obligations.fines.test_late_money import borne, policy, refund
from tests.obligations.fines.test_serving import registered
from tests.obligations.fines.test_shelters_and_plans import PLAN, SERVED
from tests.obligations.test_api import FINE, changed
from tests.scenes import Scene


def proposals(desk: Desk, fine: ObligationView) -> list[tuple[int, str, str]]:
    """Amount, reason and state of every proposal."""
    return [
        (each["amount"]["amount"], each["reason"], each["state"])
        for each in desk.read(fine)["refund_proposals"]
    ]


def id_of(scene: Scene, order: dict[str, Any]) -> UUID:
    """The id of an order that a portal made."""
    with scene.runtime.database.begin() as uow:
        return get_order(uow, portal_code=scene.portal_code, order_ref=order["order_ref"]).id


@pytest.fixture
def late(desk: Desk, scene: Scene, today: date) -> tuple[ObligationView, dict[str, Any]]:
    """A fine of 1,000,000 that was paid with 8,500 of surcharge, and the order that did."""
    fine = scene.fine(1_000_000, served_on=today - timedelta(days=28))
    order = desk.order(fine)
    assert order["amount"]["amount"] == 1_008_500
    desk.pay(order)
    return fine, order


def test_reduction_that_counts_from_an_earlier_day_gives_back_surcharge_too(
    desk: Desk, scene: Scene, today: date, late: tuple[ObligationView, dict[str, Any]]
) -> None:
    fine, order = late
    since = str(today - timedelta(days=28))
    desk.version(fine, "reduced", 600_000, on=str(today), effective_on=since)
    assert proposals(desk, fine) == [(403_400, "reduced", "proposed")]
    refund(desk, scene, order, 403_400)
    assert proposals(desk, fine) == [(403_400, "reduced", "done")]
    given = desk.read(fine)["events"][-1]
    assert (given["principal"]["amount"], given["surcharge"]["amount"]) == (400_000, 3_400)
    assert desk.status(fine) == "paid"
    assert borne(scene, id_of(scene, order)) == {"TK-PHAT": 400_000, "TK-CHAMNOP": 3_400}


def test_officer_accepts_what_is_too_much_now(
    desk: Desk, scene: Scene, today: date, late: tuple[ObligationView, dict[str, Any]]
) -> None:
    fine, _order = late
    since = str(today - timedelta(days=28))
    desk.version(fine, "reduced", 600_000, on=str(today), effective_on=since)
    with scene.runtime.database.begin() as uow:
        uow.run("UPDATE refund_proposal SET amount = 400000")  # by the rules of another day
        (proposal_id,) = uow.one("SELECT id FROM refund_proposal")
        accept(scene.runtime, uow, proposal_id, by="an.nguyen", note="QĐ giảm")
        (refund_id,) = uow.one("SELECT id FROM refund")
        apply_refund_evidence(
            uow, outcome=Outcome.CONFIRMED, source=EvidenceSource.STATEMENT, refund_id=refund_id
        )
        uow.commit()
    assert proposals(desk, fine) == [(403_400, "reduced", "done")]


def test_replacement_with_a_term_of_its_own_gives_back_the_surcharge_of_the_old_one(
    desk: Desk, scene: Scene, today: date, late: tuple[ObligationView, dict[str, Any]]
) -> None:
    fine, order = late
    desk.version(fine, "replaced", 1_000_000, on=str(today), served_on=str(today), served_method="handed")
    assert proposals(desk, fine) == [(8_500, "surcharge", "proposed")]
    refund(desk, scene, order, 8_500)
    assert (desk.status(fine), proposals(desk, fine)) == ("paid", [(8_500, "surcharge", "done")])
    assert borne(scene, id_of(scene, order)) == {"TK-CHAMNOP": 8_500}


def test_shelter_dated_back_gives_back_surcharge_once_the_fine_is_paid(
    desk: Desk, today: date, late: tuple[ObligationView, dict[str, Any]]
) -> None:
    fine, _order = late
    desk.version(fine, "corrected", 1_200_000, on=str(today))
    opened = str(today - timedelta(days=10))
    desk.say(fine, "shelters", ref="45/QĐ-HTH", kind="deferral", on=opened)
    # Something is still owed: the surcharge that was paid too much stands against what may become due of it.
    assert proposals(desk, fine) == []
    rest = desk.order(fine)
    assert rest["amount"]["amount"] == 200_000
    desk.pay(rest)
    assert proposals(desk, fine) == [(5_000, "surcharge", "proposed")]  # 10 of the 17 late days


def test_proof_of_service_dated_back_gives_back_surcharge_once_the_fine_is_paid(desk: Desk) -> None:
    body = changed(changed(FINE, "document.decided_on", "2026-11-01"), "document.served_on", None)
    fine = registered(desk, changed(body, "lines.0.amount", 1_000_000))
    order = desk.order(fine)
    assert order["amount"]["amount"] == 1_004_000
    desk.pay(order)
    desk.version(fine, "corrected", 1_100_000, on="2026-11-21")
    desk.say(fine, "served", served_on="2026-11-12", served_method=ServedMethod.HANDED.value)
    desk.pay(desk.order(fine))
    assert (desk.status(fine), proposals(desk, fine)) == ("paid", [(4_000, "surcharge", "proposed")])


def test_surcharge_that_was_let_go_is_no_money_to_give_back(
    desk: Desk, scene: Scene, postgres: Any, today: date
) -> None:
    policy(postgres, "accept")
    fine = scene.fine(1_000_000, served_on=today - timedelta(days=28))
    order = desk.order(fine)
    desk.pay(order, wait=timedelta(hours=15))
    assert [each["kind"] for each in desk.read(fine)["events"]] == ["paid", "waived"]
    assert proposals(desk, fine) == []
    tomorrow = today + timedelta(days=1)
    desk.version(
        fine, "replaced", 1_000_000, on=str(tomorrow), served_on=str(tomorrow), served_method="handed"
    )
    assert proposals(desk, fine) == [(8_500, "surcharge", "proposed")]


@pytest.mark.parametrize("amount", [8_000_000, 3_000_000])
def test_instalment_whose_money_went_back_is_owed_again(desk: Desk, scene: Scene, amount: int) -> None:
    fine = scene.fine(20_000_000, served_on=SERVED)
    desk.say(fine, "instalment-plan", **PLAN)
    first = desk.order(fine, 1)
    desk.pay(first)
    refund(desk, scene, first, amount)
    plan = desk.read(fine)["plan"]
    assert (plan["state"], plan["payable"], plan["instalments"][0]["paid_on"]) == ("kept", [1], None)
    again = desk.order(fine, 1)
    assert again["amount"]["amount"] == amount
    desk.pay(again)
    for no in (2, 3):
        part = desk.order(fine, no)
        assert part["amount"]["amount"] == 6_000_000
        desk.pay(part)
    done = desk.read(fine)
    assert (done["status"], done["plan"]["state"]) == ("paid", "complete")


def test_refund_of_an_instalment_after_its_date_does_not_break_a_plan_that_was_kept(
    desk: Desk, scene: Scene
) -> None:
    fine = scene.fine(20_000_000, served_on=SERVED)
    desk.say(fine, "instalment-plan", **PLAN)
    first = desk.order(fine, 1)
    desk.pay(first)
    scene.runtime.clock.advance(timedelta(days=20))  # 11 December: the first part was due on the 1st
    refund(desk, scene, first, 8_000_000)
    now = desk.read(fine)
    assert (now["plan"]["state"], now["plan"]["payable"]) == ("kept", [1])
    assert now["position"]["surcharge"]["amount"] == 0
    desk.pay(desk.order(fine, 1))
    assert desk.read(fine)["plan"]["payable"] == [2]


def test_refund_of_an_instalment_before_its_date_leaves_the_date(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(20_000_000, served_on=SERVED)
    desk.say(fine, "instalment-plan", **PLAN)
    first = desk.order(fine, 1)
    desk.pay(first)
    refund(desk, scene, first, 8_000_000)
    scene.runtime.clock.advance(timedelta(days=20))
    now = desk.read(fine)
    assert (now["plan"]["state"], now["plan"]["broken_on"]) == ("broken", "2026-12-02")


def test_refund_of_what_a_reduction_gave_back_leaves_the_instalment_paid(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(20_000_000, served_on=SERVED)
    desk.say(fine, "instalment-plan", **PLAN)
    first = desk.order(fine, 1)
    desk.pay(first)
    desk.version(fine, "reduced", 7_000_000, on="2026-11-21")
    refund(desk, scene, first, 1_000_000)
    now = desk.read(fine)
    assert (now["status"], now["plan"]["instalments"][0]["paid_on"]) == ("paid", "2026-11-21")


def test_only_the_order_that_holds_surcharge_gives_it_back(
    desk: Desk, scene: Scene, today: date, late: tuple[ObligationView, dict[str, Any]]
) -> None:
    fine, _order = late
    desk.version(fine, "corrected", 1_200_000, on=str(today))
    rest = scene.order(fine)
    scene.apply(scene.evidence(scene.attempt(rest), source=EvidenceSource.STATUS_QUERY))
    since = str(today)
    desk.version(fine, "replaced", 1_200_000, on=since, served_on=since, served_method="handed")
    assert proposals(desk, fine) == [(8_500, "surcharge", "proposed")]
    refund(desk, scene, {"order_ref": rest.order_ref}, 8_500)
    # The other order's money was the fine's: it is owed again, and the surcharge is still too much.
    now = desk.read(fine)
    assert (now["status"], now["events"][-1]["principal"]["amount"]) == ("partially_paid", 8_500)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_refunds_of_overpaid_fines_in_any_parts_leave_books_and_fines_telling_the_same(
    desk: Desk, today: date, data: st.DataObject
) -> None:
    scene = desk.scene
    fines = [
        scene.fine(data.draw(st.integers(1_000, 2_000_000)), served_on=today - timedelta(days=40))
        for _ in range(2)
    ]
    order = scene.order(*fines, scene.fee(data.draw(st.integers(1_000, 500_000))))
    scene.apply(scene.evidence(scene.attempt(order), source=EvidenceSource.STATUS_QUERY))
    for fine in fines:
        kind = data.draw(st.sampled_from([None, "reduced", "replaced", "cancelled"]))
        amount = 0 if kind == "cancelled" else data.draw(st.integers(1, fine.principal.amount - 1))
        if kind == "replaced":
            desk.version(fine, kind, amount, on=str(today), served_on=str(today), served_method="handed")
        elif kind is not None:
            since = str(today - timedelta(days=data.draw(st.integers(0, 40))))
            desk.version(fine, kind, amount, on=str(today), effective_on=since)
    too_much = sum(amount for fine in fines for amount, _reason, _state in proposals(desk, fine))
    left = order.amount.amount
    while left and data.draw(st.booleans()):
        amount = data.draw(st.integers(1, left))
        refund(desk, scene, {"order_ref": order.order_ref}, amount)
        left -= amount
        with scene.runtime.database.begin() as uow:
            back = uow.one(
                "SELECT coalesce(sum(principal), 0)::bigint, coalesce(sum(surcharge), 0)::bigint "
                "FROM fine_event WHERE kind = 'refunded' AND order_id = %s",
                (order.id,),
            )
        by_account = borne(scene, order.id)
        assert (by_account.get("TK-PHAT", 0), by_account.get("TK-CHAMNOP", 0)) == back
        gone = order.amount.amount - left
        # What was too much goes first: nothing is owed again before all of it went back.
        assert sum(back) >= min(gone, too_much)
        if gone <= too_much:
            assert {desk.status(fine) for fine in fines} <= {"paid", "cancelled"}
