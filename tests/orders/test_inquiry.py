"""Asking a provider about silent attempts, and giving up orders only when it has been asked."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from payclear.contract.errors import NotSent, OperationUnsupported, OutcomeUnknown, SignatureInvalid
from payclear.contract.evidence import Evidence
from payclear.contract.messages import CheckoutResult
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.settings_schema import OrderSettings
from payclear.orders.checkout import open_attempt, record_checkout
from payclear.orders.domain import AttemptState, CaseKind, Effect, OrderState
from payclear.orders.errors import AmountOutOfBounds, TooManyAttempts
from payclear.orders.evidence import note_hint
from payclear.orders.inquiry import ask_provider, bring_forward
from payclear.orders.jobs import expire_due, query_attempt, query_due
from payclear.orders.recording import QUERIES_AFTER_END_MAX
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
            "SELECT task_name, args ->> 'attempt_id' FROM procrastinate_jobs"
            " WHERE status = 'todo' AND task_name = 'orders.query_attempt'"
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
        told.runtime.clock.advance(timedelta(hours=1))
        ask_provider(told.runtime, attempt.id)
    assert attempt_of(told, order).next_query_at is None
    assert len(bank.queries) < 30


def watched(told: Scene, bank: ToldProvider, *, hours: int = 24) -> tuple[OrderView, AttemptView]:
    """An order of a day with an attempt that lapsed unpaid, at a provider that tells of nothing by itself."""
    bank.manifest = replace(bank.manifest, watch_hours=hours)
    order = told.order(expires_in_minutes=1440)
    attempt = told.attempt(order, provider_account="a")
    told.runtime.clock.advance(timedelta(minutes=16))
    bank.status = says(told, attempt, Outcome.NOT_SENT)
    ask_provider(told.runtime, attempt.id)
    assert attempt_of(told, order).state == AttemptState.EXPIRED
    return order, attempt


def cases(told: Scene) -> list[str]:
    with told.runtime.database.begin() as uow:
        return [row[0] for row in uow.run("SELECT kind FROM suspense_case")]


def ask_when_due(told: Scene, order: OrderView) -> bool:
    """Let the time of the attempt's next question come and put it; False when there is none."""
    due = attempt_of(told, order).next_query_at
    if due is None:
        return False
    told.runtime.clock.advance(max(due - told.runtime.clock.now(), timedelta(0)))
    ask_provider(told.runtime, attempt_of(told, order).id)
    return True


def test_lapsed_attempt_is_not_asked_about_unless_its_manifest_says_so(
    told: Scene, bank: ToldProvider
) -> None:
    order, _ = watched(told, bank, hours=0)
    assert attempt_of(told, order).next_query_at is None


def test_lapsed_attempt_is_watched_hourly_and_the_last_time_when_its_watch_ends(
    told: Scene, bank: ToldProvider
) -> None:
    order, attempt = watched(told, bank)
    asked = [told.runtime.clock.now()]
    while ask_when_due(told, order):
        asked.append(told.runtime.clock.now())
    steps = [later - earlier for earlier, later in pairwise(asked)]
    assert set(steps[:-1]) == {timedelta(hours=1)}
    assert asked[-1] == attempt.expires_at + timedelta(hours=24)
    after = attempt_of(told, order)
    assert (after.state, after.decided_at, len(asked)) == (AttemptState.EXPIRED, asked[0], 25)


def test_late_money_of_a_watched_attempt_pays_the_order_that_is_still_open(
    told: Scene, bank: ToldProvider
) -> None:
    order, attempt = watched(told, bank)
    bank.status = says(told, attempt, Outcome.CONFIRMED)
    assert ask_when_due(told, order)
    assert told.reload(order.id).state is OrderState.PAID
    assert attempt_of(told, order).next_query_at is None


def test_late_money_beside_another_try_goes_to_suspense_with_a_case(told: Scene, bank: ToldProvider) -> None:
    order, attempt = watched(told, bank)
    told.attempt(order, provider_account="a")  # the order is free for another try meanwhile
    bank.status = says(told, attempt, Outcome.CONFIRMED)
    assert ask_when_due(told, order)
    first, second = told.reload(order.id).attempts
    assert (first.state, first.next_query_at, second.state) == (AttemptState.SURPLUS, None, AttemptState.SENT)
    assert cases(told) == [CaseKind.LATE_SUCCESS]


