"""The judge tells exactly the right difference: for each way in which books can be wrong its own kinds, no others."""

from dataclasses import replace
from datetime import timedelta

import pytest

from payclear.simulation.books import AttemptLine, CaseLine, RefundLine
from payclear.simulation.judge import DOUBT
from payclear.simulation.plan import Fault
from tests.simulation.papers import (
    AMOUNT,
    BANK,
    BENEFICIARY,
    COUNTER,
    EXPIRES_AT,
    PAID_AT,
    WALLET,
    Papers,
    attempt_of,
    case,
    code_of,
    discrepancy,
    entry,
    order_of,
    told,
    true_payment,
)

FIRST = attempt_of(1)
LATE = (EXPIRES_AT + timedelta(minutes=1)).isoformat()


@pytest.fixture
def papers() -> Papers:
    """One payment at a bank, and all is well."""
    made = Papers()
    made.pay()
    return made


def suspend(papers: Papers, **truth: object) -> None:
    """The first payment's money lies in suspense, and its order is not paid."""
    papers.unpaid(0, state="expired")
    papers.truth[0] |= truth
    papers.money = [entry("payment_suspended", BANK, FIRST, "N1", papers.truth[0]["amount"])]


def take_back(papers: Papers) -> None:
    """The bank gave the first payment back, and our books do not say so."""
    papers.truth[0]["status"] = "reversed"


def test_books_that_say_what_is_true_have_no_difference(papers: Papers) -> None:
    papers.pay(WALLET)
    papers.pay(COUNTER, amount=7_000)
    judgment = papers.judged()
    assert judgment.differences == []
    assert [row[3] for row in judgment.results] == ["captured"] * 3


# Money.


def test_payment_that_no_entry_tells_of_is_lost_and_its_order_unpaid(papers: Papers) -> None:
    papers.unpaid(0)
    assert papers.found() == [("lost", 1, ""), ("unpaid", 1, "")]


def test_payment_booked_twice_is_doubled(papers: Papers) -> None:
    papers.money.append(entry("payment_suspended", BANK, FIRST, "N1-again", AMOUNT))
    papers.cases.append(case("double_success", attempt_ref=FIRST))
    assert papers.found() == [("doubled", 1, "")]


def test_payment_captured_twice_is_doubled_and_claimed_twice(papers: Papers) -> None:
    papers.money.append(entry("payment_captured", BANK, FIRST, "N1-again", AMOUNT))
    papers.beneficiaries[BENEFICIARY] += AMOUNT
    assert papers.found() == [("doubled", 1, ""), ("misfiled", 1, ""), ("sum", 0, "")]


