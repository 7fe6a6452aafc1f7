"""Small cells and shares: nobody is recognised, and everything re-adds."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.opendata.domain import (
    PEOPLE_MIN,
    REST,
    SETTLES_IN,
    Cell,
    NoFigures,
    age_band,
    fold,
    require_settled,
    shares,
)

NAMES = ("payments", "amount")
NOW = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)


def cell(code: str, people: int, payments: int | None = None) -> Cell:
    count = people if payments is None else payments
    return Cell(code=code, people=people, figures={"payments": count, "amount": count * 1000})


cells = st.lists(
    st.builds(
        cell,
        st.text("abcdefgh", min_size=1, max_size=4),
        st.integers(1, 40),
        st.integers(1, 1000),
    ),
    max_size=12,
    unique_by=lambda each: each.code,
)


def test_row_of_few_people_is_in_the_rest_with_the_next_smallest() -> None:
    table = fold([cell("a", 100), cell("b", 3), cell("c", 6)], NAMES)
    assert [(row.code, row.figures["payments"]) for row in table.rows] == [("a", 100), (REST, 9)]
    assert (table.folded, table.total) == (2, {"payments": 109, "amount": 109_000})


def test_few_small_rows_do_not_uncover_each_other() -> None:
    """Two rows of four people may speak of the same four: the rest takes one more in."""
    table = fold([cell("a", 4), cell("b", 4), cell("c", 9)], NAMES)
    assert [row.code for row in table.rows] == [REST]


def test_table_of_few_people_is_its_total_alone() -> None:
    table = fold([cell("a", 1), cell("b", 2)], NAMES)
    assert [(row.code, row.figures["payments"]) for row in table.rows] == [(REST, 3)]


def test_nothing_small_nothing_folded() -> None:
    table = fold([cell("b", 5), cell("a", 5)], NAMES)
    assert [row.code for row in table.rows] == ["a", "b"]
    assert table.folded == 0


@given(cells)
def test_no_published_row_speaks_of_few_people_and_the_total_is_whole(given_cells: list[Cell]) -> None:
    table = fold(given_cells, NAMES)
    by_code = {each.code: each for each in given_cells}
    kept = [row.code for row in table.rows if row.code != REST]
    assert all(by_code[code].people >= PEOPLE_MIN for code in kept)
    assert table.adds_up
    assert table.total["payments"] == sum(each.figures["payments"] for each in given_cells)
    folded = [each for each in given_cells if each.code not in kept]
    assert table.folded == len(folded)
    assert not folded or not kept or max(each.people for each in folded) >= PEOPLE_MIN


@given(cells)
def test_order_of_the_cells_changes_nothing(given_cells: list[Cell]) -> None:
    assert fold(given_cells, NAMES) == fold(reversed(given_cells), NAMES)


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=8))
def test_shares_come_to_a_hundred_percent_and_lie_within_a_tenth_of_the_truth(parts: list[int]) -> None:
    found = shares(parts)
    whole = sum(parts)
    assert sum(found) == (1000 if whole else 0)
    assert all(
        abs(share * whole - part * 1000) < whole or not whole
        for share, part in zip(found, parts, strict=True)
    )


def test_shares_of_the_seed_have_their_remainder() -> None:
    assert shares([5600, 2360, 1800, 240]) == [560, 236, 180, 24]
    assert shares([1, 1, 1]) == [334, 333, 333]
    assert shares([0, 0]) == [0, 0]


@pytest.mark.parametrize(
    ("days", "band"),
    [
        (0, "d0_10"),
        (10, "d0_10"),
        (11, "d11_30"),
        (30, "d11_30"),
        (365, "d91_365"),
        (366, "d366_"),
        (9999, "d366_"),
    ],
)
def test_age_lies_in_one_band(days: int, band: str) -> None:
    assert age_band(days) == band


@pytest.mark.parametrize(
    "as_of", [NOW, NOW - SETTLES_IN + timedelta(minutes=1), NOW - timedelta(hours=1, seconds=5)]
)
def test_time_that_is_not_settled_or_no_whole_minute_is_refused(as_of: datetime) -> None:
    with pytest.raises(NoFigures):
        require_settled(as_of, now=NOW)


def test_time_is_settled_a_quarter_of_an_hour_later() -> None:
    assert require_settled(NOW - SETTLES_IN, now=NOW) == NOW - SETTLES_IN