def test_late_money_after_the_order_expired_goes_to_suspense_with_a_case(
    told: Scene, bank: ToldProvider
) -> None:
    order, attempt = watched(told, bank)
    told.runtime.clock.advance(timedelta(hours=23, minutes=50))
    assert expire_due() == "1 orders expired"
    bank.status = says(told, attempt, Outcome.CONFIRMED)
    ask_provider(told.runtime, attempt.id)
    assert (told.reload(order.id).state, attempt_of(told, order).state) == (
        OrderState.EXPIRED,
        AttemptState.SURPLUS,
    )
    assert cases(told) == [CaseKind.LATE_SUCCESS]


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.PENDING])
def test_watch_outlasts_an_answer_that_decides_nothing(
    told: Scene, bank: ToldProvider, outcome: Outcome
) -> None:
    order, attempt = watched(told, bank)
    bank.status = says(told, attempt, outcome)
    for _ in range(QUERIES_AFTER_END_MAX // 2):
        assert ask_when_due(told, order)
    view = told.reload(order.id)
    assert (view.attempts[0].state, view.public_status) == (AttemptState.EXPIRED, "open")
    assert view.attempts[0].next_query_at is not None


def test_silence_at_the_end_of_a_watch_is_not_asked_about_for_ever(told: Scene, bank: ToldProvider) -> None:
    order, _ = watched(told, bank)
    bank.status = OutcomeUnknown("silence")
    told.runtime.clock.advance(timedelta(hours=25))
    rounds = 0
    while ask_when_due(told, order):
        rounds += 1
    assert rounds <= QUERIES_AFTER_END_MAX


def test_attempt_refused_for_good_is_not_watched(told: Scene, bank: ToldProvider) -> None:
    order, attempt = watched(told, bank)
    bank.status = says(told, attempt, Outcome.REJECTED)
    assert ask_when_due(told, order)
    assert attempt_of(told, order).next_query_at is None
    refused = told.order()
    bank.status = says(told, told.attempt(refused, provider_account="a"), Outcome.REJECTED)
    assert ask_when_due(told, refused)
    bank.status = replace(bank.status, outcome=Outcome.NOT_SENT)
    assert not ask_when_due(told, refused)


def test_statement_that_names_the_attempt_nowhere_ends_its_watch(told: Scene, bank: ToldProvider) -> None:
    order, attempt = watched(told, bank)
    told.apply(told.evidence(attempt, Outcome.NOT_SENT, source=EvidenceSource.STATEMENT))
    assert attempt_of(told, order).next_query_at is None


@pytest.mark.parametrize("is_weak", [True, False])
def test_word_of_a_weaker_source_does_not_end_a_watch(told: Scene, bank: ToldProvider, is_weak: bool) -> None:
    order, attempt = watched(told, bank)
    due = attempt_of(told, order).next_query_at
    refusal = told.evidence(attempt, Outcome.REJECTED)
    if is_weak:
        with told.runtime.database.begin() as uow:
            note_hint(uow, refusal)
            uow.commit()
    else:
        told.apply(refusal)
    assert attempt_of(told, order).next_query_at == due


def silence(told: Scene, bank: ToldProvider) -> None:
    """Ask in vain until the account's circuit is open."""
    bank.status = OutcomeUnknown("silence")
    for _ in range(told.runtime.settings.gateway.failures_to_open):
        ask_provider(told.runtime, told.attempt(told.order(), provider_account="a").id)
    bank.queries.clear()


def test_question_that_can_not_be_put_is_not_counted_and_is_put_off(told: Scene, bank: ToldProvider) -> None:
    silence(told, bank)
    order = told.order()
    attempt = told.attempt(order, provider_account="a")
    assert ask_provider(told.runtime, attempt.id) is None
    after = attempt_of(told, order)
    assert (bank.queries, after.queries, after.state) == ([], 0, AttemptState.SENT)
    pause = timedelta(seconds=told.runtime.settings.gateway.pause_s)
    assert after.next_query_at == told.runtime.clock.now() + pause
    assert ask_provider(told.runtime, attempt.id, counts=False) is None
    assert attempt_of(told, order).next_query_at == after.next_query_at


def test_doubt_ends_by_probes_while_the_circuit_is_open(told: Scene, bank: ToldProvider) -> None:
    """Each pause one question goes out; the first answer lets all the others go."""
    silence(told, bank)
    orders = [told.order() for _ in range(3)]
    attempts = [told.attempt(order, provider_account="a") for order in orders]
    told.runtime.clock.advance(timedelta(seconds=told.runtime.settings.gateway.pause_s - 1))
    assert query_due() is None
    told.runtime.clock.advance(timedelta(hours=1))
    assert query_due() == "1 attempts to query"
    with told.runtime.database.begin() as uow:
        uow.run("UPDATE payment_attempt SET next_query_at = now() + interval '1 day'")
        uow.run(
            "UPDATE payment_attempt SET next_query_at = %s WHERE id = ANY(%s)",
            (uow.now, [a.id for a in attempts]),
        )
        uow.commit()
    bank.status = says(told, attempts[0], Outcome.CONFIRMED)
    assert ask_provider(told.runtime, attempts[0].id) is not None
    assert query_due() == "2 attempts to query"


def test_one_account_full_of_doubts_does_not_delay_another(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payclear.orders.inquiry.BATCH", 2)
    scene = Scene(with_providers(runtime, a=ToldProvider(), b=ToldProvider())).set_up()
    for _ in range(4):
        scene.attempt(scene.order(), provider_account="a")
    last = scene.attempt(scene.order(), provider_account="b")
    scene.runtime.clock.advance(timedelta(minutes=1))
    assert query_due() == "3 attempts to query"
    assert str(last.id) in [ref for _, ref in waiting(scene)]


def bring(scene: Scene, order: OrderView) -> bool:
    with scene.runtime.database.begin() as uow:
        brought = bring_forward(uow, scene.reload(order.id).attempts[0])
        uow.commit()
    return brought


def test_citizen_who_looks_has_the_provider_asked_soon_and_not_too_often(
    told: Scene, bank: ToldProvider
) -> None:
    order = told.order()
    attempt = told.attempt(order, provider_account="a")
    assert not bring(told, order), "it was made this moment"
    told.runtime.clock.advance(timedelta(seconds=20))
    assert [bring(told, order) for _ in range(3)] == [True, False, False]
    assert [ref for _, ref in waiting(told)] == [str(attempt.id)]
    bank.status = says(told, attempt, Outcome.PENDING)
    query_attempt(attempt_id=str(attempt.id), counts=False)
    after = attempt_of(told, order)
    assert (after.queries, after.next_query_at) == (0, attempt.next_query_at), "the schedule stays"
    told.runtime.clock.advance(timedelta(seconds=20))
    assert bring(told, order)


def test_nobody_is_asked_about_a_decided_attempt_however_often_one_looks(told: Scene) -> None:
    order = told.order()
    told.apply(told.evidence(told.attempt(order, provider_account="a")))
    told.runtime.clock.advance(timedelta(hours=1))
    assert not bring(told, order)
    assert waiting(told) == []
