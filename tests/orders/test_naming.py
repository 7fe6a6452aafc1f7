"""Money whose memo kept only a payment code or an order reference finds its attempt, and never guesses between two orders."""

from dataclasses import replace
from datetime import timedelta

import pytest

from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.clock import FixedClock
from payclear.orders.domain import AttemptState, CaseKind, Effect, OrderState
from payclear.orders.evidence import Applied, note_hint
from payclear.orders.records import AttemptView, OrderView
from tests.scenes import SANDBOX, Scene


def _named(scene: Scene, attempt: AttemptView, reference: str, **changes: object) -> Applied:
    evidence = scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY)
    return scene.apply(replace(evidence, attempt_ref=reference, **changes))


def _two_orders(scene: Scene, *amounts: int) -> list[tuple[OrderView, AttemptView]]:
    orders = [scene.order(amount=amount) for amount in amounts]
    return [(order, scene.attempt(order)) for order in orders]


@pytest.mark.parametrize("name", ["payment_code", "order_ref"])
def test_order_named_by_code_or_reference_is_paid(scene: Scene, name: str) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    applied = _named(scene, attempt, getattr(order, name))
    assert (applied.effect, applied.attempt_id) == (Effect.CAPTURED, attempt.id)
    assert scene.reload(order.id).state is OrderState.PAID


def test_code_of_an_order_that_was_never_tried_at_this_account_is_nobodys(scene: Scene) -> None:
    order = scene.order()
    attempt = scene.attempt(order, provider_account=SANDBOX)
    other = scene.attempt(scene.order())
    applied = _named(scene, other, order.payment_code)
    assert (applied.effect, applied.case) == (Effect.UNMATCHED, None)
    assert scene.reload(order.id).attempts[0].state == attempt.state


def test_code_means_the_live_attempt(scene: Scene) -> None:
    order = scene.order()
    first = scene.attempt(order)
    scene.apply(scene.evidence(first, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY))
    second = scene.attempt(order)
    applied = _named(scene, second, order.payment_code)
    assert (applied.effect, applied.attempt_id) == (Effect.CAPTURED, second.id)


def test_code_of_an_order_given_up_means_its_newest_attempt(scene: Scene, clock: FixedClock) -> None:
    order = scene.order()
    scene.apply(scene.evidence(scene.attempt(order), Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY))
    second = scene.attempt(order)
    scene.apply(scene.evidence(second, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY))
    clock.advance(timedelta(minutes=1))
    assert _named(scene, second, order.payment_code).attempt_id == second.id


def test_same_transfer_told_again_by_code_alone_is_the_same_money(scene: Scene) -> None:
    order = scene.order()
    first = scene.attempt(order)
    scene.apply(scene.evidence(first, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY))
    second = scene.attempt(order)
    late = scene.evidence(first, source=EvidenceSource.STATUS_QUERY)
    scene.apply(late)
    assert scene.reload(order.id).attempts[0].state == AttemptState.SURPLUS
    applied = scene.apply(replace(late, attempt_ref=order.payment_code))
    assert (applied.effect, applied.attempt_id) == (Effect.REPEATED, first.id)
    assert scene.reload(order.id).attempts[1].state == second.state


def test_of_several_codes_the_one_of_the_paid_amount_is_meant(scene: Scene) -> None:
    (cheap, _), (dear, attempt) = _two_orders(scene, 150_000, 250_000)
    applied = _named(scene, attempt, f"{cheap.payment_code} {dear.payment_code}")
    assert applied.attempt_id == attempt.id
    assert scene.reload(cheap.id).state is OrderState.OPEN


def test_code_beside_one_that_does_not_exist_is_found(scene: Scene) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    assert _named(scene, attempt, f"123456789012345 {order.payment_code}").effect is Effect.CAPTURED


@pytest.mark.parametrize("source", [EvidenceSource.CALLBACK, EvidenceSource.STATEMENT])
def test_two_codes_of_one_amount_are_guessed_by_nobody(scene: Scene, source: EvidenceSource) -> None:
    (one, attempt), (other, _) = _two_orders(scene, 150_000, 150_000)
    applied = _named(scene, attempt, f"{one.payment_code} {other.payment_code}", source=source)
    assert applied.effect is Effect.UNMATCHED
    assert [scene.reload(order.id).state for order in (one, other)] == [OrderState.OPEN] * 2
    with scene.runtime.database.begin() as uow:
        kinds = [kind for (kind,) in uow.run("SELECT kind FROM suspense_case")]
    # A statement's line becomes a discrepancy of the night instead.
    assert kinds == ([CaseKind.UNKNOWN_ATTEMPT] if source is EvidenceSource.CALLBACK else [])


def test_evidence_and_case_are_kept_under_the_attempts_own_reference(scene: Scene) -> None:
    order = scene.order(amount=150_000)
    attempt = scene.attempt(order)
    money = scene.evidence(attempt, amount=149_999, source=EvidenceSource.STATUS_QUERY)
    scene.apply(replace(money, attempt_ref=order.order_ref))
    with scene.runtime.database.begin() as uow:
        rows = uow.run(
            "SELECT attempt_ref FROM suspense_case UNION ALL SELECT attempt_ref FROM payment_evidence"
        ).fetchall()
    assert rows == [(attempt.attempt_ref,)] * 2


def test_hint_by_code_asks_about_the_attempt(scene: Scene) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    hint: Evidence = replace(scene.evidence(attempt), attempt_ref=order.payment_code)
    with scene.runtime.database.begin() as uow:
        assert note_hint(uow, hint).attempt_id == attempt.id
        uow.commit()
    assert scene.reload(order.id).attempts[0].next_query_at == scene.runtime.clock.now()
