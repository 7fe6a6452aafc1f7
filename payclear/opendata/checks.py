"""The invariant of published figures for `payclear verify`. Read-only; no row means that it holds."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from payclear.contract.modules import Check
from payclear.db.uow import UnitOfWork
from payclear.opendata import queries
from payclear.opendata.service import PAYMENT_FIGURES, funnel_figures, funnel_tables, read

# A little over a year: older ones were checked every night of it and can not change.
SNAPSHOTS_CHECKED: Final = 400
_ENDS: Final = ("paid", "part_paid", "paid_elsewhere", "exempted", "refunded", "cancelled", "open")


def find_broken_snapshots(uow: UnitOfWork) -> list[dict[str, Any]]:
    """Published figures whose parts do not come to their totals."""
    return [
        {"day": row.day.isoformat(), "as_of": row.as_of.isoformat(), "fault": fault}
        for row in queries.newest(uow, SNAPSHOTS_CHECKED)
        for fault in faults_of(read(row.day, row.as_of, row.body).figures)
    ]


def faults_of(figures: Mapping[str, Any]) -> Iterator[str]:
    """What does not add up in one day's figures."""
    for table in ("payments_of_day", "payments_to_date"):
        part = figures[table]
        for name in ("shares", *(f"by_{dimension}" for dimension in queries.DIMENSIONS)):
            yield from _sums(f"{table}.{name}", part[name]["rows"], part["total"], PAYMENT_FIGURES)
        for figure, share in (("payments", "share_of_payments"), ("amount", "share_of_amount")):
            whole = sum(row[share] for row in part["shares"]["rows"])
            if whole != (1000 if part["total"][figure] else 0):
                yield f"{table}.shares: {share} comes to {whole} of 1000"
    funnel = figures["funnel"]
    for dimension, cells in funnel_tables(figures).items():
        yield from _sums(f"funnel.by_{dimension}", cells["rows"], funnel["total"], funnel_figures(figures))
    if sum(funnel["total"].get(name, 0) for name in _ENDS) != funnel["total"]["registered"]:
        yield "funnel: what became of it does not come to what was registered"
    for name, part in figures["tries_of_day"].items():
        if sum(part["states"].values()) != part["begun"]:
            yield f"tries_of_day.{name}: the states do not come to what began"
    lookups = figures["lookups_of_day"]
    if sum(part["total"] for part in lookups["channels"].values()) != lookups["total"]:
        yield "lookups_of_day: the channels do not come to the total"


def _sums(
    table: str, rows: list[dict[str, Any]], total: Mapping[str, int], names: tuple[str, ...]
) -> Iterator[str]:
    for name in names:
        if sum(row[name] for row in rows) != total[name]:
            yield f"{table}: {name} does not come to the total"


CHECKS = (
    Check(
        id="INV-79",
        title="Published figures add up: every table to its total, shares to 100.0 %",
        find=find_broken_snapshots,
    ),
)