def test_payment_booked_in_two_halves_is_told_although_the_sum_is_right(papers: Papers) -> None:
    papers.money = [entry("payment_captured", BANK, FIRST, f"N1{half}", AMOUNT // 2) for half in "ab"]
    assert papers.found() == [("doubled", 1, ""), ("misfiled", 1, "")]


def test_payment_short_by_one_dong_is_told(papers: Papers) -> None:
    papers.money = [replace(papers.money[0], amount=AMOUNT - 1)]
    assert papers.found() == [("lost", 1, "")]


def test_payment_booked_to_another_order_is_told_on_both_sides(papers: Papers) -> None:
    papers.pay()
    papers.truth.pop()
    papers.unpaid(0)
    papers.money = [entry("payment_captured", BANK, attempt_of(2), "N1", AMOUNT)]
    found = papers.found()
    assert {kind for kind, number, _ in found if number == 1} == {"lost", "unpaid"}
    assert {kind for kind, number, _ in found if number == 2} == {"invented", "misfiled"}


def test_two_payments_of_one_amount_booked_crosswise_are_misfiled(papers: Papers) -> None:
    papers.pay()
    papers.money = [
        entry("payment_captured", BANK, FIRST, "N2", AMOUNT),
        entry("payment_captured", BANK, attempt_of(2), "N1", AMOUNT),
    ]
    assert papers.found() == [("misfiled", 1, ""), ("misfiled", 2, "")]


def test_payment_for_one_bill_that_went_to_another_order_is_misfiled(papers: Papers) -> None:
    papers.pay(COUNTER)
    papers.truth[1] |= {"attempt_ref": code_of(2)}
    assert papers.judged().differences == []
    papers.truth[1] |= {"attempt_ref": code_of(1)}
    assert papers.found() == [("misfiled", 1, "")]


def test_money_nobody_paid_is_invented(papers: Papers) -> None:
    papers.money.append(entry("unknown_receipt", BANK, "", "N777", 5_000))
    assert papers.found() == [("invented", 0, "")]


def test_capture_of_an_attempt_nobody_paid_is_invented_and_its_order_misfiled(papers: Papers) -> None:
    papers.truth.clear()
    assert papers.found() == [("invented", 1, ""), ("misfiled", 1, "")]


def test_payment_that_was_cancelled_is_no_money(papers: Papers) -> None:
    papers.truth[0]["status"] = "cancelled"
    papers.unpaid(0, state="expired")
    assert papers.judged().differences == []


def test_late_money_in_suspense_with_a_case_is_right(papers: Papers) -> None:
    suspend(papers, paid_at=LATE)
    papers.cases.append(case("late_success", attempt_ref=FIRST))
    judgment = papers.judged()
    assert judgment.differences == []
    assert judgment.counts["suspended: late_success"] == 1


@pytest.mark.parametrize("cases", [[], [case("late_success", attempt_ref=FIRST, state="closed")]])
def test_money_in_suspense_without_an_open_case_is_told(papers: Papers, cases: list[CaseLine]) -> None:
    suspend(papers, paid_at=LATE)
    papers.cases += cases
    assert papers.found() == [("no case", 1, "")]


@pytest.mark.parametrize(("state", "explained"), [("open", "discrepancy B01"), ("resolved", "")])
def test_lost_payment_is_explained_only_while_a_discrepancy_about_it_is_open(
    papers: Papers, state: str, explained: str
) -> None:
    papers.unpaid(0)
    papers.discrepancies = [discrepancy("B01", provider_ref="N1", has_case=True, state=state)]
    assert papers.found() == [("lost", 1, explained), ("unpaid", 1, explained)]


@pytest.mark.parametrize(
    ("at", "state", "explained"),
    [(WALLET, "in_doubt", DOUBT), (WALLET, "failed", ""), (BANK, "in_doubt", "")],
)
def test_doubt_explains_only_where_no_statement_will_ever_come(at: str, state: str, explained: str) -> None:
    papers = Papers()
    papers.pay(at)
    papers.unpaid(0)
    papers.attempts[0] = replace(papers.attempts[0], state=state)
    assert papers.found() == [("lost", 1, explained), ("unpaid", 1, explained)]


def test_money_for_no_attempt_of_ours_must_be_kept_and_told(papers: Papers) -> None:
    papers.truth.append(true_payment(COUNTER, "BILL9", 9, 20_000))
    assert papers.found() == [("misfiled", 0, "")]
    papers.money.append(entry("unknown_receipt", COUNTER, "", "N9", 20_000, id_="kept"))
    assert papers.found() == [("misfiled", 0, "")]
    papers.discrepancies.append(discrepancy("B02", at=COUNTER, provider_ref="N9", entry_id="kept"))
    assert papers.judged().differences == []


def test_money_that_stands_at_another_account_than_where_it_was_paid_is_told(papers: Papers) -> None:
    papers.unpaid(0)
    papers.money = [entry("payment_suspended", WALLET, "", "N1", AMOUNT)]
    assert papers.found() == [("invented", 0, ""), ("lost", 1, ""), ("unpaid", 1, "")]


def test_payment_is_found_by_its_number_where_it_names_no_attempt_of_ours(papers: Papers) -> None:
    papers.truth[0]["attempt_ref"] = "unreadable memo"
    assert papers.judged().differences == []


def test_payment_is_not_taken_for_an_attempt_at_another_account(papers: Papers) -> None:
    papers.attempts.append(
        AttemptLine(attempt_of(9), order_of(1), WALLET, "failed", AMOUNT, "", PAID_AT + timedelta(hours=1))
    )
    papers.truth.append(true_payment(BANK, attempt_of(9), 9, AMOUNT))
    assert papers.found() == [("misfiled", 0, "")]


# Orders.


def test_order_paid_whose_amount_was_never_paid_is_misfiled(papers: Papers) -> None:
    papers.truth[0]["amount"] = AMOUNT - 1
    papers.money = [replace(papers.money[0], amount=AMOUNT - 1)]
    assert papers.found() == [("misfiled", 1, "")]


def test_order_unpaid_though_its_amount_came_in_time_is_told(papers: Papers) -> None:
    suspend(papers)
    papers.cases.append(case("late_success", attempt_ref=FIRST))
    assert papers.found() == [("unpaid", 1, "")]


def test_order_that_is_gone_is_misfiled(papers: Papers) -> None:
    papers.orders.clear()
    assert ("misfiled", 1, "") in papers.found()


def test_order_reversed_without_a_reversal_in_the_ledger_is_misfiled(papers: Papers) -> None:
    papers.orders[0] = replace(papers.orders[0], state="reversed")
    papers.beneficiaries.clear()
    assert papers.found() == [("misfiled", 1, "")]


def test_reversal_in_the_ledger_that_the_bank_did_not_make_is_told(papers: Papers) -> None:
    papers.money.append(entry("payment_reversed", BANK, FIRST, "R1", -AMOUNT))
    assert papers.found() == [("lost", 1, ""), ("misfiled", 1, "")]


def test_late_reversal_that_no_case_and_no_file_tells_is_unexplained(papers: Papers) -> None:
    take_back(papers)
    assert papers.found() == [("doubled", 1, ""), ("misfiled", 1, "")]


@pytest.mark.parametrize("state", ["open", "closed"])
def test_late_reversal_is_explained_by_its_case_while_it_is_open(papers: Papers, state: str) -> None:
    take_back(papers)
    papers.cases = [case("reversed_after_capture", attempt_ref=FIRST, state=state)]
    explained = "case reversed_after_capture" if state == "open" else ""
    assert papers.found() == [("doubled", 1, explained), ("misfiled", 1, explained)]


def test_late_reversal_that_the_file_tells_is_explained(papers: Papers) -> None:
    take_back(papers)
    papers.discrepancies = [discrepancy("B08", attempt_ref=FIRST)]
    explained = "discrepancy B08"
    assert papers.found() == [("doubled", 1, explained), ("misfiled", 1, explained)]


def test_case_of_a_late_reversal_does_not_explain_a_payment_booked_twice(papers: Papers) -> None:
    papers.money.append(entry("payment_suspended", BANK, FIRST, "N1-again", AMOUNT))
    papers.cases = [case("reversed_after_capture", attempt_ref=FIRST)]
    assert papers.found() == [("doubled", 1, "")]


# Sums, refunds, receipts.


@pytest.mark.parametrize("off", [-1, 1])
def test_sum_of_a_beneficiary_off_by_one_is_told(papers: Papers, off: int) -> None:
    papers.beneficiaries[BENEFICIARY] += off
    assert papers.found() == [("sum", 0, "")]


def test_claim_of_a_beneficiary_nobody_planned_is_told(papers: Papers) -> None:
    papers.beneficiaries["TK-STRANGER"] = 1
    assert papers.found() == [("sum", 0, "")]


def given_back(amount: int = AMOUNT) -> dict[str, object]:
    return {"provider": f"protocol of {BANK}", "attempt_ref": FIRST, "amount": amount}


def refund(booked: int, *, state: str = "done", at: str = BANK, is_numbered: bool = True) -> RefundLine:
    return RefundLine("RF1", FIRST, at, state, AMOUNT, booked, is_numbered)


def test_refund_booked_once_is_right(papers: Papers) -> None:
    papers.given_back, papers.refunds = [given_back()], [refund(AMOUNT)]
    assert papers.judged().differences == []


@pytest.mark.parametrize(
    ("given", "refunds"),
    [
        ([given_back()], []),
        ([given_back()], [refund(0, state="sent")]),
        ([given_back()], [refund(0, state="in_doubt")]),
        ([given_back()], [refund(AMOUNT), refund(AMOUNT)]),
        ([given_back(), given_back()], [refund(AMOUNT)]),
        ([given_back(AMOUNT - 1)], [refund(AMOUNT)]),
        ([], [refund(AMOUNT)]),
    ],
    ids=["unknown", "not booked", "in doubt", "booked twice", "given twice", "another amount", "never given"],
)
def test_refund_that_books_and_provider_tell_differently_is_told(
    papers: Papers, given: list[dict[str, object]], refunds: list[RefundLine]
) -> None:
    papers.given_back, papers.refunds = given, refunds
    assert papers.found() == [("refund", 1, "")]


@pytest.mark.parametrize(
    ("state", "is_numbered", "is_explained"),
    [("in_doubt", False, True), ("in_doubt", True, False), ("failed", False, False)],
)
def test_refund_in_doubt_explains_only_where_nobody_can_be_asked(
    state: str, is_numbered: bool, is_explained: bool
) -> None:
    papers = Papers()
    papers.pay(WALLET)
    papers.given_back = [given_back() | {"provider": f"protocol of {WALLET}"}]
    papers.refunds = [refund(0, state=state, at=WALLET, is_numbered=is_numbered)]
    ((kind, _, explained),) = papers.found()
    assert (kind, bool(explained)) == ("refund", is_explained)


@pytest.mark.parametrize("numbers", [(1, 3), (2, 3), (1, 1), (1, None)])
def test_gap_double_or_missing_number_of_receipts_is_told(
    papers: Papers, numbers: tuple[int, int | None]
) -> None:
    papers.pay()
    papers.receipts = [("BL-2026", number, order_of(at)) for at, number in enumerate(numbers, 1)]
    assert [kind for kind, _, explained in papers.found() if not explained] == ["receipt"]


def test_paid_order_without_a_receipt_and_unpaid_order_with_one_are_told(papers: Papers) -> None:
    papers.receipts.clear()
    assert papers.found() == [("receipt", 1, "")]
    papers.truth[0]["status"] = "cancelled"
    papers.unpaid(0, state="expired")
    papers.receipts = [("BL-2026", 1, order_of(1))]
    assert papers.found() == [("receipt", 1, "")]


def test_judgment_does_not_depend_on_the_order_of_papers(papers: Papers) -> None:
    papers.pay(faults=(Fault.PAID_TWICE,))
    papers.truth.append(true_payment(BANK, attempt_of(2), 22, AMOUNT))
    papers.pay(WALLET)
    papers.money.pop(1)
    before = papers.judged()
    for sheets in (papers.lives, papers.truth, papers.orders, papers.attempts, papers.money):
        sheets.reverse()
    after = papers.judged()
    assert told(after.differences) == told(before.differences)
    assert after.results == before.results
    assert before.unexplained
