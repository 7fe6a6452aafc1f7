"""Refund lines find their refund by the surest key, never by amount alone, and no refund is consumed twice."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.outcomes import Outcome
from reconciliation.matching.domain import OurRefund, RefundStanding, Stage
from reconciliation.matching.refunds import match_refunds
from tests.reconciliation.lines import DAY, a_line

GIVEN, OPEN, REFUSED = RefundStanding.GIVEN, RefundStanding.OPEN, RefundStanding.REFUSED


def a_refund(number: int = 1, standing: RefundStanding = GIVEN, **changes: object) -> OurRefund:
    values = {
        "refund_id": UUID(int=number),
        "refund_ref": f"A1R{number:02d}",
        "attempt_ref": "A1",
        "provider_ref": f"RF{number}",
        "amount": 40_000,
        "currency": "VND",
        "standing": standing,
        "day": DAY,
        "is_consumed": False,
    }
    return OurRefund(**values | changes)


def back(line_no: int = 1, attempt_ref: str = "A1", provider_ref: str = "RF1", **changes: object):
    values = {"amount": 40_000, "kind": "refund"} | changes
    return a_line(line_no, attempt_ref, provider_ref=provider_ref, **values)


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        (back(attempt_ref="A1R01", provider_ref="OTHER"), Stage.REFUND_REF),
        (back(attempt_ref="", provider_ref="A1R01"), Stage.REFUND_REF),
        (back(attempt_ref="mangled"), Stage.PROVIDER_REF),
    ],
)
def test_line_finds_the_refund_by_its_references(line, stage) -> None:
    (pair,) = match_refunds([line], [a_refund(), a_refund(2, provider_ref="RF2")]).pairs
    assert (pair.refund.refund_ref, pair.stage) == ("A1R01", stage)


@pytest.mark.parametrize("standing", [GIVEN, OPEN])
def test_only_refund_of_the_payment_with_this_amount_is_meant(standing) -> None:
    refunds = [a_refund(1, standing, provider_ref=""), a_refund(2, standing, provider_ref="", amount=1)]
    found = match_refunds([back(provider_ref="NEW")], refunds)
    (pair,) = found.pairs + found.deciding
    assert (pair.refund.refund_ref, pair.stage) == ("A1R01", Stage.ATTEMPT_REF)
    assert bool(found.deciding) is (standing is OPEN)


def test_between_two_refunds_of_one_amount_nobody_guesses() -> None:
    refunds = [a_refund(1, OPEN, provider_ref=""), a_refund(2, OPEN, provider_ref="")]
    assert match_refunds([back(provider_ref="NEW")], refunds).orphans == (back(provider_ref="NEW"),)


def test_refund_with_another_transaction_of_its_own_is_not_meant() -> None:
    found = match_refunds([back(provider_ref="NEW")], [a_refund()])
    assert (len(found.orphans), len(found.ours_only)) == (1, 1)


@pytest.mark.parametrize(
    "line", [back(amount=39_999), back(currency="USD"), back(attempt_ref="B9", provider_ref="X")]
)
def test_line_of_another_amount_or_of_nobody_is_an_orphan(line) -> None:
    found = match_refunds([line], [a_refund()])
    assert (found.orphans, len(found.ours_only)) == ((line,), 1)


def test_line_twice_is_one_pair_and_one_repeat() -> None:
    found = match_refunds([back(2), back(1)], [a_refund()])
    assert ([pair.line.line_no for pair in found.pairs], [line.line_no for line in found.repeats]) == (
        [1],
        [2],
    )


def test_line_for_a_refund_that_an_earlier_line_has_is_a_repeat() -> None:
    found = match_refunds([back()], [a_refund(is_consumed=True)])
    assert (len(found.repeats), found.ours_only) == (1, ())


@pytest.mark.parametrize(
    ("standing", "outcome", "tray"),
    [
        (OPEN, Outcome.CONFIRMED, "deciding"),
        (OPEN, Outcome.REJECTED, "deciding"),
        (OPEN, Outcome.PENDING, "orphans"),
        (REFUSED, Outcome.CONFIRMED, "deciding"),
        (REFUSED, Outcome.REJECTED, "without_money"),
        (GIVEN, Outcome.REJECTED, "orphans"),
        (GIVEN, Outcome.UNKNOWN, "orphans"),
    ],
)
def test_line_and_refund_that_say_different_things(standing, outcome, tray) -> None:
    found = match_refunds([back(outcome=outcome)], [a_refund(1, standing)])
    assert len(getattr(found, tray)) == 1


def test_refused_refund_that_nobody_knows_moved_no_money() -> None:
    assert len(match_refunds([back(outcome=Outcome.REJECTED)], []).without_money) == 1


LINES = st.lists(
    st.builds(
        back,
        line_no=st.integers(1, 10**6),
        attempt_ref=st.sampled_from(["A1", "A1R01", "A1R02", "", "B"]),
        provider_ref=st.sampled_from(["RF1", "RF2", "0", "", "X"]),
        amount=st.sampled_from([40_000, 1]),
        outcome=st.sampled_from(list(Outcome)),
    ),
    max_size=8,
    unique_by=lambda line: line.line_no,
)
REFUNDS = st.lists(
    st.builds(
        a_refund,
        st.integers(1, 4),
        st.sampled_from(list(RefundStanding)),
        provider_ref=st.sampled_from(["RF1", "RF2", ""]),
        is_consumed=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda refund: refund.refund_id,
)


@given(LINES, REFUNDS, st.randoms())
def test_every_line_has_one_place_and_order_changes_nothing(lines, refunds, random) -> None:
    found = match_refunds(lines, refunds)
    placed = [pair.line for pair in found.pairs + found.deciding]
    placed += [*found.repeats, *found.orphans, *found.without_money]
    assert sorted(line.line_no for line in placed) == sorted(line.line_no for line in lines)
    taken = [pair.refund.refund_id for pair in found.pairs + found.deciding]
    assert len(taken) == len(set(taken))
    for pair in found.pairs:
        assert (pair.line.amount, pair.refund.standing) == (pair.refund.amount, GIVEN)
    random.shuffle(lines)
    random.shuffle(refunds)
    assert match_refunds(lines, refunds) == found
