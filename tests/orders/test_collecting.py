"""Money that a bank takes at its counter: what hinders it, what it pays, and what becomes of money that moved anyway."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest

from payclear.assembly import load_modules
from payclear.contract.collection import CollectionVerdict
from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money
from payclear.operations.verify import verify
from payclear.orders.collecting import Collected, hindrance, take_collected
from payclear.orders.domain import AttemptState, CaseKind, OrderState
from payclear.orders.errors import ObligationInOrder
from payclear.orders.records import OrderView
from payclear.orders.service import (
    CreateOrder,
    attempts_of,
    cancel_order,
    create_order,
    find_by_payment_code,
    live_order_of,
)
from tests.orders.test_evidence import balances, cases
from tests.scenes import SANDBOX, VNPAY, Scene

TELLER = {"channel": "COUNTER_BRANCH", "instrument": "CASH"}


def told(scene: Scene, order: OrderView, *, amount: int | None = None, bank_ref: str = "BANK1") -> Evidence:
    """What a bank says of a payment at its counter."""
    return Evidence(
        source=EvidenceSource.CALLBACK,
        outcome=Outcome.CONFIRMED,
        provider_account=VNPAY,
        attempt_ref="",
        provider_ref=bank_ref,
        amount=Money(amount or order.amount.amount),
        paid_at=scene.runtime.clock.now(),
        **TELLER,
    )


def take(scene: Scene, order: OrderView, evidence: Evidence, *, money_moved: bool = False) -> Collected:
    with scene.runtime.database.begin() as uow:
        taken = take_collected(
            uow,
            order_id=order.id,
            line=scene.runtime.providers.get(VNPAY),
            evidence=evidence,
            money_moved=money_moved,
            attempts_max=5,
        )
        uow.commit()
    return taken


def broken(scene: Scene) -> set[str]:
    """The invariants that do not hold, but for two: here the test is the bank, and nobody seals the trail."""
    checks = load_modules(scene.runtime.settings).checks
    return {f.check.id for f in verify(scene.runtime.database, checks) if not f.holds} - {"INV-15", "INV-20"}


def paid(scene: Scene) -> OrderView:
    order = scene.order()
    scene.apply(scene.evidence(scene.attempt(order, provider_account=SANDBOX)))
    return order


def live(scene: Scene) -> OrderView:
    order = scene.order()
    scene.attempt(order, provider_account=SANDBOX)
    return order


def in_suspense(scene: Scene) -> OrderView:
    order = scene.order()
    scene.apply(scene.evidence(scene.attempt(order, provider_account=SANDBOX), amount=7))
    return order


def cancelled(scene: Scene) -> OrderView:
    order = scene.order()
    with scene.runtime.database.begin() as uow:
        cancel_order(uow, portal_code=scene.portal_code, order_ref=order.order_ref, actor="key-1")
        uow.commit()
    return order


def past_its_time(scene: Scene) -> OrderView:
    order = scene.order(expires_in_minutes=30)
    scene.runtime.clock.advance(timedelta(minutes=30))
    return order


HINDERED = [
    (paid, CollectionVerdict.ALREADY_PAID, CaseKind.DOUBLE_SUCCESS),
    (live, CollectionVerdict.BEING_CONFIRMED, CaseKind.LATE_SUCCESS),
    (in_suspense, CollectionVerdict.BEING_CONFIRMED, CaseKind.LATE_SUCCESS),
    (cancelled, CollectionVerdict.NOT_PAYABLE, CaseKind.LATE_SUCCESS),
    (past_its_time, CollectionVerdict.NOT_PAYABLE, CaseKind.LATE_SUCCESS),
]
IDS = [made.__name__ for made, _verdict, _case in HINDERED]


@pytest.mark.parametrize(("made", "verdict", "_case"), HINDERED, ids=IDS)
def test_payment_that_something_hinders_is_answered_and_nothing_is_written(
    scene: Scene, made: Callable[[Scene], OrderView], verdict: CollectionVerdict, _case: CaseKind
) -> None:
    order = made(scene)
    before = (scene.reload(order.id).attempts, balances(scene), cases(scene))
    taken = take(scene, order, told(scene, order))
    assert (taken.verdict, taken.attempt_ref, taken.attempt_id) == (verdict, None, None)
    assert (scene.reload(order.id).attempts, balances(scene), cases(scene)) == before
    with scene.runtime.database.begin() as uow:
        assert hindrance(uow, scene.reload(order.id), attempts_of(uow, order.id)) is verdict


@pytest.mark.parametrize(("made", "_verdict", "case"), HINDERED, ids=IDS)
def test_money_that_moved_all_the_same_lies_in_suspense_with_a_case_and_pays_nothing(
    scene: Scene, made: Callable[[Scene], OrderView], _verdict: CollectionVerdict, case: CaseKind
) -> None:
    order = made(scene)
    state, before = scene.reload(order.id).state, balances(scene).get("suspense", 0)
    taken = take(scene, order, told(scene, order), money_moved=True)
    assert taken.verdict is CollectionVerdict.SUSPENDED
    after = scene.reload(order.id)
    assert (after.state, after.attempts[-1].state) == (state, AttemptState.SURPLUS)
    assert after.attempts[-1].channel == "COUNTER_BRANCH"
    assert balances(scene)["suspense"] == before + 200_000
    assert cases(scene)[-1] == case
    assert broken(scene) == set()


def test_live_attempt_beside_a_surplus_is_still_asked_about_and_decides_for_itself(scene: Scene) -> None:
    order = scene.order()
    first = scene.attempt(order, provider_account=SANDBOX)
    take(scene, order, told(scene, order), money_moved=True)
    scene.apply(scene.evidence(first))
    assert scene.reload(order.id).state is OrderState.PAID
    assert balances(scene) == {
        "provider_receivable": 400_000,
        "beneficiary_payable": 200_000,
        "suspense": 200_000,
    }


def test_another_amount_is_refused_before_and_suspended_after_the_money_moved(scene: Scene) -> None:
    order = scene.order()
    wrong = told(scene, order, amount=199_999)
    assert take(scene, order, wrong).verdict is CollectionVerdict.AMOUNT_MISMATCH
    assert scene.reload(order.id).attempts == ()
    assert take(scene, order, wrong, money_moved=True).verdict is CollectionVerdict.SUSPENDED
    assert cases(scene) == [CaseKind.AMOUNT_MISMATCH]
    assert scene.reload(order.id).state is OrderState.OPEN
    assert broken(scene) == set()


@pytest.mark.parametrize("nothing", [None, Money(0)])
def test_payment_without_money_is_malformed(scene: Scene, nothing: Money | None) -> None:
    order = scene.order()
    evidence = replace(told(scene, order), amount=nothing)
    for money_moved in (False, True):
        assert take(scene, order, evidence, money_moved=money_moved).verdict is CollectionVerdict.MALFORMED
    assert scene.reload(order.id).attempts == ()


def test_merchant_account_of_another_is_refused(scene: Scene) -> None:
    order = scene.order()
    evidence = replace(told(scene, order), merchant_account="OTHER")
    assert take(scene, order, evidence).verdict is CollectionVerdict.BILL_MISMATCH


@pytest.mark.parametrize("money_moved", [False, True])
def test_reference_of_the_bank_that_is_booked_takes_no_second_payment(
    scene: Scene, money_moved: bool
) -> None:
    first, second = scene.order(), scene.order()
    take(scene, first, told(scene, first))
    taken = take(scene, second, told(scene, second), money_moved=money_moved)
    assert taken.verdict is CollectionVerdict.REFERENCE_REUSED
    assert scene.reload(second.id).attempts == ()
    assert balances(scene)["beneficiary_payable"] == 200_000


@pytest.mark.parametrize("money_moved", [False, True])
def test_payment_at_a_counter_pays_the_order_with_its_channel(scene: Scene, money_moved: bool) -> None:
    order = scene.order(scene.fee(150_000, 50_000))
    taken = take(scene, order, told(scene, order), money_moved=money_moved)
    assert (taken.verdict, taken.order_ref) == (CollectionVerdict.ACCEPTED, order.order_ref)
    after = scene.reload(order.id)
    assert after.state is OrderState.PAID
    (attempt,) = after.attempts
    assert (attempt.id, attempt.attempt_ref, attempt.state) == (
        taken.attempt_id,
        taken.attempt_ref,
        "succeeded",
    )
    assert (attempt.provider_ref, attempt.channel, attempt.instrument) == ("BANK1", "COUNTER_BRANCH", "CASH")
    assert balances(scene) == {"provider_receivable": 200_000, "beneficiary_payable": 200_000}
    assert broken(scene) == set()


def test_money_that_moved_in_time_pays_although_the_message_is_late(scene: Scene) -> None:
    order = scene.order(expires_in_minutes=30)
    evidence = told(scene, order)
    scene.runtime.clock.advance(timedelta(minutes=45))
    assert take(scene, order, evidence).verdict is CollectionVerdict.NOT_PAYABLE
    assert take(scene, order, evidence, money_moved=True).verdict is CollectionVerdict.ACCEPTED


def test_order_of_a_counter_bears_the_code_of_its_bill_once(scene: Scene) -> None:
    fee, other = scene.fee(), scene.fee()
    with scene.runtime.database.begin() as uow:
        made = create_order(uow, counter_order(scene, fee.id, "1"))
        uow.commit()
    assert (made.payment_code, made.return_url) == ("123456789012345", "")
    with scene.runtime.database.begin() as uow:
        found = find_by_payment_code(uow, "123456789012345")
        assert found is not None
        assert found.id == made.id
        assert find_by_payment_code(uow, "999999999999999") is None
        live_order = live_order_of(uow, fee.id)
        assert live_order is not None
        assert live_order.id == made.id
        assert live_order_of(uow, other.id) is None
        actor = uow.one("SELECT actor_type, actor FROM audit_entry WHERE object_id = %s", (made.order_ref,))
        assert actor == ("provider", VNPAY)
        with pytest.raises(ObligationInOrder):
            create_order(uow, counter_order(scene, other.id, "2"))


def counter_order(scene: Scene, obligation_id, number: str) -> CreateOrder:
    return CreateOrder(
        portal_code=scene.portal_code,
        portal_ref=f"counter-{number}",
        obligation_ids=(obligation_id,),
        return_url="",
        locale="vi",
        expires_in=timedelta(days=1),
        actor=VNPAY,
        actor_type="provider",
        payment_code="123456789012345",
    )


def at_once(scene: Scene, orders: list[OrderView], *, refs: list[str], money_moved: bool) -> list[str]:
    """Each order paid by a connection of its own, all at the same moment; the verdicts, sorted."""
    barrier = Barrier(len(orders))

    def one(number: int) -> CollectionVerdict:
        barrier.wait(timeout=30)
        evidence = told(scene, orders[number], bank_ref=refs[number])
        return take(scene, orders[number], evidence, money_moved=money_moved).verdict

    with ThreadPoolExecutor(len(orders)) as pool:
        return sorted(pool.map(one, range(len(orders))))


@pytest.mark.parametrize(
    ("money_moved", "others"),
    [(False, CollectionVerdict.ALREADY_PAID), (True, CollectionVerdict.SUSPENDED)],
)
def test_order_that_many_counters_take_at_once_is_paid_by_one(
    scene: Scene, money_moved: bool, others: CollectionVerdict
) -> None:
    order = scene.order()
    refs = [f"BANK{number}" for number in range(8)]
    verdicts = at_once(scene, [order] * 8, refs=refs, money_moved=money_moved)
    assert verdicts == [CollectionVerdict.ACCEPTED, *([others] * 7)]
    assert balances(scene)["beneficiary_payable"] == 200_000
    assert balances(scene).get("suspense", 0) == (7 * 200_000 if money_moved else 0)
    assert broken(scene) == set()


def test_one_reference_for_many_orders_at_once_pays_one_of_them(scene: Scene) -> None:
    orders = [scene.order() for _ in range(8)]
    verdicts = at_once(scene, orders, refs=["BANK1"] * 8, money_moved=True)
    assert verdicts == [CollectionVerdict.ACCEPTED, *([CollectionVerdict.REFERENCE_REUSED] * 7)]
    assert sorted(len(scene.reload(order.id).attempts) for order in orders) == [0] * 7 + [1]
    assert broken(scene) == set()
