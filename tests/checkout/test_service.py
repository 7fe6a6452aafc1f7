"""From the citizen's choice to an attempt: what is recorded whatever the provider does, and never twice."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from threading import Barrier

import pytest

from payclear.checkout.service import ProviderNotOffered, start
from payclear.contract.errors import NotSent, OutcomeUnknown, ProviderRefused
from payclear.contract.messages import CheckoutResult
from payclear.contract.outcomes import Outcome
from payclear.contract.registry import UnknownProviderAccount
from payclear.gateway.domain import Operation
from payclear.gateway.service import place
from payclear.orders.domain import AttemptState, OrderState
from payclear.orders.errors import OrderNotFound
from payclear.orders.records import OrderView
from payclear.runtime import Runtime
from tests.checkout.fakes import PAY_ADDRESS, SENT, ToldProvider
from tests.scenes import Scene

PUBLIC = "https://pay.example"


def go(runtime: Runtime, order: OrderView, account: str = "a", locale: str = "vi") -> str:
    return start(runtime, order.pay_token, account, payer_ip="203.0.113.7", public_url=PUBLIC, locale=locale)


def page(order: OrderView, locale: str = "vi") -> str:
    return f"/pay/{order.pay_token}?lang={locale}"


def test_start_unknown_token_or_account_is_not_found(pay_runtime: Runtime, pay_scene: Scene) -> None:
    with pytest.raises(OrderNotFound):
        start(pay_runtime, "x" * 32, "a", payer_ip="127.0.0.1", public_url=PUBLIC, locale="vi")
    with pytest.raises(UnknownProviderAccount):
        go(pay_runtime, pay_scene.order(), "nobody")


def test_start_at_an_account_that_does_not_take_the_amount_opens_nothing(
    pay_runtime: Runtime, pay_scene: Scene
) -> None:
    order = pay_scene.order(amount=499_999)
    with pytest.raises(ProviderNotOffered):
        go(pay_runtime, order, "b")
    assert pay_scene.reload(order.id).attempts == ()


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (NotSent("refused"), AttemptState.FAILED),
        (ProviderRefused("bad terminal"), AttemptState.FAILED),
        (OutcomeUnknown("timeout"), AttemptState.IN_DOUBT),
        (RuntimeError("a fault of the adapter"), AttemptState.IN_DOUBT),
        (CheckoutResult(outcome=Outcome.REJECTED), AttemptState.FAILED),
        (CheckoutResult(outcome=Outcome.PENDING), AttemptState.IN_DOUBT),
        (CheckoutResult(outcome=Outcome.PENDING, redirect_url="javascript:alert(1)"), AttemptState.SENT),
    ],
)
def test_start_without_a_place_to_go_leads_back_to_the_page(
    pay_runtime: Runtime,
    pay_scene: Scene,
    told: ToldProvider,
    answer: CheckoutResult | Exception,
    state: AttemptState,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    told.answer = answer
    order = pay_scene.order()
    assert go(pay_runtime, order, locale="en") == page(order, "en")
    [attempt] = pay_scene.reload(order.id).attempts
    assert attempt.state == state


def test_start_records_the_intent_before_the_provider_is_called(
    pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    order = pay_scene.order()
    seen = []
    told.during = lambda: seen.extend(pay_scene.reload(order.id).attempts)
    assert go(pay_runtime, order, locale="en") == PAY_ADDRESS
    assert [(attempt.state, attempt.attempt_ref) for attempt in seen] == [
        (AttemptState.CREATED, told.requests[0].attempt_ref)
    ]
    [attempt] = pay_scene.reload(order.id).attempts
    assert (attempt.state, attempt.redirect_url) == (AttemptState.SENT, PAY_ADDRESS)
    request = told.requests[0]
    assert request.amount == order.amount
    assert request.payer_ip == "203.0.113.7"
    assert request.return_url == f"{PUBLIC}/return/a/en"
    assert request.callback_url == f"{PUBLIC}/callbacks/a"
    assert order.payment_code in request.memo


def test_start_while_an_attempt_is_live_asks_no_provider(
    pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    order = pay_scene.order(amount=600_000)
    told.answer = OutcomeUnknown("timeout")
    go(pay_runtime, order)
    assert go(pay_runtime, order, "b") == page(order)
    assert len(pay_scene.reload(order.id).attempts) == 1
    assert len(told.requests) == 1


def test_start_after_a_cut_off_call_repeats_it_with_the_same_reference(
    pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    order = pay_scene.order()
    cut_off = pay_scene.attempt(order, provider_account="a", sent=False)  # the process died before the call
    assert go(pay_runtime, order) == page(order)  # somebody may still be calling
    pay_runtime.clock.advance(timedelta(seconds=20))
    assert go(pay_runtime, order, "b") == page(order)  # another provider would be a second payment
    assert go(pay_runtime, order) == PAY_ADDRESS
    assert [request.attempt_ref for request in told.requests] == [cut_off.attempt_ref]
    assert [attempt.state for attempt in pay_scene.reload(order.id).attempts] == [AttemptState.SENT]


def test_start_that_repeats_a_cut_off_call_in_vain_leaves_the_attempt_to_the_query(
    pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    """That nothing leaves us now says nothing about the call that was cut off: no other provider may be chosen."""
    order = pay_scene.order(amount=600_000)
    pay_scene.attempt(order, provider_account="a", sent=False)
    pay_runtime.clock.advance(timedelta(seconds=20))
    told.answer = NotSent("refused")
    assert go(pay_runtime, order) == page(order)
    assert go(pay_runtime, order, "b") == page(order)
    assert [attempt.state for attempt in pay_scene.reload(order.id).attempts] == [AttemptState.CREATED]


def test_start_at_an_account_whose_places_are_taken_is_refused_at_once_and_costs_no_try(
    pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    order = pay_scene.order(amount=600_000)
    line = pay_runtime.providers.get("a")
    with ExitStack() as stack:
        for _ in range(pay_runtime.settings.gateway.calls_per_account):
            stack.enter_context(place(pay_runtime, line, Operation.CHECKOUT))
        for _ in range(pay_runtime.settings.orders.attempts_max):
            with pytest.raises(ProviderNotOffered) as caught:
                go(pay_runtime, order)
        assert caught.value.facts["reason"] == "busy"
        assert told.requests == []
        assert pay_scene.reload(order.id).attempts == ()
        assert go(pay_runtime, order, "b") == PAY_ADDRESS


def test_start_by_a_citizen_may_be_the_probe_that_closes_an_open_circuit(
    pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    told.answer = OutcomeUnknown("timeout")
    for _ in range(pay_runtime.settings.gateway.failures_to_open):
        go(pay_runtime, pay_scene.order())
    order = pay_scene.order()
    with pytest.raises(ProviderNotOffered):
        go(pay_runtime, order)
    told.answer = SENT
    pay_runtime.clock.advance(timedelta(seconds=pay_runtime.settings.gateway.pause_s))
    assert go(pay_runtime, order) == PAY_ADDRESS
    assert go(pay_runtime, pay_scene.order()) == PAY_ADDRESS


def test_start_of_a_closed_order_leads_to_its_page(
    pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    order = pay_scene.paid_order(provider_account="a")
    assert go(pay_runtime, order) == page(order)
    assert pay_scene.reload(order.id).state is OrderState.PAID
    assert told.requests == []


def test_start_when_a_fast_callback_wins_leads_to_the_paid_page(
    pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    order = pay_scene.order()
    told.during = lambda: pay_scene.apply(pay_scene.evidence(pay_scene.reload(order.id).attempts[0])) and None
    assert go(pay_runtime, order) == page(order)
    assert pay_scene.reload(order.id).state is OrderState.PAID


def test_start_pressed_many_times_at_once_makes_one_attempt(
    pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    order = pay_scene.order()
    together = Barrier(8)

    def press(_: int) -> str:
        together.wait()
        return go(pay_runtime, order)

    with ThreadPoolExecutor(8) as pool:
        targets = list(pool.map(press, range(8)))
    assert targets.count(PAY_ADDRESS) == 1
    assert targets.count(page(order)) == 7
    assert len(told.requests) == 1
