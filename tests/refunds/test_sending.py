"""What becomes of a refund at its provider: each answer, each silence, each power cut."""

from datetime import timedelta

import pytest

from payclear.contract.errors import NotSent, OutcomeUnknown, ProviderRefused
from payclear.contract.manifest import Capability
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money
from payclear.refunds.domain import RefundEffect
from payclear.refunds.errors import RefundExceedsCapture
from payclear.refunds.jobs import query_due, query_one, send_due, send_one
from payclear.refunds.records import RefundApplied, RefundView
from payclear.refunds.sending import LEASE
from payclear.refunds.service import apply_refund_evidence
from payclear.runtime import Runtime
from tests.checkout.fakes import with_providers
from tests.orders.test_evidence import balances
from tests.refunds.bank import RefundingBank, says
from tests.refunds.conftest import Desk
from tests.scenes import Scene

PAID = {"provider_receivable": 200_000, "beneficiary_payable": 200_000}


class PowerCut(BaseException):
    """The process dies while the provider works."""


def by_statement(
    desk: Desk, refund: RefundView, outcome: Outcome = Outcome.CONFIRMED, *, amount: int | None = None
) -> RefundApplied:
    with desk.scene.runtime.database.begin() as uow:
        applied = apply_refund_evidence(
            uow,
            refund_ref=refund.refund_ref,
            outcome=outcome,
            source=EvidenceSource.STATEMENT,
            amount=Money(amount) if amount else None,
        )
        uow.commit()
    return applied


def facts(desk: Desk) -> list[tuple[str, str, int]]:
    with desk.scene.runtime.database.begin() as uow:
        return uow.run(
            "SELECT type, convert_from(body, 'UTF8')::jsonb -> 'data' ->> 'status', sequence FROM event"
            " WHERE type LIKE 'refund.%' ORDER BY sequence"
        ).fetchall()


@pytest.mark.parametrize("failure", [OutcomeUnknown("x"), RuntimeError("x"), says(Outcome.UNKNOWN)], ids=str)
def test_silence_after_the_call_is_doubt_until_the_provider_says_what_became_of_it(
    desk: Desk, failure: Exception
) -> None:
    refund = desk.ask(desk.paid(), 200_000)
    desk.bank.refund_answers = [failure]
    desk.send(refund)
    doubted = desk.reload(refund)
    assert doubted.state == "in_doubt"
    assert doubted.next_query_at == desk.scene.runtime.clock.now() + timedelta(seconds=30)
    assert balances(desk.scene) == PAID
    assert desk.broken() == set()
    desk.bank.query_answers = [OutcomeUnknown("x"), says(Outcome.UNKNOWN), says(Outcome.CONFIRMED, "BACK1")]
    for _ in range(3):
        desk.query(refund)
    done = desk.reload(refund)
    assert (done.state, done.provider_ref) == ("done", "BACK1")
    assert len(desk.bank.refunds) == 1
    assert balances(desk.scene) == {"provider_receivable": 0, "beneficiary_payable": 0}
    assert desk.broken() == set()


def test_refused_refund_moves_no_money_and_frees_its_amount(desk: Desk) -> None:
    attempt = desk.paid()
    refund = desk.ask(attempt, 200_000)
    desk.bank.refund_answers = [says(Outcome.REJECTED)]
    desk.send(refund)
    assert desk.reload(refund).state == "rejected"
    assert balances(desk.scene) == PAID
    assert facts(desk) == [("refund.rejected", "paid", 3)]
    again = desk.ask(attempt, 200_000)
    assert again.refund_ref != refund.refund_ref
    assert desk.broken() == set()


def test_request_that_the_provider_can_not_read_is_rejected_with_its_code(desk: Desk) -> None:
    refund = desk.ask(desk.paid(), 200_000)
    desk.bank.refund_answers = [ProviderRefused("x")]
    desk.send(refund)
    assert (desk.reload(refund).state, desk.reload(refund).detail_code) == ("rejected", "provider_refused")


def test_call_that_never_left_is_made_again_under_the_same_reference_and_stamp(desk: Desk) -> None:
    refund = desk.ask(desk.paid(), 200_000)
    desk.bank.refund_answers = [NotSent("x"), says(Outcome.CONFIRMED)]
    desk.send(refund)
    waiting = desk.reload(refund)
    assert (waiting.state, waiting.next_query_at) == (
        "requested",
        desk.scene.runtime.clock.now() + timedelta(seconds=30),
    )
    desk.scene.runtime.clock.advance(timedelta(minutes=5))
    desk.send(refund)
    assert desk.reload(refund).state == "done"
    first, second = desk.bank.refunds
    assert first == second
    assert desk.broken() == set()


def test_refund_the_provider_never_saw_is_sent_again_under_the_same_reference(desk: Desk) -> None:
    refund = desk.ask(desk.paid(), 200_000)
    desk.bank.refund_answers = [OutcomeUnknown("x"), says(Outcome.CONFIRMED)]
    desk.bank.query_answers = [says(Outcome.NOT_SENT)]
    desk.send(refund)
    applied = desk.query(refund)
    assert applied is not None
    assert (applied.effect, desk.reload(refund).state) == (RefundEffect.RETURNED, "requested")
    desk.scene.runtime.clock.advance(timedelta(minutes=5))
    desk.send(refund)
    assert desk.bank.refunds[0] == desk.bank.refunds[1]
    assert desk.reload(refund).state == "done"


