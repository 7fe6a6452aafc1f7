"""Money on yesterday's quote, money taken back, money given back: nothing disappears."""

from datetime import date, datetime, time, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.clock import at_vietnam
from payclear.kernel.money import Money
from payclear.obligations.records import ObligationView
from payclear.obligations.service import record_refund
from payclear.orders.domain import CaseKind, Effect
from payclear.orders.service import get_order, parts_of
from payclear.refunds.service import apply_refund_evidence, request_refund
from tests.database import TestServer
from tests.obligations.fines.desk import Desk
from tests.scenes import Scene

POLICIES = {
    "collect_difference": {"choice": "collect_difference"},
    "suspense": {"choice": "suspense"},
    "accept": {"choice": "accept_shortfall_up_to", "up_to": 1_000, "beyond": "suspense"},
}


def policy(postgres: TestServer, name: str | None) -> None:
    """Make this the policy for late quotes, or have none."""
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM legal_parameter WHERE kind = 'late_quote'")
        if name is not None:
            connection.execute(
                "INSERT INTO legal_parameter (id, kind, code, value, valid_from, legal_basis) "
                "VALUES ('late', 'late_quote', 'fine', %s, '2020-01-01', 'test')",
                (Jsonb(POLICIES[name]),),
            )


def late_order(desk: Desk, scene: Scene, today: date, amount: int = 1_000_000) -> tuple:
    """A fine that is 17 days late, ordered today, with the citizen at the bank."""
    fine = scene.fine(amount, served_on=today - timedelta(days=28))
    order = desk.order(fine)
    with scene.runtime.database.begin() as uow:
        view = get_order(uow, portal_code=scene.portal_code, order_ref=order["order_ref"])
    return fine, order, scene.attempt(view)


@pytest.mark.parametrize(
    ("name", "effect", "status", "due"),
    [
        ("collect_difference", Effect.CAPTURED, "partially_paid", 500),
        ("suspense", Effect.SUSPENDED, "open", 1_009_000),
        ("accept", Effect.CAPTURED, "paid", None),
        (None, Effect.SUSPENDED, "open", 1_009_000),
    ],
)
def test_money_after_midnight_follows_the_policy_in_force(
    desk: Desk,
    scene: Scene,
    postgres: TestServer,
    today: date,
    name: str | None,
    effect: Effect,
    status: str,
    due: int | None,
) -> None:
    policy(postgres, name)
    fine, _order, attempt = late_order(desk, scene, today)
    tomorrow = _after_midnight(today)
    scene.runtime.clock.advance(tomorrow - scene.runtime.clock.now())
    applied = scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY, paid_at=tomorrow))
    assert applied.effect is effect
    assert desk.status(fine) == status
    if due is not None:
        assert desk.total(fine) == due
    if effect is Effect.SUSPENDED:
        assert applied.case is CaseKind.LATE_SUCCESS
    elif due:
        rest = desk.order(fine)
        assert rest["amount"]["amount"] == due
        desk.pay(rest)
        assert desk.status(fine) == "paid"


def test_message_after_midnight_about_money_before_it_is_on_time(
    desk: Desk, scene: Scene, postgres: TestServer, today: date
) -> None:
    policy(postgres, "suspense")
    fine, _order, attempt = late_order(desk, scene, today)
    midnight = _after_midnight(today)
    scene.runtime.clock.advance(midnight - scene.runtime.clock.now())
    paid_at = midnight - timedelta(minutes=10)
    applied = scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY, paid_at=paid_at))
    assert (applied.effect, desk.status(fine)) == (Effect.CAPTURED, "paid")


