"""A bank takes its payment back on the same day: what is undone, what stays, and when it is too late."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from payclear.contract.collection import CollectionVerdict
from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money
from payclear.obligations.domain import ObligationState
from payclear.obligations.service import find_many
from payclear.orders.collecting import reverse_collected
from payclear.orders.domain import AttemptState, CaseKind, Effect, OrderState
from payclear.orders.records import OrderView
from payclear.orders.service import note_refund
from payclear.receipts.service import for_order, issue_waiting
from tests.orders.test_collecting import broken, take, told
from tests.orders.test_evidence import balances, cases
from tests.scenes import SANDBOX, VNPAY, Scene


def back(*, bank_ref: str = "BACK1", amount: int | None = None, account: str = VNPAY) -> Evidence:
    """What the bank says when it takes a payment back."""
    return Evidence(
        source=EvidenceSource.CALLBACK,
        outcome=Outcome.REJECTED,
        provider_account=account,
        attempt_ref="",
        provider_ref=bank_ref,
        amount=Money(amount) if amount else None,
    )


def reverse(
    scene: Scene,
    attempt_id: UUID,
    evidence: Evidence | None = None,
    *,
    until: datetime | None = None,
    money_moved: bool = False,
) -> CollectionVerdict:
    with scene.runtime.database.begin() as uow:
        verdict = reverse_collected(
            uow, attempt_id=attempt_id, evidence=evidence or back(), until=until, money_moved=money_moved
        )
        uow.commit()
    return verdict


def collected(scene: Scene, order: OrderView, *, bank_ref: str = "BANK1") -> UUID:
    taken = take(scene, order, told(scene, order, bank_ref=bank_ref))
    assert taken.attempt_id is not None
    return taken.attempt_id


def assert_untouched(scene: Scene, order: OrderView) -> None:
    after = scene.reload(order.id)
    assert (after.state, after.attempts[-1].state) == (OrderState.PAID, AttemptState.SUCCEEDED)
    assert balances(scene) == {"provider_receivable": 200_000, "beneficiary_payable": 200_000}


def test_reversal_after_its_time_is_too_late(scene: Scene) -> None:
    order = scene.order()
    attempt_id = collected(scene, order)
    assert reverse(scene, attempt_id, until=scene.runtime.clock.now()) is CollectionVerdict.TOO_LATE
    assert_untouched(scene, order)


def test_reversal_of_what_a_statement_confirmed_is_too_late(scene: Scene) -> None:
    order = scene.order()
    attempt_id = collected(scene, order)
    attempt = scene.reload(order.id).attempts[0]
    scene.apply(scene.evidence(attempt, source=EvidenceSource.STATEMENT, provider_ref="BANK1"))
    assert reverse(scene, attempt_id) is CollectionVerdict.TOO_LATE
    assert_untouched(scene, order)


def test_reversal_of_what_is_being_refunded_is_too_late(scene: Scene) -> None:
    order = scene.order()
    attempt_id = collected(scene, order)
    with scene.runtime.database.begin() as uow:
        note_refund(uow, attempt_id)
        uow.commit()
    assert reverse(scene, attempt_id) is CollectionVerdict.TOO_LATE
    assert_untouched(scene, order)


def test_reversal_of_money_in_suspense_is_too_late(scene: Scene) -> None:
    order = scene.order()
    taken = take(scene, order, told(scene, order, amount=5), money_moved=True)
    assert taken.attempt_id is not None
    assert reverse(scene, taken.attempt_id) is CollectionVerdict.TOO_LATE


def test_money_that_went_back_too_late_becomes_a_case_and_the_books_stay(scene: Scene) -> None:
    order = scene.order()
    attempt_id = collected(scene, order)
    late = scene.runtime.clock.now()
    for _ in range(2):
        assert reverse(scene, attempt_id, until=late, money_moved=True) is CollectionVerdict.TOO_LATE
    assert cases(scene) == [CaseKind.REVERSED_AFTER_CAPTURE]
    assert_untouched(scene, order)


def test_part_of_a_payment_is_not_taken_back(scene: Scene) -> None:
    order = scene.order()
    attempt_id = collected(scene, order)
    assert reverse(scene, attempt_id, back(amount=199_999)) is CollectionVerdict.AMOUNT_MISMATCH
    assert_untouched(scene, order)


def test_payment_of_another_bank_is_not_found(scene: Scene) -> None:
    order = scene.order()
    attempt_id = collected(scene, order)
    assert reverse(scene, attempt_id, back(account=SANDBOX)) is CollectionVerdict.NOT_FOUND
    assert_untouched(scene, order)


def test_reference_of_another_reversal_takes_nothing_back(scene: Scene) -> None:
    first, second = scene.order(), scene.order()
    assert reverse(scene, collected(scene, first)) is CollectionVerdict.ACCEPTED
    attempt_id = collected(scene, second, bank_ref="BANK2")
    assert reverse(scene, attempt_id) is CollectionVerdict.REFERENCE_REUSED
    assert_untouched(scene, second)


def test_same_reversal_again_is_known_and_another_one_too_late(scene: Scene) -> None:
    order = scene.order()
    attempt_id = collected(scene, order)
    assert reverse(scene, attempt_id) is CollectionVerdict.ACCEPTED
    for _ in range(3):
        assert reverse(scene, attempt_id) is CollectionVerdict.ALREADY_KNOWN
    assert reverse(scene, attempt_id, back(bank_ref="BACK2")) is CollectionVerdict.TOO_LATE
    assert balances(scene) == {"provider_receivable": 0, "beneficiary_payable": 0}
    assert broken(scene) == set()


def test_reversal_undoes_the_payment_and_frees_what_was_owed(scene: Scene) -> None:
    fee = scene.fee(150_000, 50_000)
    order = scene.order(fee)
    attempt_id = collected(scene, order)
    until = scene.runtime.clock.now() + timedelta(hours=1)
    assert reverse(scene, attempt_id, back(amount=200_000), until=until) is CollectionVerdict.ACCEPTED
    after = scene.reload(order.id)
    assert (after.state, after.public_status, after.attempts[0].state) == ("reversed", "reversed", "reversed")
    assert balances(scene) == {"provider_receivable": 0, "beneficiary_payable": 0}
    with scene.runtime.database.begin() as uow:
        assert find_many(uow, [fee.id])[0].state is ObligationState.OPEN
        told_of = uow.run(
            "SELECT type, sequence FROM event WHERE aggregate_id = %s ORDER BY sequence", (order.id,)
        ).fetchall()
        trail = uow.run(
            "SELECT actor_type, actor FROM audit_entry WHERE action = 'payment_attempt.reversed'"
        ).fetchall()
    assert told_of[-1] == ("payment_order.reversed", 3)
    assert trail == [("provider", VNPAY)]
    assert broken(scene) == set()


def test_obligation_whose_payment_was_taken_back_is_ordered_and_paid_again(scene: Scene) -> None:
    fee = scene.fee()
    reverse(scene, collected(scene, scene.order(fee)))
    again = scene.order(fee)
    scene.apply(scene.evidence(scene.attempt(again)))
    assert scene.reload(again.id).state is OrderState.PAID
    assert balances(scene) == {"provider_receivable": 200_000, "beneficiary_payable": 200_000}
    assert broken(scene) == set()


@pytest.mark.parametrize("numbered_before", [False, True])
def test_receipt_of_a_reversed_payment_is_cancelled_in_sight_and_keeps_its_number(
    scene: Scene, client: FlaskClient, numbered_before: bool
) -> None:
    order = scene.order()
    attempt_id = collected(scene, order)
    if numbered_before:
        number_receipts(scene)
    reverse(scene, attempt_id)
    scene.paid_order()
    number_receipts(scene)
    with scene.runtime.database.begin() as uow:
        receipt = for_order(uow, order.id)
    assert receipt is not None
    assert receipt.number == "BL-2026/0000001"
    assert receipt.cancelled_at == scene.runtime.clock.now()
    page = client.get(f"/receipts/{receipt.verification_code}").get_data(as_text=True)
    assert 'data-state="cancelled"' in page
    assert "ĐÃ HỦY lúc" in page
    assert receipt.number in page
    assert broken(scene) == set()


def number_receipts(scene: Scene) -> None:
    with scene.runtime.database.begin() as uow:
        issue_waiting(uow)
        uow.commit()


def test_word_about_a_reversed_payment_pays_nothing_again(scene: Scene) -> None:
    order = scene.order()
    reverse(scene, collected(scene, order))
    attempt = scene.reload(order.id).attempts[0]
    repeated = replace(told(scene, order), attempt_ref=attempt.attempt_ref)
    assert scene.apply(repeated).effect is Effect.REPEATED
    for outcome in (Outcome.REJECTED, Outcome.NOT_SENT, Outcome.UNKNOWN, Outcome.PENDING):
        assert scene.apply(replace(repeated, outcome=outcome)).effect is Effect.REPEATED
    assert cases(scene) == []
    listed = replace(repeated, source=EvidenceSource.STATEMENT)
    assert scene.apply(listed).case is CaseKind.CONTESTED
    assert balances(scene) == {"provider_receivable": 0, "beneficiary_payable": 0}


def test_another_payment_for_a_reversed_attempt_is_money_in_suspense(scene: Scene) -> None:
    order = scene.order()
    reverse(scene, collected(scene, order))
    attempt = scene.reload(order.id).attempts[0]
    another = replace(told(scene, order, bank_ref="BANK9"), attempt_ref=attempt.attempt_ref)
    applied = scene.apply(another)
    assert (applied.effect, applied.case) == (Effect.SUSPENDED, CaseKind.LATE_SUCCESS)
    assert balances(scene)["suspense"] == 200_000