def test_refund_the_provider_works_on_is_asked_about_until_it_ends(desk: Desk) -> None:
    refund = desk.ask(desk.paid(), 50_000)
    desk.bank.refund_answers = [says(Outcome.PENDING, "BACK7")]
    desk.bank.query_answers = [says(Outcome.PENDING), says(Outcome.NOT_SENT), says(Outcome.CONFIRMED)]
    desk.send(refund)
    sent = desk.reload(refund)
    assert (sent.state, sent.provider_ref) == ("sent", "BACK7")
    for _ in range(2):
        desk.query(refund)
        assert desk.reload(refund).state == "sent"
    desk.query(refund)
    assert desk.reload(refund).state == "done"
    assert {query.provider_ref for query in desk.bank.refund_queries} == {"BACK7"}


def test_power_cut_during_the_call_is_healed_by_the_query_and_nothing_is_sent_twice(desk: Desk) -> None:
    refund = desk.ask(desk.paid(), 200_000)
    desk.bank.refund_answers = [PowerCut()]
    with pytest.raises(PowerCut):
        desk.send(refund)
    cut = desk.reload(refund)
    assert (cut.state, cut.next_query_at) == ("in_doubt", desk.scene.runtime.clock.now() + LEASE)
    assert desk.broken() == set()
    assert desk.send(refund) is None
    desk.query(refund)
    assert desk.reload(refund).state == "done"
    assert len(desk.bank.refunds) == 1


def test_power_cut_is_healed_by_the_same_call_again_where_that_is_the_same_refund(runtime: Runtime) -> None:
    bank = RefundingBank(Capability.REFUND, repeats_safely=True)
    desk = Desk(Scene(with_providers(runtime, a=bank)).set_up(), bank)
    refund = desk.ask(desk.paid(), 200_000)
    bank.refund_answers = [PowerCut(), NotSent("x"), ProviderRefused("x"), says(Outcome.CONFIRMED)]
    with pytest.raises(PowerCut):
        desk.send(refund)
    desk.scene.runtime.clock.advance(timedelta(minutes=5))
    for _ in range(2):
        desk.query(refund)
        assert desk.reload(refund).state == "in_doubt"
    desk.query(refund)
    assert desk.reload(refund).state == "done"
    assert len({request.asked_at for request in bank.refunds}) == 1


def test_refund_whose_number_was_lost_is_not_asked_about_and_does_not_count_against_the_provider(
    runtime: Runtime,
) -> None:
    bank = RefundingBank(asked_by_number=True)
    desk = Desk(Scene(with_providers(runtime, a=bank)).set_up(), bank)
    lost = desk.ask(desk.paid(), 200_000)
    bank.refund_answers = [PowerCut()]
    with pytest.raises(PowerCut):
        desk.send(lost)
    assert desk.query(lost) is None
    waiting = desk.reload(lost)
    assert (waiting.state, waiting.next_query_at) == ("in_doubt", None)
    assert bank.refund_queries == []
    assert desk.broken() == set()


def test_refund_whose_number_is_known_is_asked_about_by_it(runtime: Runtime) -> None:
    bank = RefundingBank(asked_by_number=True)
    desk = Desk(Scene(with_providers(runtime, a=bank)).set_up(), bank)
    refund = desk.ask(desk.paid(), 200_000)
    bank.refund_answers = [says(Outcome.PENDING, "BACK7")]
    desk.send(refund)
    bank.query_answers = [says(Outcome.CONFIRMED, "BACK7")]
    desk.query(refund)
    assert desk.reload(refund).state == "done"


def test_doubt_at_a_provider_that_can_not_be_asked_waits_for_its_statement(runtime: Runtime) -> None:
    bank = RefundingBank(Capability.REFUND)
    desk = Desk(Scene(with_providers(runtime, a=bank)).set_up(), bank)
    refund = desk.ask(desk.paid(), 200_000)
    bank.refund_answers = [PowerCut()]
    with pytest.raises(PowerCut):
        desk.send(refund)
    assert desk.query(refund) is None
    waiting = desk.reload(refund)
    assert (waiting.state, waiting.next_query_at) == ("in_doubt", None)
    assert desk.broken() == set()
    assert by_statement(desk, refund, amount=200_000).effect is RefundEffect.DONE
    assert balances(desk.scene) == {"provider_receivable": 0, "beneficiary_payable": 0}
    assert desk.broken() == set()


def test_second_worker_that_comes_during_the_call_sends_nothing(desk: Desk) -> None:
    refund = desk.ask(desk.paid(), 200_000)
    seen: list[RefundApplied | None] = []
    desk.bank.while_called = lambda: seen.append(desk.send(refund))
    desk.send(refund)
    assert seen == [None]
    assert len(desk.bank.refunds) == 1
    assert desk.send(refund) is None


