"""Makes the public figures of a day as they were known at an instant, publishes them, and finds published ones.

Called by the nightly job, the page and the command. The same day and as-of time give the same bytes; who reads the
page never makes them. Nothing here names a person.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from payclear.catalogue.service import agency_names
from payclear.db.uow import UnitOfWork
from payclear.i18n.locales import LOCALES
from payclear.i18n.texts import has_text, translate
from payclear.identity import activation
from payclear.identity.domain import PortalKind
from payclear.kernel.clock import VIETNAM, at_vietnam, vietnam_date
from payclear.opendata import queries
from payclear.opendata.domain import (
    AGE_BANDS,
    FORMAT,
    GROUP_OF,
    PEOPLE_MIN,
    REST,
    Cell,
    KindGroup,
    NoFigures,
    Row,
    Table,
    fold,
    grouped,
    require_settled,
    shares,
)
from payclear.opendata.queries import CellRow, FunnelRow, SnapshotRow

PAYMENT_FIGURES: Final = ("payments", "amount")
FUNNEL_FIGURES: Final = (
    *("registered", "served", "looked_up", "ordered", "paid", "part_paid"),
    *("paid_elsewhere", "exempted", "refunded", "cancelled", "open"),
)
FUNNEL_DIMENSIONS: Final = ("kind", "agency", "province", "channel", "age")
DEFINITIONS: Final = (
    *("payments", "amount", "group", "people_min", "rest", "time_to_pay", "tries", "lookups"),
    *("registered", "served", "looked_up", "ordered", "paid", "part_paid", "paid_elsewhere", "exempted"),
    *("refunded", "cancelled", "open", "age", "province", "channel", "portals", "as_of"),
)
FIRST_DAY: Final = date(2000, 1, 1)
STATEMENT_TIMEOUT: Final = "15min"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Published:
    """Published figures: their bytes, and what the bytes say."""

    day: date
    as_of: datetime
    body: bytes
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Names:
    agencies: Mapping[str, tuple[str, str]]
    procedures: Mapping[str, str]

    def of(self, dimension: str, code: str) -> dict[str, str]:
        if code == REST:
            return {locale: translate("opendata.rest", locale) for locale in LOCALES}
        if dimension in ("agency", "province") and code in self.agencies:
            return dict(zip(LOCALES, self.agencies[code], strict=True))
        if dimension == "procedure" and code in self.procedures:
            return dict.fromkeys(LOCALES, self.procedures[code])
        key = f"opendata.{dimension}_{code.lower()}" if code else f"opendata.{dimension}_unknown"
        return {locale: translate(key, locale) if has_text(key) else code for locale in LOCALES}


def funnel_figures(figures: Mapping[str, Any]) -> tuple[str, ...]:
    """The figures of the funnel that are among these: older ones were published with fewer."""
    return tuple(name for name in FUNNEL_FIGURES if name in figures["funnel"]["total"])


def figures_of(uow: UnitOfWork, day: date, as_of: datetime) -> bytes:
    """The figures of a day in Viet Nam as they were known at a whole minute: JSON, the same bytes every time.

    Raises NoFigures for a day after the as-of time, and for one that is not settled yet. The unit of work must be
    fresh: it reads one snapshot.
    """
    known_at = require_settled(as_of, now=uow.now)
    if not FIRST_DAY <= day <= vietnam_date(known_at):
        raise NoFigures("the day comes after the as-of time", field="day")
    uow.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    uow.run(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
    report = _report(uow, day, known_at)
    return json.dumps(report, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def publish(uow: UnitOfWork, day: date, as_of: datetime, body: bytes) -> bool:
    """Keep figures for the page; False when figures of this day and as-of time are published already."""
    return queries.insert_snapshot(uow, day=day, as_of=as_of, body=body)


def latest(uow: UnitOfWork) -> Published | None:
    """The newest published figures."""
    return _published(queries.latest(uow))


def published_of(uow: UnitOfWork, day: date) -> Published | None:
    """The published figures of a day."""
    return _published(queries.of_day(uow, day))


def published_days(uow: UnitOfWork, limit: int) -> list[date]:
    """The newest days with figures."""
    return queries.days(uow, limit)


def read(day: date, as_of: datetime, body: bytes) -> Published:
    """Figures from their bytes."""
    return Published(day, as_of, body, json.loads(body))


def funnel_tables(figures: Mapping[str, Any]) -> dict[str, Json]:
    """The tables of the funnel by dimension: those that these figures have, for older ones were published with fewer."""
    found = {dimension: figures["funnel"].get(f"by_{dimension}") for dimension in FUNNEL_DIMENSIONS}
    return {dimension: table for dimension, table in found.items() if table is not None}


def _published(row: SnapshotRow | None) -> Published | None:
    return read(row.day, row.as_of, row.body) if row else None


def _report(uow: UnitOfWork, day: date, as_of: datetime) -> Json:
    ends_at = at_vietnam(day + timedelta(days=1), time(0))
    period = {
        "day": day,
        "as_of": as_of,
        "as_of_day": vietnam_date(as_of),
        "begins_at": at_vietnam(day, time(0)),
        "ends_at": ends_at,
        "bands": [last + 1 for last, _name in AGE_BANDS if last is not None],
    }
    to_date = {**period, "begins_at": at_vietnam(FIRST_DAY, time(0))}
    on_day, until_day = queries.payments(uow, period), queries.payments(uow, to_date)
    funnel = queries.funnel(uow, period)
    names = _names(uow, day, [*on_day, *until_day, *funnel])
    return {
        "format": FORMAT,
        "day": day.isoformat(),
        "as_of": as_of.astimezone(VIETNAM).isoformat(timespec="minutes"),
        "time_zone": str(VIETNAM),
        "people_min": PEOPLE_MIN,
        "payments_of_day": _payments(uow, on_day, period, names),
        "payments_to_date": _payments(uow, until_day, to_date, names),
        "tries_of_day": _tries(queries.tries(uow, period)),
        "lookups_of_day": _lookups(queries.lookups(uow, period)),
        "funnel": _funnel(funnel, names),
        "portals": _portals(uow, as_of),
        "definitions": {
            name: {locale: translate(f"opendata.means_{name}", locale) for locale in LOCALES}
            for name in DEFINITIONS
        },
    }


def _payments(uow: UnitOfWork, rows: Sequence[CellRow], period: dict[str, Any], names: _Names) -> Json:
    (whole,) = [row for row in rows if not row.dimension]
    by_kind = [_cell(row) for row in rows if row.dimension == "kind"]
    people = queries.people_of_groups(
        uow, period, kinds=list(GROUP_OF), groups=[group.value for group in GROUP_OF.values()]
    )
    groups = grouped(by_kind, {KindGroup(name): count for name, count in people.items()})
    return {
        "total": {
            "payments": whole.payments,
            "amount": whole.amount,
            **_times(whole.people, whole.median_minutes, whole.p90_minutes),
        },
        "shares": _shares(groups, names),
        **{
            f"by_{dimension}": _table_json(
                fold([_cell(row) for row in rows if row.dimension == dimension], PAYMENT_FIGURES),
                dimension,
                names,
            )
            for dimension in queries.DIMENSIONS
        },
    }


def _shares(groups: Sequence[Cell], names: _Names) -> Json:
    """The four groups with their shares; a group of few people is in `other`, which is always there."""
    table = fold(groups, PAYMENT_FIGURES, always=frozenset({KindGroup.OTHER.value}))
    kept = {row.code: row.figures for row in table.rows}
    nothing = dict.fromkeys(PAYMENT_FIGURES, 0)
    figures = [
        (group.value, kept.get(REST if group is KindGroup.OTHER else group.value, nothing))
        for group in KindGroup
    ]
    of_payments = shares([each["payments"] for _, each in figures])
    of_amount = shares([each["amount"] for _, each in figures])
    return {
        "unit": "0.1 %",
        "rows": [
            {
                "code": code,
                "name": names.of("group", code),
                **each,
                "share_of_payments": of_payments[at],
                "share_of_amount": of_amount[at],
            }
            for at, (code, each) in enumerate(figures)
        ],
        "folded": sum(cell.code not in kept and cell.code != KindGroup.OTHER for cell in groups),
    }


def _funnel(rows: Sequence[FunnelRow], names: _Names) -> Json:
    (whole,) = [row for row in rows if not row.dimension]
    return {
        "total": {name: getattr(whole, name) for name in FUNNEL_FIGURES},
        **{
            f"by_{dimension}": _table_json(
                fold([_funnel_cell(row) for row in rows if row.dimension == dimension], FUNNEL_FIGURES),
                dimension,
                names,
                with_times=False,
            )
            for dimension in FUNNEL_DIMENSIONS
        },
    }


def _funnel_cell(row: FunnelRow) -> Cell:
    code = AGE_BANDS[int(row.code)][1] if row.dimension == "age" else row.code
    return Cell(code=code, people=row.people, figures={name: getattr(row, name) for name in FUNNEL_FIGURES})


def _cell(row: CellRow) -> Cell:
    return Cell(
        code=row.code,
        people=row.people,
        figures={"payments": row.payments, "amount": row.amount},
        median_minutes=row.median_minutes,
        p90_minutes=row.p90_minutes,
    )


def _table_json(table: Table, dimension: str, names: _Names, *, with_times: bool = True) -> Json:
    return {
        "rows": [_row_json(row, dimension, names, with_times) for row in table.rows],
        "folded": table.folded,
    }


def _row_json(row: Row, dimension: str, names: _Names, with_times: bool) -> Json:
    shown: Json = {"code": row.code, "name": names.of(dimension, row.code), **row.figures}
    if with_times:
        shown |= {"median_minutes": row.median_minutes, "p90_minutes": row.p90_minutes}
    return shown


def _times(people: int, median_minutes: int | None, p90_minutes: int | None) -> Json:
    """Times are of single people when there are few."""
    if people < PEOPLE_MIN:
        return {"median_minutes": None, "p90_minutes": None}
    return {"median_minutes": median_minutes, "p90_minutes": p90_minutes}


def _tries(found: Mapping[tuple[str, str], int]) -> Json:
    """Orders and attempts of the day: each is in one state, so that the states come to the number begun."""
    shown = {}
    for kind, name in (("order", "orders"), ("attempt", "attempts")):
        states = {state: count for (of, state), count in sorted(found.items()) if of == kind}
        shown[name] = {"begun": sum(states.values()), "states": states}
    return shown


def _lookups(found: Mapping[tuple[str, str], int]) -> Json:
    channels: dict[str, dict[str, int]] = {}
    for (channel, answer), count in sorted(found.items()):
        channels.setdefault(channel, {})[answer] = count
    return {
        "total": sum(found.values()),
        "channels": {
            channel: {"total": sum(answers.values()), "answers": answers}
            for channel, answers in channels.items()
        },
    }


def _portals(uow: UnitOfWork, as_of: datetime) -> Json:
    return {
        "provinces_active": activation.count_active(uow, PortalKind.PROVINCE, as_of=as_of),
        "provinces_known": activation.count_provinces(uow, on=vietnam_date(as_of)),
        "ministries_active": activation.count_active(uow, PortalKind.MINISTRY, as_of=as_of),
    }


def _names(uow: UnitOfWork, day: date, rows: Iterable[CellRow | FunnelRow]) -> _Names:
    codes: dict[str, set[str]] = {}
    for row in rows:
        codes.setdefault(row.dimension, set()).add(row.code)
    agencies = sorted(codes.get("agency", set()) | codes.get("province", set()))
    return _Names(
        agencies=agency_names(uow, agencies, on=day),
        procedures=queries.procedure_names(uow, sorted(codes.get("procedure", set())), day),
    )
