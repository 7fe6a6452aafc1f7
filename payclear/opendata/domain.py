"""Rules of public figures: groups, age bands, small cells folded, shares that re-add. Pure; called by `opendata.service`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from payclear.kernel.errors import InvalidInput

FORMAT: Final = "payclear.open-data/1"
PEOPLE_MIN: Final = 5
# A transaction writes the time it began at and may commit this much later; before that an as-of time is not settled.
SETTLES_IN: Final = timedelta(minutes=15)
REST: Final = "rest"
# Bands of an obligation's age in days since it was registered, by their last day; the last band has no end.
AGE_BANDS: Final = ((10, "d0_10"), (30, "d11_30"), (90, "d31_90"), (365, "d91_365"), (None, "d366_"))


class NoFigures(InvalidInput):
    """A day or an as-of time that has no figures: in the future, not settled yet, or the day after it."""

    code = "open_data_no_figures"


class KindGroup(StrEnum):
    """The four shares of DOMAIN F02; `other` is the explicit remainder."""

    INSURANCE = "insurance"
    FEE = "fee"
    FINE = "fine"
    OTHER = "other"


# Any other kind, also one that is added later, is `other`.
GROUP_OF: Final[Mapping[str, KindGroup]] = {
    "household_health_insurance": KindGroup.INSURANCE,
    "voluntary_social_insurance": KindGroup.INSURANCE,
    "dossier_fee": KindGroup.FEE,
    "traffic_fine": KindGroup.FINE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Figures of one agency, province, kind, …, and of how many people they speak; `code` empty: not known."""

    code: str
    people: int
    figures: Mapping[str, int]
    median_minutes: int | None = None
    p90_minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A published row; the row of code `rest` holds everything that is not published by itself."""

    code: str
    figures: Mapping[str, int]
    median_minutes: int | None = None
    p90_minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows that add up to the total."""

    rows: tuple[Row, ...]
    total: Mapping[str, int]
    folded: int = 0  # how many rows are in the rest

    @property
    def adds_up(self) -> bool:
        """Whether the rows come to the total, figure by figure."""
        return all(sum(row.figures[name] for row in self.rows) == whole for name, whole in self.total.items())


@dataclass(slots=True)
class _Parts:
    kept: list[Cell] = field(default_factory=list)
    folded: list[Cell] = field(default_factory=list)


def fold(cells: Iterable[Cell], names: Sequence[str], *, always: frozenset[str] = frozenset()) -> Table:
    """Publish cells of five people or more; the others become one row `rest`, never of fewer than five people alone.

    A rest that could be of fewer than five people takes the smallest other cell in, so that nobody finds it by
    subtraction; people who are in several cells are counted once, so the largest cell of the rest decides. `always`
    names cells that belong to the rest whatever their size. Times of the rest are not published: they can not be added.
    """
    parts = _Parts()
    for cell in sorted(cells, key=lambda each: each.code):
        is_small = cell.people < PEOPLE_MIN or cell.code in always
        (parts.folded if is_small else parts.kept).append(cell)
    while parts.folded and parts.kept and max(each.people for each in parts.folded) < PEOPLE_MIN:
        smallest = min(parts.kept, key=lambda each: (each.people, each.code))
        parts.kept.remove(smallest)
        parts.folded.append(smallest)
    rows = [
        Row(
            code=cell.code,
            figures={name: cell.figures[name] for name in names},
            median_minutes=cell.median_minutes,
            p90_minutes=cell.p90_minutes,
        )
        for cell in parts.kept
    ]
    if parts.folded:
        rest = {name: sum(cell.figures[name] for cell in parts.folded) for name in names}
        rows.append(Row(code=REST, figures=rest))
    total = {name: sum(row.figures[name] for row in rows) for name in names}
    return Table(rows=tuple(rows), total=total, folded=len(parts.folded))


def grouped(cells: Iterable[Cell], people_of: Mapping[KindGroup, int]) -> list[Cell]:
    """Cells of kinds as cells of the four groups; `people_of` counts a person of two kinds once."""
    sums: dict[KindGroup, dict[str, int]] = {}
    for cell in cells:
        group = GROUP_OF.get(cell.code, KindGroup.OTHER)
        figures = sums.setdefault(group, dict.fromkeys(cell.figures, 0))
        for name, value in cell.figures.items():
            figures[name] += value
    return [
        Cell(code=group.value, people=people_of.get(group, 0), figures=sums[group])
        for group in KindGroup
        if group in sums
    ]


def shares(parts: Sequence[int]) -> list[int]:
    """Shares in tenths of a percent that add up to 1000 exactly, by largest remainder; all 0 when there is nothing.

    Of equal remainders the earlier part is rounded up.
    """
    whole = sum(parts)
    if whole == 0:
        return [0] * len(parts)
    floors = [part * 1000 // whole for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda at: (-(parts[at] * 1000 % whole), at))
    for at in by_remainder[: 1000 - sum(floors)]:
        floors[at] += 1
    return floors


def age_band(days: int) -> str:
    """The band of an age in days."""
    for last, name in AGE_BANDS:
        if last is None or days <= last:
            return name
    raise AssertionError("the last band has no end")  # pragma: no cover


def require_settled(as_of: datetime, *, now: datetime) -> datetime:
    """The as-of time, a whole minute that nothing is written for any more; raises NoFigures."""
    if as_of.second or as_of.microsecond:
        raise NoFigures("an as-of time is a whole minute", field="as_of")
    if as_of > now - SETTLES_IN:
        raise NoFigures("an as-of time is settled a quarter of an hour later", field="as_of")
    return as_of
