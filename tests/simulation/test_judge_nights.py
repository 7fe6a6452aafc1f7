"""Each planted error of a statement must be told by a night, and a night may tell nothing that has no cause."""

import dataclasses

import pytest

from payclear.simulation.judge_nights import TOLD_AS
from payclear.simulation.plan import Fault
from payclear.simulation.statements import DIRTY_FAULTS, LINE_FAULTS, Plant
from tests.simulation.papers import (
    AMOUNT,
    BANK,
    COUNTER,
    DAY,
    Papers,
    attempt_of,
    case,
    discrepancy,
    entry,
    true_payment,
)

FIRST = attempt_of(1)
PLANTED_NUMBER = "N9926111800001"


@pytest.fixture
def papers() -> Papers:
    made = Papers()
    made.pay()
    return made


def planted(kind: str, *, attempt_ref: str = FIRST) -> Plant:
    return Plant(kind=kind, account=BANK, day=DAY, attempt_ref=attempt_ref, number=1)


def extra_line() -> Plant:
    """A line about money that nobody ever paid."""
    return Plant(
        kind="extra_line",
        account=BANK,
        day=DAY,
        attempt_ref="PCX261118000101",
        provider_ref=PLANTED_NUMBER.removeprefix("N"),
        amount=30_000,
    )


def test_every_error_of_a_line_that_is_ever_planted_has_its_codes() -> None:
    assert {*LINE_FAULTS, *DIRTY_FAULTS, "extra_line"} - set(TOLD_AS) == {"missing_reference"}


@pytest.mark.parametrize("kind", sorted(set(TOLD_AS) - {"extra_line"}))
def test_planted_error_that_no_discrepancy_tells_is_untold(papers: Papers, kind: str) -> None:
    papers.plants = [planted(kind)]
    assert papers.found() == [("untold", 1, "")]


@pytest.mark.parametrize(("kind", "code"), [(k, c) for k in sorted(TOLD_AS) for c in sorted(TOLD_AS[k])])
def test_planted_error_that_its_discrepancy_tells_is_right(papers: Papers, kind: str, code: str) -> None:
    if kind == "extra_line":
        papers.plants = [extra_line()]
        papers.discrepancies = [discrepancy(code, provider_ref=PLANTED_NUMBER)]
    else:
        papers.plants = [planted(kind)]
        papers.discrepancies = [discrepancy(code, attempt_ref=FIRST)]
    assert papers.found() == []


def test_planted_error_told_by_the_providers_number_is_told(papers: Papers) -> None:
    papers.plants = [planted("missing_line")]
    papers.discrepancies = [discrepancy("B03", provider_ref="N1")]
    assert papers.found() == []


def test_planted_error_told_as_another_is_untold_and_a_false_report(papers: Papers) -> None:
    papers.plants = [planted("duplicate_line")]
    papers.discrepancies = [discrepancy("B05", attempt_ref=FIRST)]
    assert papers.found() == [("false report", 1, ""), ("untold", 1, "")]


def test_planted_error_told_about_another_payment_is_untold_and_a_false_report(papers: Papers) -> None:
    papers.pay()
    papers.plants = [planted("missing_line")]
    papers.discrepancies = [discrepancy("B04", attempt_ref=attempt_of(2))]
    assert papers.found() == [("false report", 2, ""), ("untold", 1, "")]


def test_planted_error_told_at_another_account_is_untold_and_a_false_report(papers: Papers) -> None:
    papers.plants = [planted("missing_line")]
    papers.discrepancies = [discrepancy("B04", attempt_ref=FIRST, at=COUNTER)]
    assert papers.found() == [("false report", 1, ""), ("untold", 1, "")]


def test_line_that_lost_its_reference_may_be_told_or_found_all_the_same(papers: Papers) -> None:
    papers.plants = [planted("missing_reference")]
    assert papers.found() == []
    papers.discrepancies = [discrepancy("B02", attempt_ref=FIRST)]
    assert papers.found() == []


# Lines about money that nobody paid.


def kept(papers: Papers) -> None:
    papers.plants = [extra_line()]
    papers.money.append(entry("unknown_receipt", BANK, "", PLANTED_NUMBER, 30_000, id_="kept"))


def test_planted_money_that_is_kept_and_told_is_explained(papers: Papers) -> None:
    kept(papers)
    papers.discrepancies = [discrepancy("B02", provider_ref=PLANTED_NUMBER, entry_id="kept")]
    assert papers.found() == [("planted", 0, "discrepancy B02")]


def test_planted_money_that_is_kept_and_not_told_is_not_explained(papers: Papers) -> None:
    kept(papers)
    assert papers.found() == [("planted", 0, ""), ("untold", 0, "")]


