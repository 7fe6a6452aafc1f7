"""A teller took the wrong bill: until the day ends the bank takes it back, and what was paid is owed again."""

from datetime import timedelta

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.obligations.domain import ObligationState
from payclear.orders.domain import OrderState
from tests.collection.bank import Bank
from tests.collection.test_payments import at_once, cases, everything, order_of, rows, state_of
from tests.scenes import Scene


def test_reversal_of_what_was_never_paid_is_not_found(bank: Bank) -> None:
    assert (bank.reverse("FT1").status, bank.reverse("FT1").word) == (404, "not_found")


def test_payment_is_taken_back_and_owed_again(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    bill = bank.bill(fee.document_no)
    bank.pay(bill)
    heard = bank.reverse("FT1")
    order = order_of(scene, bill)
    assert heard.body == {
        "result": "accepted",
        "bank_ref": "RV1",
        "original_ref": "FT1",
        "order_ref": order.order_ref,
    }
    assert (order.state, state_of(scene, fee)) == (OrderState.REVERSED, ObligationState.OPEN)
    assert rows(scene, "SELECT count(*) FROM event WHERE type = 'payment_order.reversed'") == [(1,)]
    assert bank.status("FT1").word == bank.status("RV1").word == "reversed"
    again = bank.bill(fee.document_no)
    assert again["bill_id"] != bill["bill_id"]
    assert bank.pay(again, "FT2").word == "accepted"


def test_payment_code_of_an_order_taken_back_still_finds_what_is_owed(bank: Bank, scene: Scene) -> None:
    order = scene.order()
    bank.pay(bank.bill(order.payment_code))
    bank.reverse("FT1")
    again = bank.bill(order.payment_code)
    assert bank.pay(again, "FT2", document_no=order.payment_code).word == "accepted"
    assert scene.reload(order.id).state is OrderState.REVERSED


def test_reversal_again_is_known_and_a_second_one_is_refused(bank: Bank, scene: Scene) -> None:
    bank.pay(bank.bill(scene.fee().document_no))
    assert bank.reverse("FT1").word == "accepted"
    before = everything(scene)
    assert [bank.reverse("FT1").word for _ in range(3)] == ["already_known"] * 3
    heard = bank.reverse("FT1", "RV2")
    assert (heard.status, heard.word) == (409, "reversed")
    assert everything(scene) == before


def test_payment_that_was_taken_back_is_not_said_to_stand(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fee().document_no)
    bank.pay(bill)
    bank.reverse("FT1")
    heard = bank.pay(bill)
    assert (heard.status, heard.word) == (409, "reversed")
    assert bank.pay(bill, "FT2").word == "not_payable"


def test_reference_is_not_used_twice_for_payments_and_reversals(bank: Bank, scene: Scene) -> None:
    first, second = bank.bill(scene.fee().document_no), bank.bill(scene.fee().document_no)
    bank.pay(first, "FT1")
    bank.pay(second, "FT2")
    assert bank.reverse("FT1", "FT2").word == "reference_reused"
    assert bank.reverse("FT1", "RV1").word == "accepted"
    assert bank.reverse("FT2", "RV1").word == "reference_reused"
    third = bank.bill(scene.fee().document_no)
    assert bank.pay(third, "RV1").word == "reference_reused"


def test_reversal_of_another_amount_is_refused(bank: Bank, scene: Scene) -> None:
    bank.pay(bank.bill(scene.fee().document_no))
    before = everything(scene)
    assert bank.reverse("FT1", amount=150_000).word == "amount_mismatch"
    assert everything(scene) == before


def test_reversal_after_the_day_is_too_late(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    bank.pay(bank.bill(fee.document_no))
    scene.runtime.clock.advance(timedelta(hours=13, minutes=30))
    before = everything(scene)
    assert (bank.reverse("FT1").status, bank.reverse("FT1").word) == (409, "too_late")
    assert everything(scene) == before
    assert state_of(scene, fee) is ObligationState.PAID


def test_money_given_back_too_late_opens_a_case(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    bank.pay(bank.bill(fee.document_no))
    scene.runtime.clock.advance(timedelta(days=1))
    assert bank.reverse("FT1", money_moved=True).word == "suspended"
    assert [kind for kind, _ in cases(scene)] == ["reversed_after_capture"]
    assert state_of(scene, fee) is ObligationState.PAID


def test_payment_that_the_statement_settled_is_not_taken_back(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fee().document_no)
    bank.pay(bill)
    (attempt,) = order_of(scene, bill).attempts
    scene.apply(
        scene.evidence(attempt, Outcome.CONFIRMED, source=EvidenceSource.STATEMENT, provider_ref="FT1")
    )
    assert bank.reverse("FT1").word == "too_late"


def test_money_in_suspense_is_for_a_person_to_give_back(bank: Bank, scene: Scene) -> None:
    bank.pay(bank.bill(scene.fee().document_no), amount=150_000, money_moved=True)
    assert bank.reverse("FT1", amount=150_000).word == "too_late"


def test_fifty_equal_reversals_at_once_are_one(bank: Bank, scene: Scene) -> None:
    bank.pay(bank.bill(scene.fee().document_no))
    words = at_once([lambda: bank.reverse("FT1").word] * 50)
    assert sorted(words) == ["accepted"] + ["already_known"] * 49


def test_reversal_and_payment_at_the_same_instant_leave_one_truth(bank: Bank, scene: Scene) -> None:
    for number in range(6):
        bill = bank.bill(scene.fee().document_no)
        reference = f"FT{number}"
        words = at_once(
            [
                lambda b=bill, r=reference: bank.pay(b, r).word,
                lambda r=reference, n=number: bank.reverse(r, f"RV{n}").word,
            ]
        )
        # The bank that heard `not_found` gave the cash back: its payment, still under way, must not pay anything.
        assert sorted(words) in (["accepted", "accepted"], ["not_found", "reversed"])
        assert rows(scene, "SELECT count(*) FROM payment_order WHERE state = 'paid'") == [(0,)]


def test_payment_whose_reversal_came_first_is_never_taken(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    bill = bank.bill(fee.document_no)
    assert [bank.reverse("FT1").word for _ in range(2)] == ["not_found"] * 2
    before = everything(scene)
    assert (bank.pay(bill, "FT1").status, bank.pay(bill, "FT1").word) == (409, "reversed")
    assert bank.status("FT1").word == "not_found"
    assert everything(scene) == before
    assert bank.pay(bill, "FT2").word == "accepted"


def test_money_that_moved_is_taken_although_its_reversal_was_refused_before(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fee().document_no)
    assert bank.reverse("FT1").word == "not_found"
    assert bank.pay(bill, "FT1", money_moved=True).word == "accepted"


def test_money_that_moved_and_went_back_before_we_heard_of_it_pays_nothing(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fee().document_no)
    assert bank.reverse("FT1", money_moved=False).word == "not_found"
    assert bank.reverse("FT1", money_moved=True).word == "not_found"
    assert bank.reverse("FT1", money_moved=False).word == "not_found"
    assert bank.pay(bill, "FT1", money_moved=True).word == "reversed"
    assert rows(scene, "SELECT count(*) FROM journal_entry") == [(0,)]


def test_part_that_went_back_all_the_same_opens_a_case(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    bank.pay(bank.bill(fee.document_no))
    assert bank.reverse("FT1", amount=150_000, money_moved=True).word == "suspended"
    assert cases(scene) == [("reversed_after_capture", 150_000)]
    assert state_of(scene, fee) is ObligationState.PAID
