"""Matching as a pure function: unhappy paths first, then its properties, then its speed."""

import random
import time
from collections import Counter
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payclear.contract.outcomes import Outcome
from reconciliation.matching.domain import Matching, OurItem, Problem, Stage, Standing, TheirLine
from reconciliation.matching.match import match
from tests.reconciliation.lines import a_line, an_item


def trays(result: Matching) -> dict[str, int]:
    return {
        each.name: len(getattr(result, each.name)) for each in fields(result) if getattr(result, each.name)
    }


def test_line_nobody_knows_is_unknown() -> None:
    assert trays(match([a_line(1, "A9")], [])) == {"unknown": 1}


def test_item_without_line_is_ours_only() -> None:
    assert trays(match([], [an_item(1)])) == {"ours_only": 1}


@pytest.mark.parametrize("standing", [Standing.LIVE, Standing.ENDED])
def test_item_without_money_and_without_line_is_nothing(standing: Standing) -> None:
    assert trays(match([], [an_item(1, standing=standing)])) == {}


def test_equal_amount_alone_never_matches() -> None:
    result = match([a_line(1, "A8", provider_ref="TX8")], [an_item(1)])
    assert trays(result) == {"unknown": 1, "ours_only": 1}


@pytest.mark.parametrize("theirs", [99_999, 100_001])
def test_amount_differs_by_one_dong_is_a_difference(theirs: int) -> None:
    result = match([a_line(1, "A1", amount=theirs)], [an_item(1)])
    assert [each.problem for each in result.differences] == [Problem.AMOUNT]
    assert trays(result) == {"differences": 1}


def test_currency_differs_is_a_difference() -> None:
    result = match([a_line(1, "A1", currency="USD")], [an_item(1)])
    assert [each.problem for each in result.differences] == [Problem.CURRENCY]


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.PENDING, Outcome.UNKNOWN, Outcome.NOT_SENT])
def test_captured_here_and_not_confirmed_there_is_a_status_difference(outcome: Outcome) -> None:
    result = match([a_line(1, "A1", outcome=outcome)], [an_item(1)])
    assert [each.problem for each in result.differences] == [Problem.STATUS]


@pytest.mark.parametrize("standing", [Standing.LIVE, Standing.ENDED])
def test_confirmed_there_and_not_captured_here_is_a_status_difference(standing: Standing) -> None:
    result = match([a_line(1, "A1")], [an_item(1, standing=standing, provider_ref="")])
    assert [each.problem for each in result.differences] == [Problem.STATUS]


def test_refused_on_both_sides_is_without_money() -> None:
    result = match([a_line(1, "A1", outcome=Outcome.REJECTED)], [an_item(1, standing=Standing.ENDED)])
    assert trays(result) == {"without_money": 1}


def test_refused_line_of_an_unknown_order_is_without_money() -> None:
    assert trays(match([a_line(1, "A9", outcome=Outcome.REJECTED)], [])) == {"without_money": 1}


def test_same_transaction_twice_in_a_file_is_a_repeat() -> None:
    result = match([a_line(2, "A1"), a_line(1, "A1")], [an_item(1)])
    assert trays(result) == {"pairs": 1, "repeats": 1}
    assert result.pairs[0].line.line_no == 1


def test_unknown_transaction_twice_is_one_unknown_and_one_repeat() -> None:
    result = match([a_line(1, "A9"), a_line(2, "A9")], [])
    assert trays(result) == {"unknown": 1, "repeats": 1}


def test_transaction_of_an_attempt_that_an_earlier_line_has_is_a_repeat() -> None:
    assert trays(match([a_line(1, "A1")], [an_item(1, is_consumed=True)])) == {"repeats": 1}


def test_other_transaction_of_an_attempt_that_an_earlier_line_has_is_a_second_payment() -> None:
    result = match([a_line(1, "A1", provider_ref="TX-OTHER")], [an_item(1, is_consumed=True)])
    assert trays(result) == {"second_payments": 1}


def test_two_transactions_of_one_attempt_one_matches_the_other_is_a_second_payment() -> None:
    result = match([a_line(1, "A1", provider_ref="TX-OTHER"), a_line(2, "A1")], [an_item(1)])
    assert trays(result) == {"pairs": 1, "second_payments": 1}
    assert result.pairs[0].line.line_no == 2


def test_failed_try_before_the_payment_of_one_attempt_is_without_money() -> None:
    lines = [a_line(1, "A1", provider_ref="TX-FAILED", outcome=Outcome.REJECTED), a_line(2, "A1")]
    assert trays(match(lines, [an_item(1)])) == {"pairs": 1, "without_money": 1}


def test_references_that_name_two_attempts_are_ambiguous() -> None:
    result = match([a_line(1, "A2", provider_ref="TXA1")], [an_item(1), an_item(2)])
    assert trays(result) == {"ambiguous": 1, "ours_only": 2}


def test_provider_reference_of_two_attempts_is_ambiguous() -> None:
    items = [an_item(1, provider_ref="TX"), an_item(2, provider_ref="TX")]
    assert trays(match([a_line(1, "A1", provider_ref="TX")], items)) == {"ambiguous": 1, "ours_only": 2}


def test_captured_under_another_transaction_than_the_only_line_is_ambiguous() -> None:
    result = match([a_line(1, "A1", provider_ref="TX-OTHER")], [an_item(1)])
    assert trays(result) == {"ambiguous": 1, "ours_only": 1}


