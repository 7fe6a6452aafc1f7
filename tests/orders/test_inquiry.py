"""Asking a provider about silent attempts, and giving up orders only when it has been asked."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from payclear.contract.errors import NotSent, OperationUnsupported, OutcomeUnknown, SignatureInvalid
from payclear.contract.evidence import Evidence
from payclear.contract.messages import CheckoutResult
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.settings_schema import OrderSettings
from payclear.orders.checkout import open_attempt, record_checkout
from payclear.orders.domain import AttemptState, Effect, OrderState
from payclear.orders.errors import AmountOutOfBounds, TooManyAttempts
from payclear.orders.evidence import note_hint
from payclear.orders.inquiry import ask_provider
from payclear.orders.jobs import expire_due, query_attempt, query_due
from payclear.orders.records import AttemptView, OrderView
from payclear.runtime import Runtime
from tests.checkout.fakes import ToldProvider, with_providers
from tests.scenes import Scene

TRUTH = {"source": EvidenceSource.STATUS_QUERY}


@pytest.fixture
def bank() -> ToldProvider:
    return ToldProvider()


@pytest.fixture
def told(runtime: Runtime, bank: ToldProvider) -> Scene:
    return Scene(with_providers(runtime, a=bank)).set_up()


def says(scene: Scene, attempt: AttemptView, outcome: Outcome) -> Evidence:
    return scene.evidence(attempt, outcome, **TRUTH)


def attempt_of(scene: Scene, order: OrderView) -> AttemptView:
    return scene.reload(order.id).attempts[0]


def waiting(scene: Scene) -> list[tuple[str, str]]:
    with scene.runtime.database.begin() as uow:
        rows = uow.run(
            "SELECT task_name, args ->> 'attempt_id' FROM procrastinate_jobs WHERE status = 'todo'"
        )
        return rows.fetchall()


def test_silent_attempt_is_asked_about_and_its_answer_applied(told: Scene, bank: ToldProvider) -> None:
    order = told.order()
    attempt = told.attempt(order, provider_account="a")
    bank.status = says(told, attempt, Outcome.CONFIRMED)
    applied = ask_provider(told.runtime, attempt.id)
    assert applied is not None
    assert applied.effect is Effect.CAPTURED
    assert told.reload(order.id).state is OrderState.PAID
    assert [query.attempt_ref for query in bank.queries] == [attempt.attempt_ref]


def test_decided_attempt_is_not_asked_about(told: Scene, bank: ToldProvider) -> None:
    attempt = told.attempt(told.order(), provider_account="a")
    told.apply(told.evidence(attempt))
    assert ask_provider(told.runtime, attempt.id) is None
    assert ask_provider(told.runtime, attempt.id, counts=False) is None
    assert bank.queries == []


@pytest.mark.parametrize(
    "failure",
    [OutcomeUnknown("x"), NotSent("x"), SignatureInvalid("x"), OperationUnsupported("x")],
    ids=lambda e: e.code,
)
def test_question_that_fails_says_nothing_about_the_payment(
    told: Scene, bank: ToldProvider, failure: Exception
) -> None:
    order = told.order()
    attempt = told.attempt(order, provider_account="a")
    bank.status = failure
    told.runtime.clock.advance(timedelta(hours=1))
    ask_provider(told.runtime, attempt.id)
    assert attempt_of(told, order).state == AttemptState.IN_DOUBT


def test_citizen_who_looks_does_not_slow_the_schedule_down(told: Scene, bank: ToldProvider) -> None:
    order = told.order()
    attempt = told.attempt(order, provider_account="a")
    bank.status = says(told, attempt, Outcome.PENDING)
    ask_provider(told.runtime, attempt.id, counts=False)
    after = attempt_of(told, order)
    assert (after.queries, after.next_query_at) == (0, attempt.next_query_at)


def test_due_attempts_are_handed_to_jobs_of_their_own_once(told: Scene, bank: ToldProvider) -> None:
    order = told.order()
    attempt = told.attempt(order, provider_account="a")
    assert query_due() is None
    told.runtime.clock.advance(timedelta(seconds=31))
    assert query_due() == "1 attempts to query"
    assert query_due() is None  # leased to the job that was made
    assert ("orders.query_attempt", str(attempt.id)) in waiting(told)
    bank.status = says(told, attempt, Outcome.CONFIRMED)
    assert query_attempt(attempt_id=str(attempt.id)) == Effect.CAPTURED
    assert query_attempt(attempt_id=str(attempt.id)) is None


def test_order_expires_only_after_the_provider_was_asked(told: Scene, bank: ToldProvider) -> None:
    order = told.order(expires_in_minutes=30)
    attempt = told.attempt(order, provider_account="a")
    told.runtime.clock.advance(timedelta(hours=2))
    assert expire_due() is None
    bank.status = says(told, attempt, Outcome.NOT_SENT)
    ask_provider(told.runtime, attempt.id)
    assert attempt_of(told, order).state == AttemptState.EXPIRED
    assert expire_due() == "1 orders expired"
    assert told.reload(order.id).state is OrderState.EXPIRED


def test_one_order_that_can_not_be_expired_does_not_hold_up_the_others(
    told: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from payclear.orders import jobs

    orders = [told.order(expires_in_minutes=30) for _ in range(3)]
    told.runtime.clock.advance(timedelta(hours=1))
    real = jobs.expire_order

    def stubborn(uow, order_id: UUID) -> bool:
        if order_id == orders[1].id:
            raise RuntimeError("stuck")
        return real(uow, order_id)

    monkeypatch.setattr(jobs, "expire_order", stubborn)
    assert expire_due() == "2 orders expired"
    states = [told.reload(order.id).state for order in orders]
    assert states == [OrderState.EXPIRED, OrderState.OPEN, OrderState.EXPIRED]


def limits(attempts_max: int) -> OrderSettings:
    return OrderSettings(
        default_expiry_minutes=60, attempt_minutes=15, attempts_max=attempts_max, resume_after_s=20
    )


def test_attempts_are_limited(told: Scene) -> None:
    order = told.order()
    told.apply(says(told, told.attempt(order, provider_account="a"), Outcome.REJECTED))
    line = told.runtime.providers.get("a")
    with told.runtime.database.begin() as uow, pytest.raises(TooManyAttempts):
        open_attempt(uow, order_id=order.id, line=line, settings=limits(1))


def test_provider_is_not_asked_for_an_amount_it_does_not_take(runtime: Runtime) -> None:
    scene = Scene(with_providers(runtime, a=ToldProvider(minimum=500_000))).set_up()
    order = scene.order()
    with scene.runtime.database.begin() as uow, pytest.raises(AmountOutOfBounds):
        open_attempt(uow, order_id=order.id, line=scene.runtime.providers.get("a"), settings=limits(5))


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (CheckoutResult(outcome=Outcome.REJECTED), AttemptState.FAILED),
        (CheckoutResult(outcome=Outcome.NOT_SENT), AttemptState.FAILED),
        (CheckoutResult(outcome=Outcome.CONFIRMED), AttemptState.IN_DOUBT),
        (CheckoutResult(outcome=Outcome.PENDING), AttemptState.IN_DOUBT),
        (CheckoutResult(outcome=Outcome.PENDING, qr_text="0002"), AttemptState.SENT),
    ],
    ids=lambda value: str(getattr(value, "outcome", value)),
)
def test_answer_to_the_create_call_is_recorded(
    told: Scene, answer: CheckoutResult, state: AttemptState
) -> None:
    order = told.order()
    attempt = told.attempt(order, provider_account="a", sent=False)
    with told.runtime.database.begin() as uow:
        record_checkout(uow, attempt.id, answer, attempts_max=1)
        uow.commit()
    view = told.reload(order.id)
    assert view.attempts[0].state == state
    assert view.state is (OrderState.FAILED if state == AttemptState.FAILED else OrderState.OPEN)


def test_weak_callback_only_makes_us_ask(told: Scene) -> None:
    order = told.order()
    attempt = told.attempt(order, provider_account="a")
    told.runtime.clock.advance(timedelta(seconds=5))
    for evidence in (told.evidence(attempt), replace(told.evidence(attempt), attempt_ref="PCUNKNOWNXXXX01")):
        with told.runtime.database.begin() as uow:
            note_hint(uow, evidence)
            uow.commit()
    after = attempt_of(told, order)
    assert (after.state, after.next_query_at) == (AttemptState.SENT, told.runtime.clock.now())
    assert told.reload(order.id).state is OrderState.OPEN


def test_weak_word_of_money_about_a_given_up_attempt_is_asked_about(told: Scene, bank: ToldProvider) -> None:
    order = told.order(expires_in_minutes=30)
    attempt = told.attempt(order, provider_account="a")
    told.apply(says(told, attempt, Outcome.REJECTED))
    with told.runtime.database.begin() as uow:
        note_hint(uow, told.evidence(attempt))
        uow.commit()
    bank.status = OutcomeUnknown("silence")
    ask_provider(told.runtime, attempt.id)
    assert attempt_of(told, order).next_query_at is not None
    bank.status = says(told, attempt, Outcome.CONFIRMED)
    ask_provider(told.runtime, attempt.id)
    assert told.reload(order.id).state is OrderState.PAID


def test_silence_about_a_given_up_attempt_is_not_asked_about_for_ever(
    told: Scene, bank: ToldProvider
) -> None:
    order = told.order()
    attempt = told.attempt(order, provider_account="a")
    told.apply(says(told, attempt, Outcome.REJECTED))
    with told.runtime.database.begin() as uow:
        note_hint(uow, told.evidence(attempt))
        uow.commit()
    bank.status = OutcomeUnknown("silence")
    for _ in range(40):
        ask_provider(told.runtime, attempt.id)
    assert attempt_of(told, order).next_query_at is None
    assert len(bank.queries) < 30