def test_fine_that_is_not_late_yet_takes_money_after_midnight(
    desk: Desk, scene: Scene, postgres: TestServer, today: date
) -> None:
    policy(postgres, "suspense")
    fine = scene.fine(1_000_000, served_on=today)
    order = desk.order(fine)
    with scene.runtime.database.begin() as uow:
        view = get_order(uow, portal_code=scene.portal_code, order_ref=order["order_ref"])
    attempt = scene.attempt(view)
    scene.runtime.clock.advance(timedelta(hours=15))
    applied = scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    assert (applied.effect, desk.status(fine)) == (Effect.CAPTURED, "paid")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amount=st.integers(1, 50_000_000),
    days=st.integers(-1, 40),
    name=st.sampled_from([*POLICIES, None]),
    change=st.sampled_from([None, "corrected", "reduced", "cancelled", "paid-elsewhere"]),
)
def test_money_is_captured_or_suspended_to_the_dong(
    desk: Desk, postgres: TestServer, amount: int, days: int, name: str | None, change: str | None
) -> None:
    scene = desk.scene
    policy(postgres, name)
    start = scene.runtime.clock.now()
    now_on = date.fromisoformat(start.date().isoformat())
    fine = scene.fine(amount, served_on=now_on - timedelta(days=28))
    order = desk.order(fine)
    with scene.runtime.database.begin() as uow:
        view = get_order(uow, portal_code=scene.portal_code, order_ref=order["order_ref"])
    attempt = scene.attempt(view)
    if change == "paid-elsewhere":
        desk.say(fine, change, proof_ref="BL-1", paid_on=str(now_on))
    elif change is not None:
        asked = {"corrected": amount + 7, "reduced": amount - 1, "cancelled": 0}[change]
        desk.version(fine, change, asked, on=str(now_on))
    scene.runtime.clock.advance(timedelta(days=max(days, 0), minutes=1))
    paid_at = start if days < 0 else None
    scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY, paid_at=paid_at))
    with scene.runtime.database.begin() as uow:
        captured, suspended, told = uow.one(
            """
            SELECT coalesce(sum(p.amount) FILTER (WHERE p.account_code = 'beneficiary_payable'), 0),
                   coalesce(sum(p.amount) FILTER (WHERE p.account_code = 'suspense'), 0),
                   (SELECT coalesce(sum(principal + surcharge), 0) FROM fine_event f
                    WHERE f.order_id = %(id)s AND f.kind = 'paid')
            FROM journal_entry e JOIN posting p ON p.entry_id = e.id AND p.side = 'C' WHERE e.order_id = %(id)s
            """,
            {"id": view.id},
        )
    assert captured + suspended == order["amount"]["amount"]
    assert captured == told


def test_refund_of_what_a_reduction_gave_back_ends_its_proposal(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000)
    order = desk.order(fine)
    desk.pay(order)
    desk.version(fine, "reduced", 600_000, on="2026-11-21")
    refund(desk, scene, order, 400_000)
    now = desk.read(fine)
    assert (now["status"], [each["state"] for each in now["refund_proposals"]]) == ("paid", ["done"])
    given = now["events"][-1]
    assert (given["kind"], given["principal"]["amount"]) == ("refunded", 400_000)


def test_refund_of_what_is_owed_makes_the_fine_payable_again(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000, served_on=date(2026, 11, 20))
    order = desk.order(fine)
    desk.pay(order)
    refund(desk, scene, order, 300_000)
    assert desk.status(fine) == "partially_paid"
    rest = desk.order(fine)
    assert rest["amount"]["amount"] == 300_000
    desk.pay(rest)
    assert desk.status(fine) == "paid"


def test_whole_refund_opens_the_fine_again(desk: Desk, scene: Scene) -> None:
    fine = scene.fine(1_000_000, served_on=date(2026, 11, 20))
    order = desk.order(fine)
    desk.pay(order)
    refund(desk, scene, order, 1_000_000)
    assert desk.status(fine) == "open"
    assert desk.order(fine)["amount"]["amount"] == 1_000_000


def test_refund_of_an_order_of_several_is_shared_among_its_parts(desk: Desk, scene: Scene) -> None:
    fines = [scene.fine(amount, served_on=date(2026, 11, 20)) for amount in (1_000_000, 500_000)]
    fee = scene.fee(500_000)
    order = scene.order(*fines, fee)
    attempt = scene.attempt(order)
    scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    desk.version(fines[1], "reduced", 400_000, on="2026-11-21")
    with scene.runtime.database.begin() as uow:
        owed = record_refund(
            uow,
            parts_of(uow, order.id),
            order_id=order.id,
            amount=Money(290_000),
            given_before=Money(0),
            by="test",
        )
        rows = uow.run(
            "SELECT obligation_id, principal FROM fine_event WHERE kind = 'refunded' ORDER BY principal DESC"
        ).fetchall()
        uow.rollback()
    # 100,000 that the reduction gave back, then 190,000 over 1,000,000 : 400,000 : 500,000.
    assert dict(rows) == {fines[1].id: 140_000, fines[0].id: 100_000}
    assert {part.obligation_id for part in owed if not part.is_paid} == {fines[0].id, fines[1].id}


