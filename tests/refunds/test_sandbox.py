"""Refunds at the sandbox over HTTP: what our books say is what the provider really gave back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from payclear.contract.outcomes import Outcome
from payclear.contract.registry import ProviderLine, ProviderRegistry
from payclear.kernel.clock import FixedClock
from payclear.orders.checkout import checkout_request, open_attempt, record_checkout
from payclear.orders.inquiry import ask_provider
from payclear.orders.records import AttemptView
from payclear.runtime import Runtime, install
from providers.sandbox.client import SandboxClient
from providers.sandbox.provider import SandboxProvider
from providers.simulator.app import Simulator
from tests.orders.test_evidence import balances
from tests.providers.conftest import provider_clock, receiver, simulator  # noqa: F401  (fixtures)
from tests.providers.factories import sandbox_account
from tests.refunds.bank import RefundingBank
from tests.refunds.conftest import Desk
from tests.scenes import Scene

ACCOUNT = "sandbox-test"


@pytest.fixture
def counter(runtime: Runtime, simulator: Simulator, provider_clock: FixedClock) -> Desk:  # noqa: F811
    """The desk of refunds of a runtime whose one account is the sandbox in the simulator."""
    line = ProviderLine(
        account=sandbox_account(simulator.url),
        provider=SandboxProvider(SandboxClient(clock=provider_clock)),
        cut_off="00:00",
        grace_business_days=1,
    )
    made = replace(runtime, providers=ProviderRegistry({ACCOUNT: line}))
    install(made)
    return Desk(Scene(made).set_up(), RefundingBank())


def pay(desk: Desk, simulator: Simulator, *faults: str) -> AttemptView:  # noqa: F811
    """A citizen pays 200,000 đồng at the sandbox; `faults` are played to the refunds of this attempt."""
    runtime, order = desk.scene.runtime, desk.scene.order()
    line = runtime.providers.get(ACCOUNT)
    with runtime.database.begin() as uow:
        attempt = open_attempt(uow, order_id=order.id, line=line, settings=runtime.settings.orders)
        uow.commit()
    simulator.truth.set_faults("sandbox", attempt.attempt_ref, list(faults))
    request = checkout_request(
        attempt,
        order,
        payer_ip="127.0.0.1",
        locale="vi",
        return_url=f"{simulator.url}/return",
        callback_url=f"{simulator.url}/callbacks",
    )
    answer = line.provider.start_checkout(line.account, request)
    assert answer.outcome is Outcome.PENDING
    with runtime.database.begin() as uow:
        record_checkout(uow, attempt.id, answer)
        uow.commit()
    payment = simulator.engine.find("sandbox", attempt.attempt_ref)
    assert payment is not None
    simulator.engine.pay(payment, "success")
    ask_provider(runtime, attempt.id)
    return desk.scene.reload(order.id).attempts[0]


def given_back(simulator: Simulator) -> int:  # noqa: F811
    return sum(refund.amount for refund in simulator.truth.everything()[1])


def owed(desk: Desk) -> int:
    return balances(desk.scene)["provider_receivable"]


@pytest.mark.parametrize("broken", ["refund_html", "refund_500", "refund_truncated", "refund_bad_signature"])
def test_unreadable_answer_is_doubt_that_the_query_ends(
    counter: Desk,
    simulator: Simulator,  # noqa: F811
    broken: str,
) -> None:
    refund = counter.ask(pay(counter, simulator, broken), 200_000)
    counter.send(refund)
    assert (counter.reload(refund).state, owed(counter)) == ("in_doubt", 200_000)
    counter.query(refund)
    assert (counter.reload(refund).state, owed(counter)) == ("done", 0)
    assert given_back(simulator) == 200_000


def test_query_without_an_answer_leaves_the_doubt(counter: Desk, simulator: Simulator) -> None:  # noqa: F811
    refund = counter.ask(pay(counter, simulator, "refund_500", "refund_query_html"), 200_000)
    counter.send(refund)
    counter.query(refund)
    assert counter.reload(refund).state == "in_doubt"
    assert counter.broken() == set()


def test_refund_the_sandbox_still_works_on_is_sent_until_it_ends(
    counter: Desk,
    simulator: Simulator,  # noqa: F811
) -> None:
    attempt = pay(counter, simulator, "refund_500", "refund_query_pending")
    refund = counter.ask(attempt, 200_000)
    counter.send(refund)
    counter.query(refund)
    assert counter.reload(refund).state == "sent"
    simulator.truth.set_faults("sandbox", attempt.attempt_ref, [])
    counter.query(refund)
    assert counter.reload(refund).state == "done"


def test_refused_refund_gives_nothing_back(counter: Desk, simulator: Simulator) -> None:  # noqa: F811
    refund = counter.ask(pay(counter, simulator, "refund_refused"), 200_000)
    counter.send(refund)
    assert (counter.reload(refund).state, owed(counter), given_back(simulator)) == ("rejected", 200_000, 0)
    assert counter.broken() == set()


def test_parts_give_back_what_the_books_say(counter: Desk, simulator: Simulator) -> None:  # noqa: F811
    attempt = pay(counter, simulator)
    for amount in (1, 149_999, 50_000):
        refund = counter.ask(attempt, amount)
        counter.send(refund)
        assert counter.reload(refund).state == "done"
        assert given_back(simulator) == 200_000 - owed(counter)
    assert owed(counter) == 0
    counter.scene.runtime.clock.advance(timedelta(seconds=1))
    assert counter.broken() == set()
