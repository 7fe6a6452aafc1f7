"""Who may ask for which refund: never more than was captured, whoever asks, however many at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest

from payclear.contract.manifest import Capability
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money
from payclear.orders.collecting import reverse_collected
from payclear.refunds.errors import (
    AttemptNotFound,
    NothingToRefund,
    RefundAmountInvalid,
    RefundExceedsCapture,
    RefundReasonMissing,
    RefundUnsupported,
)
from payclear.refunds.service import request_refund
from payclear.runtime import Runtime
from tests.checkout.fakes import with_providers
from tests.kernel.currencies import other_currency
from tests.orders.test_reversal import back
from tests.refunds.bank import RefundingBank
from tests.refunds.conftest import BANK, Desk
from tests.scenes import Scene


def refunds(desk: Desk) -> int:
    with desk.scene.runtime.database.begin() as uow:
        return uow.one("SELECT count(*) FROM refund")[0]


@pytest.mark.parametrize("amount", [0, -1, -200_000])
def test_refund_of_nothing_is_refused(desk: Desk, amount: int) -> None:
    with pytest.raises(RefundAmountInvalid):
        desk.ask(desk.paid(), amount)
    assert refunds(desk) == 0


def test_refund_in_another_currency_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = desk.paid()
    with desk.scene.runtime.database.begin() as uow, pytest.raises(RefundAmountInvalid):
        request_refund(
            uow,
            providers=desk.scene.runtime.providers,
            attempt_ref=attempt.attempt_ref,
            amount=other_currency(monkeypatch),
            reason="r",
            requested_by="canbo",
        )


def test_refund_of_more_than_was_taken_is_refused(desk: Desk) -> None:
    attempt = desk.paid()
    with pytest.raises(RefundExceedsCapture):
        desk.ask(attempt, 200_001)
    desk.ask(attempt, 150_000)
    with pytest.raises(RefundExceedsCapture):
        desk.ask(attempt, 50_001)
    desk.ask(attempt, 50_000)
    assert refunds(desk) == 2


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_refund_without_a_reason_is_refused(desk: Desk, reason: str) -> None:
    with pytest.raises(RefundReasonMissing):
        desk.ask(desk.paid(), 1, reason=reason)


def test_refund_of_an_unknown_attempt_is_refused(desk: Desk) -> None:
    with desk.scene.runtime.database.begin() as uow, pytest.raises(AttemptNotFound):
        request_refund(
            uow,
            providers=desk.scene.runtime.providers,
            attempt_ref="PC000000000XX01",
            amount=Money(1),
            reason="r",
            requested_by="canbo",
        )


def test_refund_of_an_attempt_without_money_is_refused(desk: Desk) -> None:
    order = desk.scene.order()
    attempt = desk.scene.attempt(order, provider_account=BANK)
    with pytest.raises(NothingToRefund):
        desk.ask(attempt, 1)
    desk.scene.apply(desk.scene.evidence(attempt, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY))
    with pytest.raises(NothingToRefund):
        desk.ask(attempt, 1)


def test_refund_of_a_payment_that_was_taken_back_is_refused(desk: Desk) -> None:
    attempt = desk.paid()
    with desk.scene.runtime.database.begin() as uow:
        reverse_collected(uow, attempt_id=attempt.id, evidence=back(account=BANK), until=None)
        uow.commit()
    with pytest.raises(NothingToRefund):
        desk.ask(attempt, 1)


@pytest.mark.parametrize(
    ("capabilities", "amount", "is_able"),
    [
        ((Capability.REDIRECT,), 200_000, False),
        ((Capability.REFUND,), 200_000, True),
        ((Capability.REFUND,), 199_999, False),
        ((Capability.REFUND, Capability.PARTIAL_REFUND), 199_999, True),
    ],
)
def test_provider_is_asked_only_for_what_its_manifest_offers(
    runtime: Runtime, capabilities: tuple[Capability, ...], amount: int, is_able: bool
) -> None:
    bank = RefundingBank(*capabilities)
    desk = Desk(Scene(with_providers(runtime, a=bank)).set_up(), bank)
    attempt = desk.paid()
    if is_able:
        assert desk.ask(attempt, amount).state == "requested"
    else:
        with pytest.raises(RefundUnsupported):
            desk.ask(attempt, amount)


def test_money_in_suspense_can_be_refunded_up_to_what_came(desk: Desk) -> None:
    attempt = desk.surplus(70_000)
    with pytest.raises(RefundExceedsCapture):
        desk.ask(attempt, 70_001)
    assert desk.ask(attempt, 70_000).amount == 70_000


def test_request_is_written_with_its_trail_and_waits_to_be_sent(desk: Desk) -> None:
    attempt = desk.paid()
    made = desk.ask(attempt, 10_000, reason="  Nộp thừa  ")
    assert (made.refund_ref, made.reason, made.asked_at) == (f"{attempt.attempt_ref}R01", "Nộp thừa", None)
    assert made.next_query_at == desk.scene.runtime.clock.now()
    with desk.scene.runtime.database.begin() as uow:
        trail = uow.one("SELECT actor_type, actor, facts FROM audit_entry WHERE action = 'refund.requested'")
        jobs = uow.run("SELECT task_name FROM procrastinate_jobs WHERE status = 'todo'").fetchall()
    assert trail[:2] == ("staff", "canbo")
    assert ("refunds.send_due",) in jobs
    assert desk.broken() == set()


def test_fifty_at_once_give_back_exactly_what_was_captured(desk: Desk) -> None:
    attempt = desk.paid(200_000)
    barrier = Barrier(50)

    def one(_number: int) -> bool:
        barrier.wait(timeout=30)
        try:
            desk.ask(attempt, 20_000)
        except RefundExceedsCapture:
            return False
        return True

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(one, range(50))) == 10
    assert refunds(desk) == 10
    assert desk.broken() == set()


INSERT = """
INSERT INTO refund (id, refund_ref, attempt_id, order_id, provider_account, amount, currency, state, version, reason,
                    requested_by, evidence_rank, queries, next_query_at, requested_at)
VALUES (gen_random_uuid(), %s, %s, %s, 'a', %s, 'VND', 'requested', 1, 'r', 'x', -1, 0, now(), now())
"""


def test_database_itself_refuses_refunds_beyond_the_capture(desk: Desk) -> None:
    attempt = desk.paid()
    with desk.scene.runtime.database.begin() as uow, pytest.raises(psycopg.errors.CheckViolation):
        uow.run(INSERT, ("X1", attempt.id, attempt.order_id, 200_001))
    with desk.scene.runtime.database.begin() as uow:
        uow.run(INSERT, ("X1", attempt.id, attempt.order_id, 200_000))
        with pytest.raises(psycopg.errors.CheckViolation):
            uow.run(INSERT, ("X2", attempt.id, attempt.order_id, 1))


def test_database_refuses_two_refunds_that_do_not_see_each_other(desk: Desk) -> None:
    attempt = desk.paid()
    barrier = Barrier(8)

    def one(number: int) -> bool:
        with desk.scene.runtime.database.begin() as uow:
            uow.run("SELECT 1")
            barrier.wait(timeout=30)
            try:
                uow.run(INSERT, (f"X{number}", attempt.id, attempt.order_id, 150_000))
            except psycopg.errors.CheckViolation:
                return False
            uow.commit()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(8))) == 1
