"""What each piece of evidence does to an order, its attempt, the books and the cases."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from payclear.contract.outcomes import CallbackVerdict, EvidenceSource, Outcome
from payclear.kernel.money import Money
from payclear.ledger.service import trial_balance
from payclear.orders.domain import CaseKind, Effect, OrderState
from payclear.orders.evidence import note_hint
from payclear.orders.records import AttemptView, OrderView
from payclear.orders.service import expire_order
from tests.scenes import SANDBOX, VNPAY, Scene


def balances(scene: Scene) -> dict[str, int]:
    with scene.runtime.database.begin() as uow:
        rows = trial_balance(uow)
    totals: dict[str, int] = {}
    for row in rows:
        totals[row.account_code] = totals.get(row.account_code, 0) + row.amount
    return totals


def cases(scene: Scene) -> list[str]:
    with scene.runtime.database.begin() as uow:
        return [row[0] for row in uow.run("SELECT kind FROM suspense_case ORDER BY opened_at, kind")]


def test_confirmed_callback_pays_the_order_and_books_each_line(scene: Scene) -> None:
    order = scene.order(scene.fee(150_000, 50_000))
    applied = scene.apply(scene.evidence(scene.attempt(order)))
    paid = scene.reload(order.id)
    assert (applied.effect, applied.verdict) == (Effect.CAPTURED, CallbackVerdict.ACCEPTED)
    assert paid.state is OrderState.PAID
    assert paid.attempts[0].state == "succeeded"
    assert balances(scene) == {"provider_receivable": 200_000, "beneficiary_payable": 200_000}


def test_same_confirmation_again_changes_nothing(scene: Scene) -> None:
    evidence = scene.evidence(scene.attempt(scene.order()))
    scene.apply(evidence)
    before = balances(scene)
    assert scene.apply(evidence).verdict is CallbackVerdict.ALREADY_KNOWN
    assert balances(scene) == before


@pytest.mark.parametrize(
    ("amount", "merchant", "kind"),
    [
        (199_999, None, CaseKind.AMOUNT_MISMATCH),
        (200_001, None, CaseKind.AMOUNT_MISMATCH),
        (None, "OTHER", CaseKind.MERCHANT_MISMATCH),
    ],
)
def test_confirmation_that_differs_goes_to_suspense_and_the_order_is_not_paid(
    scene: Scene, amount: int | None, merchant: str | None, kind: CaseKind
) -> None:
    order = scene.order()
    evidence = scene.evidence(scene.attempt(order), amount=amount, merchant_account=merchant)
    applied = scene.apply(evidence)
    assert applied.effect is Effect.SUSPENDED
    assert cases(scene) == [kind]
    assert scene.reload(order.id).state is OrderState.OPEN
    assert balances(scene) == {"provider_receivable": amount or 200_000, "suspense": amount or 200_000}


def test_refusal_ends_the_attempt_and_leaves_the_order_open_for_another(scene: Scene) -> None:
    order = scene.order()
    scene.apply(scene.evidence(scene.attempt(order), Outcome.REJECTED))
    assert scene.reload(order.id).public_status == "open"
    second = scene.attempt(order, provider_account=SANDBOX)
    assert second.number == 2


def test_refusal_of_the_last_try_fails_the_order_and_frees_the_obligation(scene: Scene) -> None:
    fee = scene.fee()
    order = scene.order(fee)
    for _ in range(5):
        scene.apply(scene.evidence(scene.attempt(order), Outcome.REJECTED))
    assert scene.reload(order.id).state is OrderState.FAILED
    assert scene.order(fee).state is OrderState.OPEN


def test_money_after_expiry_goes_to_suspense_with_a_case(scene: Scene) -> None:
    order = scene.order(expires_in_minutes=30)
    attempt = scene.attempt(order)
    scene.runtime.clock.advance(timedelta(hours=1))
    scene.apply(scene.evidence(attempt, Outcome.NOT_SENT, source=EvidenceSource.STATUS_QUERY))
    with scene.runtime.database.begin() as uow:
        assert expire_order(uow, order.id)
        uow.commit()
    late = scene.evidence(attempt, source=EvidenceSource.STATEMENT)
    assert scene.apply(late).effect is Effect.SUSPENDED
    assert cases(scene) == [CaseKind.LATE_SUCCESS]
    assert scene.reload(order.id).state is OrderState.EXPIRED
    assert balances(scene) == {"provider_receivable": 200_000, "suspense": 200_000}


def test_second_success_of_one_order_goes_to_suspense(scene: Scene) -> None:
    order = scene.order()
    first = scene.attempt(order)
    scene.apply(scene.evidence(first, Outcome.REJECTED))
    second = scene.attempt(order, provider_account=SANDBOX)
    scene.apply(scene.evidence(second))
    applied = scene.apply(scene.evidence(first, source=EvidenceSource.STATEMENT))
    assert (applied.effect, applied.case) == (Effect.SUSPENDED, CaseKind.DOUBLE_SUCCESS)
    assert balances(scene)["suspense"] == 200_000


def test_unknown_answer_is_doubt_and_never_failure(scene: Scene) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    scene.runtime.clock.advance(timedelta(hours=1))
    unknown = scene.evidence(attempt, Outcome.UNKNOWN, source=EvidenceSource.STATUS_QUERY)
    scene.apply(unknown)
    assert scene.reload(order.id).attempts[0].state == "in_doubt"
    assert scene.reload(order.id).public_status == "pending"


def test_answer_asked_before_the_attempt_lapsed_does_not_end_it(scene: Scene) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    asked_at = scene.runtime.clock.now()
    scene.runtime.clock.advance(timedelta(hours=1))
    nothing = scene.evidence(attempt, Outcome.NOT_SENT, source=EvidenceSource.STATUS_QUERY)
    scene.apply(nothing, asked_at=asked_at)
    assert scene.reload(order.id).attempts[0].state == "sent"


def test_weaker_confirmation_after_a_stronger_refusal_makes_us_ask_again(scene: Scene) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    scene.apply(scene.evidence(attempt, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY))
    applied = scene.apply(scene.evidence(attempt, source=EvidenceSource.CALLBACK))
    assert applied.effect is Effect.OVERRULED
    assert scene.reload(order.id).attempts[0].next_query_at == scene.runtime.clock.now()
    scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    assert scene.reload(order.id).state is OrderState.PAID


def test_denial_after_capture_keeps_the_books_and_opens_a_case(scene: Scene) -> None:
    attempt = scene.attempt(scene.order())
    scene.apply(scene.evidence(attempt))
    before = balances(scene)
    scene.apply(scene.evidence(attempt, Outcome.REJECTED, source=EvidenceSource.STATEMENT))
    assert cases(scene) == [CaseKind.REVERSED_AFTER_CAPTURE]
    assert balances(scene) == before


def test_browser_return_proves_nothing(scene: Scene) -> None:
    order = scene.order()
    applied = scene.apply(scene.evidence(scene.attempt(order), source=EvidenceSource.BROWSER_RETURN))
    assert applied.effect is Effect.NOTED
    assert scene.reload(order.id).state is OrderState.OPEN


def test_evidence_for_an_unknown_attempt_is_kept(scene: Scene) -> None:
    evidence = replace(scene.evidence(scene.attempt(scene.order())), attempt_ref="PCXXXXXXXXXXX01")
    assert scene.apply(evidence).verdict is CallbackVerdict.ORDER_NOT_FOUND
    with scene.runtime.database.begin() as uow:
        assert uow.run("SELECT effect FROM payment_evidence").fetchone() == ("unmatched",)


def test_one_provider_transaction_can_not_pay_two_orders(scene: Scene) -> None:
    first, second = scene.attempt(scene.order()), scene.attempt(scene.order())
    scene.apply(scene.evidence(first, provider_ref="TX-1"))
    applied = scene.apply(scene.evidence(second, provider_ref="TX-1"))
    assert (applied.effect, applied.case) == (Effect.OVERRULED, CaseKind.REFERENCE_REUSED)
    assert balances(scene) == {"provider_receivable": 200_000, "beneficiary_payable": 200_000}
    assert scene.runtime.providers.get(VNPAY).code == VNPAY


def test_fine_paid_late_books_the_surcharge_to_its_own_account(scene: Scene) -> None:
    order = scene.order(
        scene.fine(1_000_000, served_on=date(2026, 11, 1))
    )  # due 11 Nov, today 21 Nov: 9 late days
    assert order.amount.amount == 1_004_500
    scene.apply(scene.evidence(scene.attempt(order)))
    with scene.runtime.database.begin() as uow:
        rows = uow.run(
            "SELECT beneficiary_account, amount FROM posting WHERE side = 'C' ORDER BY amount"
        ).fetchall()
    assert rows == [("TK-CHAMNOP", 4_500), ("TK-PHAT", 1_000_000)]


def test_second_real_payment_on_one_attempt_goes_to_suspense_once(scene: Scene) -> None:
    attempt = scene.attempt(scene.order())
    scene.apply(scene.evidence(attempt, provider_ref="TX-1"))
    second = scene.evidence(attempt, provider_ref="TX-2")
    applied = scene.apply(second)
    assert (applied.effect, applied.case) == (Effect.SUSPENDED, CaseKind.DOUBLE_SUCCESS)
    assert scene.apply(second).effect is Effect.REPEATED
    assert balances(scene) == {
        "provider_receivable": 400_000,
        "beneficiary_payable": 200_000,
        "suspense": 200_000,
    }
    assert scene.reload(applied.order_id).attempts[0].provider_ref == "TX-1"


def test_second_real_payment_is_seen_also_where_the_first_was_booked_without_a_reference(
    scene: Scene,
) -> None:
    """An answer to our query names no transaction, as SePay's; the notifications that follow name each transfer."""
    attempt = scene.attempt(scene.order())
    answer = scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY)
    assert scene.apply(replace(answer, provider_ref=None)).effect is Effect.CAPTURED
    first, second = (scene.evidence(attempt, provider_ref=name) for name in ("FT-1", "FT-2"))
    assert [scene.apply(first).effect, scene.apply(first).effect] == [Effect.REPEATED] * 2
    applied = scene.apply(second)
    assert (applied.effect, applied.case) == (Effect.SUSPENDED, CaseKind.DOUBLE_SUCCESS)
    assert scene.apply(second).effect is Effect.REPEATED
    assert balances(scene) == {
        "provider_receivable": 400_000,
        "beneficiary_payable": 200_000,
        "suspense": 200_000,
    }