def test_refund_is_borne_by_the_accounts_of_what_went_back(desk: Desk, scene: Scene, today: date) -> None:
    late, other = scene.fine(1_000_000, served_on=today - timedelta(days=28)), scene.fine(500_000)
    order = scene.order(late, other, scene.fee(300_000))
    assert order.amount.amount == 1_808_500 + other_surcharge(desk, other)
    scene.apply(scene.evidence(scene.attempt(order), source=EvidenceSource.STATUS_QUERY))
    desk.version(late, "reduced", 700_000, on="2026-11-21")
    refund(desk, scene, {"order_ref": order.order_ref}, 300_000)
    # The fine was reduced, not its surcharge, and nothing of the fee.
    assert borne(scene, order.id) == {"TK-PHAT": 300_000}
    # What nobody asked to go back is borne in proportion to what is left of each, each from its own accounts.
    refund(desk, scene, {"order_ref": order.order_ref}, order.amount.amount - 300_000)
    with scene.runtime.database.begin() as uow:
        left = uow.run(
            "SELECT sum(CASE side WHEN 'C' THEN p.amount ELSE -p.amount END)::bigint FROM posting p "
            "JOIN journal_entry e ON e.id = p.entry_id "
            "WHERE e.order_id = %s AND p.account_code = 'beneficiary_payable' GROUP BY beneficiary_account",
            (order.id,),
        ).fetchall()
    assert {amount for (amount,) in left} == {0}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_refunds_in_any_parts_leave_books_and_fines_telling_the_same(desk: Desk, data: st.DataObject) -> None:
    scene = desk.scene
    fines = [scene.fine(data.draw(st.integers(1_000, 2_000_000))) for _ in range(2)]
    order = scene.order(*fines, scene.fee(data.draw(st.integers(1_000, 500_000))))
    scene.apply(scene.evidence(scene.attempt(order), source=EvidenceSource.STATUS_QUERY))
    left = order.amount.amount
    while left and data.draw(st.booleans()):
        amount = data.draw(st.integers(1, left))
        refund(desk, scene, {"order_ref": order.order_ref}, amount)
        left -= amount
        with scene.runtime.database.begin() as uow:
            principal, surcharge = uow.one(
                "SELECT coalesce(sum(principal), 0)::bigint, coalesce(sum(surcharge), 0)::bigint "
                "FROM fine_event WHERE kind = 'refunded' AND order_id = %s",
                (order.id,),
            )
        by_account = borne(scene, order.id)
        assert sum(by_account.values()) == order.amount.amount - left
        assert (by_account.get("TK-PHAT", 0), by_account.get("TK-CHAMNOP", 0)) == (principal, surcharge)


def borne(scene: Scene, order_id: UUID) -> dict[str, int]:
    """What each beneficiary account gave back for an order."""
    with scene.runtime.database.begin() as uow:
        return dict(
            uow.run(
                "SELECT p.beneficiary_account, sum(p.amount)::bigint FROM journal_entry e "
                "JOIN posting p ON p.entry_id = e.id AND p.account_code = 'beneficiary_payable' "
                "WHERE e.order_id = %s AND e.template = 'refund_paid' GROUP BY p.beneficiary_account",
                (order_id,),
            ).fetchall()
        )


def other_surcharge(desk: Desk, fine: ObligationView) -> int:
    """What of a fine's quote is surcharge today."""
    return desk.total(fine) - fine.principal.amount


def refund(desk: Desk, scene: Scene, order: dict, amount: int) -> None:
    """Ask for a refund of an order's payment, and let the provider pay it."""
    runtime = scene.runtime
    with runtime.database.begin() as uow:
        view = get_order(uow, portal_code=scene.portal_code, order_ref=order["order_ref"])
        made = request_refund(
            uow,
            providers=runtime.providers,
            attempt_ref=view.attempts[0].attempt_ref,
            amount=Money(amount),
            reason="QĐ giảm tiền phạt",
            requested_by="test",
        )
        apply_refund_evidence(
            uow, outcome=Outcome.CONFIRMED, source=EvidenceSource.STATUS_QUERY, refund_id=made.id
        )
        uow.commit()


def _after_midnight(today: date) -> datetime:
    return at_vietnam(today + timedelta(days=1), time(0, 5))