def test_planted_money_that_was_resolved_away_is_not_explained(papers: Papers) -> None:
    kept(papers)
    papers.discrepancies = [
        discrepancy("B02", provider_ref=PLANTED_NUMBER, entry_id="kept", state="resolved")
    ]
    assert papers.found() == [("planted", 0, "")]


def test_planted_money_booked_to_an_order_is_doubled_there(papers: Papers) -> None:
    kept(papers)
    papers.money[-1] = dataclasses.replace(papers.money[-1], attempt_ref=FIRST)
    papers.discrepancies = [discrepancy("B02", provider_ref=PLANTED_NUMBER)]
    assert papers.found() == [("doubled", 1, "")]


# What is told without a plant.


@pytest.mark.parametrize("code", ["B01", "B02", "B03", "B04", "B05", "B08", "B09", "B10", "B13"])
def test_discrepancy_without_a_cause_is_a_false_report(papers: Papers, code: str) -> None:
    papers.discrepancies = [discrepancy(code, attempt_ref=FIRST)]
    assert papers.found() == [("false report", 1, "")]


def test_discrepancy_about_nothing_we_know_is_a_false_report(papers: Papers) -> None:
    papers.discrepancies = [discrepancy("B02", provider_ref="N404")]
    assert papers.found() == [("false report", 0, "")]


def test_discrepancy_that_resolved_itself_is_counted_and_no_report(papers: Papers) -> None:
    papers.discrepancies = [discrepancy("B03", attempt_ref=FIRST, state="resolved")]
    judgment = papers.judged()
    assert judgment.differences == []
    assert judgment.counts["resolved B03"] == 1


def test_resolved_discrepancy_still_tells_a_planted_error(papers: Papers) -> None:
    papers.plants = [planted("missing_line")]
    papers.discrepancies = [discrepancy("B03", attempt_ref=FIRST, state="resolved")]
    assert papers.found() == []


def test_late_reversal_is_the_cause_of_b08_and_of_nothing_else(papers: Papers) -> None:
    papers.truth[0]["status"] = "reversed"
    papers.discrepancies = [discrepancy("B08", attempt_ref=FIRST)]
    assert {kind for kind, _, explained in papers.found() if not explained} == set()
    papers.discrepancies = [discrepancy("B05", attempt_ref=FIRST)]
    assert ("false report", 1, "") in papers.found()


def test_money_whose_answer_never_reached_the_bank_is_told_by_b04_and_by_nothing_else() -> None:
    papers = Papers()
    papers.pay(COUNTER)
    papers.truth[0]["status"] = "opened"
    assert {kind for kind, _, _ in papers.found()} == {"invented", "misfiled"}
    assert all(not explained for _, _, explained in papers.found())
    papers.discrepancies = [discrepancy("B04", attempt_ref=FIRST, at=COUNTER)]
    assert {explained for _, _, explained in papers.found()} == {"discrepancy B04"}
    papers.discrepancies = [discrepancy("B04", attempt_ref=FIRST, at=COUNTER, state="resolved")]
    assert "" in {explained for _, _, explained in papers.found()}


def test_refund_is_the_cause_of_a_refund_discrepancy(papers: Papers) -> None:
    papers.discrepancies = [discrepancy("B13", attempt_ref=FIRST)]
    assert papers.found() == [("false report", 1, "")]
    life = papers.lives[0]
    papers.lives[0] = dataclasses.replace(life, tries=(dataclasses.replace(life.tries[0], refunded=AMOUNT),))
    assert papers.found() == []


def test_double_payment_is_the_cause_of_the_discrepancy_about_it() -> None:
    papers = Papers()
    papers.pay(faults=(Fault.PAID_TWICE,))
    papers.truth.append(true_payment(BANK, FIRST, 11, AMOUNT))
    papers.money.append(entry("payment_suspended", BANK, FIRST, "N11", AMOUNT))
    papers.cases.append(case("double_success", attempt_ref=FIRST))
    papers.discrepancies = [discrepancy("B10", attempt_ref=FIRST)]
    assert papers.found() == []


def test_money_first_told_by_the_statement_is_a_cause_only_with_its_case(papers: Papers) -> None:
    papers.discrepancies = [discrepancy("B01", attempt_ref=FIRST, has_case=True)]
    assert papers.found() == []
    papers.discrepancies = [discrepancy("B01", attempt_ref=FIRST)]
    assert papers.found() == [("false report", 1, "")]


def test_stray_money_at_a_counter_is_the_cause_of_the_line_about_it(papers: Papers) -> None:
    papers.truth.append(true_payment(COUNTER, "BILL9", 9, 20_000))
    papers.money.append(entry("unknown_receipt", COUNTER, "", "N9", 20_000, id_="kept"))
    papers.discrepancies = [discrepancy("B02", at=COUNTER, provider_ref="N9", entry_id="kept")]
    assert papers.found() == []