def test_late_word_about_a_failed_try_does_not_change_the_reference_of_the_money(scene: Scene) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    scene.apply(scene.evidence(attempt, provider_ref="9001"))
    scene.apply(scene.evidence(attempt, Outcome.REJECTED, provider_ref="9000"))
    assert scene.reload(order.id).attempts[0].provider_ref == "9001"


def test_other_amount_for_booked_money_opens_a_case_and_books_nothing(scene: Scene) -> None:
    attempt = scene.attempt(scene.order())
    scene.apply(scene.evidence(attempt))
    applied = scene.apply(scene.evidence(attempt, amount=199_000, source=EvidenceSource.STATEMENT))
    assert (applied.effect, applied.case) == (Effect.OVERRULED, CaseKind.AMOUNT_MISMATCH)
    assert balances(scene)["provider_receivable"] == 200_000


def test_query_that_contradicts_the_statement_asks_a_person_not_the_provider_again(scene: Scene) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    scene.apply(scene.evidence(attempt, Outcome.REJECTED, source=EvidenceSource.STATEMENT))
    scene.apply(scene.evidence(attempt, source=EvidenceSource.CALLBACK))
    assert scene.reload(order.id).attempts[0].next_query_at is not None
    applied = scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    assert applied.case is CaseKind.CONTESTED
    assert scene.reload(order.id).attempts[0].next_query_at is None