def test_full_refund_takes_from_each_beneficiary_what_it_got(desk: Desk) -> None:
    attempt = desk.paid(150_000, 50_000)
    refund = desk.ask(attempt, 200_000)
    applied = desk.send(refund)
    assert applied is not None
    assert applied.effect is RefundEffect.DONE
    request = desk.bank.refunds[0]
    assert (request.amount, request.captured) == (Money(200_000), Money(200_000))
    assert (request.attempt_ref, request.provider_ref) == (attempt.attempt_ref, attempt.provider_ref)
    assert balances(desk.scene) == {"provider_receivable": 0, "beneficiary_payable": 0}
    assert facts(desk) == [("refund.succeeded", "paid", 3)]
    with desk.scene.runtime.database.begin() as uow:
        (key,) = uow.one("SELECT natural_key FROM journal_entry WHERE template = 'refund_paid'")
    assert key == f"refund:a:{refund.refund_ref}"


def test_parts_of_a_refund_add_up_to_the_payment(desk: Desk) -> None:
    attempt = desk.paid(100_001, 33_333, 66_666)
    for amount in (1, 99_999, 99_999, 1):
        desk.send(desk.ask(attempt, amount))
    assert balances(desk.scene) == {"provider_receivable": 0, "beneficiary_payable": 0}
    assert sum(desk.bank.given.values()) == 200_000
    with pytest.raises(RefundExceedsCapture):
        desk.ask(attempt, 1)
    assert desk.broken() == set()


def test_refund_of_money_in_suspense_leaves_suspense(desk: Desk) -> None:
    desk.send(desk.ask(desk.surplus(70_000), 70_000))
    assert balances(desk.scene) == {"provider_receivable": 0, "suspense": 0}
    assert facts(desk) == [("refund.succeeded", "open", 2)]
    assert desk.broken() == set()


def test_statement_has_the_last_word_over_a_refusal(desk: Desk) -> None:
    refund = desk.ask(desk.paid(), 200_000)
    desk.bank.refund_answers = [says(Outcome.REJECTED)]
    desk.send(refund)
    assert by_statement(desk, refund).effect is RefundEffect.DONE
    assert balances(desk.scene) == {"provider_receivable": 0, "beneficiary_payable": 0}
    assert [fact[0] for fact in facts(desk)] == ["refund.rejected", "refund.succeeded"]
    assert desk.broken() == set()


def test_refused_refund_that_was_paid_beside_its_successor_needs_a_person(desk: Desk) -> None:
    attempt = desk.paid()
    refund = desk.ask(attempt, 200_000)
    desk.bank.refund_answers = [says(Outcome.REJECTED), says(Outcome.CONFIRMED)]
    desk.send(refund)
    desk.send(desk.ask(attempt, 200_000))
    assert by_statement(desk, refund).effect is RefundEffect.CONTESTED
    assert desk.reload(refund).state == "rejected"
    assert desk.broken() == set()


@pytest.mark.parametrize("word", [Outcome.REJECTED, Outcome.NOT_SENT])
def test_refund_that_is_done_stays_done_whatever_is_said_later(desk: Desk, word: Outcome) -> None:
    refund = desk.ask(desk.paid(), 200_000)
    desk.send(refund)
    assert by_statement(desk, refund, word).effect is RefundEffect.CONTESTED
    assert by_statement(desk, refund).effect is RefundEffect.REPEATED
    assert desk.query(refund) is None
    assert desk.reload(refund).state == "done"
    with desk.scene.runtime.database.begin() as uow:
        assert uow.one("SELECT count(*) FROM audit_entry WHERE action = 'refund.contested'") == (1,)


def test_statement_line_of_another_amount_changes_nothing(desk: Desk) -> None:
    refund = desk.ask(desk.paid(), 200_000)
    desk.bank.refund_answers = [says(Outcome.PENDING)]
    desk.send(refund)
    assert by_statement(desk, refund, amount=199_999).effect is RefundEffect.CONTESTED
    assert desk.reload(refund).state == "sent"


def test_due_refunds_are_handed_to_jobs_of_their_own_once(desk: Desk) -> None:
    refund = desk.ask(desk.paid(), 200_000)
    desk.bank.refund_answers = [says(Outcome.PENDING)]
    assert query_due() is None
    assert send_due() == "1 refunds to send"
    assert send_due() is None
    assert send_one(refund_id=str(refund.id)) == RefundEffect.SENT
    assert send_one(refund_id=str(refund.id)) is None
    assert query_due() is None
    desk.scene.runtime.clock.advance(timedelta(seconds=31))
    assert query_due() == "1 refunds to ask about"
    assert query_due() is None
    assert query_one(refund_id=str(refund.id)) == RefundEffect.DONE


def test_refund_of_an_account_that_is_switched_off_waits(desk: Desk) -> None:
    refund = desk.ask(desk.paid(), 200_000)
    away = with_providers(desk.scene.runtime, other=desk.bank)
    desk.scene.runtime = away
    assert desk.send(refund) is None
    assert desk.query(refund) is None
    assert desk.reload(refund).state == "requested"