def test_refund_line_is_kept_apart() -> None:
    assert trays(match([a_line(1, "A1", kind="refund"), a_line(2, "A1")], [an_item(1)])) == {
        "pairs": 1,
        "refunds": 1,
    }


def test_mangled_reference_is_found_by_the_providers() -> None:
    result = match([a_line(1, "A1…cut", provider_ref="TXA1")], [an_item(1)])
    assert [pair.stage for pair in result.pairs] == [Stage.PROVIDER_REF]


@pytest.mark.parametrize("nothing", ["", "0", "000"])
def test_provider_reference_of_zeros_names_nothing(nothing: str) -> None:
    lines = [
        a_line(1, "A1", provider_ref=nothing, outcome=Outcome.REJECTED),
        a_line(2, "A2", provider_ref=nothing, outcome=Outcome.REJECTED),
    ]
    items = [an_item(n, provider_ref=nothing, standing=Standing.ENDED) for n in (1, 2)]
    assert trays(match(lines, items)) == {"without_money": 2}


def test_payment_without_callback_is_found_by_our_reference() -> None:
    result = match([a_line(1, "A1")], [an_item(1, provider_ref="")])
    assert [pair.stage for pair in result.pairs] == [Stage.ATTEMPT_REF]


refs = st.sampled_from([f"A{n}" for n in range(6)])
provider_refs = st.sampled_from(["", "0", *(f"TX{n}" for n in range(6))])
amounts = st.integers(min_value=1, max_value=3)


@st.composite
def two_sides(draw: st.DrawFn) -> tuple[list[TheirLine], list[OurItem]]:
    count = draw(st.integers(0, 8))
    lines = [
        a_line(
            n,
            draw(refs),
            provider_ref=draw(provider_refs),
            amount=draw(amounts),
            outcome=draw(st.sampled_from(list(Outcome))),
            kind=draw(st.sampled_from(["payment", "payment", "payment", "refund"])),
            statement_no=draw(st.integers(0, 1)),
        )
        for n in range(1, count + 1)
    ]
    items = [
        an_item(
            n + 1,
            f"A{n}",
            provider_ref=draw(provider_refs),
            amount=draw(amounts),
            standing=draw(st.sampled_from(list(Standing))),
            is_consumed=draw(st.booleans()),
        )
        for n in sorted(draw(st.sets(st.integers(0, 5))))
    ]
    return lines, items


def line_trays(result: Matching) -> list[TheirLine]:
    return [
        each.line
        for name in fields(result)
        if name.name != "ours_only"
        for each in getattr(result, name.name)
    ]


@settings(max_examples=400, deadline=None)
@given(two_sides(), st.randoms(use_true_random=False))
def test_matching_any_order_gives_the_same_result(
    sides: tuple[list[TheirLine], list[OurItem]], shuffler: random.Random
) -> None:
    lines, items = sides
    first = match(lines, items)
    mixed_lines, mixed_items = list(lines), list(items)
    shuffler.shuffle(mixed_lines)
    shuffler.shuffle(mixed_items)
    assert match(mixed_lines, mixed_items) == first


@settings(max_examples=400, deadline=None)
@given(two_sides())
def test_matching_conserves_every_line_item_and_amount(sides: tuple[list[TheirLine], list[OurItem]]) -> None:
    lines, items = sides
    result = match(lines, items)
    placed = line_trays(result)
    assert Counter(line.place for line in placed) == Counter(line.place for line in lines)
    assert sum(line.amount for line in placed) == sum(line.amount for line in lines)
    free = {item.attempt_id for item in items if item.standing is Standing.CAPTURED and not item.is_consumed}
    consumed = [each.item.attempt_id for each in (*result.pairs, *result.differences)]
    assert len(consumed) == len(set(consumed))
    told = [*(each for each in consumed if each in free), *(item.attempt_id for item in result.ours_only)]
    assert sorted(told) == sorted(free)
    for pair in result.pairs:
        assert (pair.line.amount, pair.line.currency) == (pair.item.amount, pair.item.currency)
        assert pair.item.standing is Standing.CAPTURED
        assert not pair.item.is_consumed


@settings(max_examples=200, deadline=None)
@given(two_sides())
def test_matching_again_without_what_matched_finds_no_more_pairs(
    sides: tuple[list[TheirLine], list[OurItem]],
) -> None:
    lines, items = sides
    first = match(lines, items)
    matched = {pair.line.place for pair in first.pairs}
    taken = {pair.item.attempt_id for pair in first.pairs}
    left = [line for line in lines if line.place not in matched]
    again = [
        an_item(
            item.attempt_id.int,
            item.attempt_ref,
            provider_ref=item.provider_ref,
            amount=item.amount,
            standing=item.standing,
            is_consumed=item.is_consumed or item.attempt_id in taken,
        )
        for item in items
    ]
    second = match(left, again)
    # A line whose own item was taken by nobody may match once another line has found its place; none may be
    # lost.
    assert not {pair.item.attempt_id for pair in second.pairs} & taken


def test_hundred_thousand_on_each_side_take_about_a_second() -> None:
    count = 100_000
    lines = [a_line(n, f"A{n}") for n in range(1, count + 1)]
    items = [an_item(n) for n in range(1, count + 1)]
    started = time.process_time()
    result = match(lines, items)
    taken_s = time.process_time() - started
    assert len(result.pairs) == count
    assert taken_s < 5, f"{taken_s:.2f} s"