def test_decided_attempt_is_not_asked_about_any_more(scene: Scene) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    scene.apply(scene.evidence(attempt, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY))
    scene.apply(scene.evidence(attempt, source=EvidenceSource.CALLBACK))
    scene.apply(scene.evidence(attempt, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY))
    assert scene.reload(order.id).attempts[0].next_query_at is None


def test_confirmation_for_an_unknown_attempt_opens_a_case(scene: Scene) -> None:
    evidence = replace(scene.evidence(scene.attempt(scene.order())), attempt_ref="PCXXXXXXXXXXX01")
    scene.apply(evidence)
    scene.apply(evidence)
    assert cases(scene) == [CaseKind.UNKNOWN_ATTEMPT]


def test_confirmation_of_nothing_proves_nothing(scene: Scene) -> None:
    order = scene.order()
    nothing = replace(scene.evidence(scene.attempt(order)), amount=Money(0))
    assert scene.apply(nothing).effect is Effect.DOUBTED
    assert scene.reload(order.id).public_status == "pending"


def hint(scene: Scene, attempt: AttemptView, outcome: Outcome = Outcome.CONFIRMED) -> None:
    with scene.runtime.database.begin() as uow:
        note_hint(uow, scene.evidence(attempt, outcome))
        uow.commit()


def given_up(scene: Scene) -> tuple[OrderView, AttemptView]:
    order = scene.order(expires_in_minutes=30)
    attempt = scene.attempt(order)
    scene.runtime.clock.advance(timedelta(hours=1))
    scene.apply(scene.evidence(attempt, Outcome.NOT_SENT, source=EvidenceSource.STATUS_QUERY))
    assert scene.reload(order.id).attempts[0].next_query_at is None
    return order, attempt


def test_hint_of_money_for_an_attempt_given_up_makes_us_ask_and_take_it(scene: Scene) -> None:
    order, attempt = given_up(scene)
    hint(scene, attempt)
    assert scene.reload(order.id).attempts[0].next_query_at == scene.runtime.clock.now()
    scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    assert scene.reload(order.id).state is OrderState.PAID


def test_hint_that_the_provider_denies_again_is_not_asked_about_for_ever(scene: Scene) -> None:
    order, attempt = given_up(scene)
    hint(scene, attempt)
    scene.apply(scene.evidence(attempt, Outcome.NOT_SENT, source=EvidenceSource.STATUS_QUERY))
    assert scene.reload(order.id).attempts[0].next_query_at is None


@pytest.mark.parametrize("outcome", [Outcome.CONFIRMED, Outcome.REJECTED])
def test_hint_after_the_money_asks_nothing(scene: Scene, outcome: Outcome) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    scene.apply(scene.evidence(attempt))
    hint(scene, attempt, outcome)
    assert scene.reload(order.id).attempts[0].next_query_at is None


def test_confirmation_without_a_reference_is_booked_under_the_one_that_is_known(scene: Scene) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    scene.apply(scene.evidence(attempt, Outcome.PENDING, provider_ref="9001"))
    scene.apply(replace(scene.evidence(attempt), provider_ref=None))
    with scene.runtime.database.begin() as uow:
        assert uow.run("SELECT natural_key FROM journal_entry").fetchone() == ("money-in:vnpay-demo:9001",)
    assert scene.reload(order.id).attempts[0].provider_ref == "9001"
