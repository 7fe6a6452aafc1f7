"""Public figures as CSV: scope, definitions, every table with its total. The same bytes for the same figures."""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

from payclear.kernel.spreadsheets import BYTE_ORDER_MARK, escaped
from payclear.opendata.queries import DIMENSIONS
from payclear.opendata.service import FUNNEL_FIGURES, PAYMENT_FIGURES, Published, funnel_tables

TIMES: Final = ("median_minutes", "p90_minutes")
SHARES: Final = ("share_of_payments", "share_of_amount")
COLUMNS: Final = (
    *("record", "table", "code", "name", *PAYMENT_FIGURES, *SHARES, *TIMES),
    *(*FUNNEL_FIGURES, "count", "note"),
)
SCOPE: Final = ("format", "day", "as_of", "time_zone", "people_min")

Row = dict[str, str | int | None]


def csv_bytes(published: Published, *, locale: str) -> bytes:
    """The file: UTF-8 with a byte-order mark, CRLF; names and notes in one language."""
    buffer = io.StringIO(newline="")
    buffer.write(BYTE_ORDER_MARK)
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(_rows(published.figures, locale))
    return buffer.getvalue().encode("utf-8")


def _rows(figures: Mapping[str, Any], locale: str) -> Iterator[Row]:
    for name in SCOPE:
        yield {"record": "scope", "code": name, "note": str(figures[name])}
    for name, meaning in figures["definitions"].items():
        yield {"record": "definition", "code": name, "note": meaning[locale]}
    for table in ("payments_of_day", "payments_to_date"):
        yield from _payments(table, figures[table], locale)
    for name, part in figures["tries_of_day"].items():
        yield from _counts(f"tries_of_day.{name}", part["states"], part["begun"])
    for channel, part in figures["lookups_of_day"]["channels"].items():
        yield from _counts(f"lookups_of_day.{channel}", part["answers"], part["total"])
    yield {"record": "total", "table": "lookups_of_day", "count": figures["lookups_of_day"]["total"]}
    for dimension, cells in funnel_tables(figures).items():
        yield from _table(f"funnel.by_{dimension}", cells["rows"], locale)
    yield {"record": "total", "table": "funnel", **figures["funnel"]["total"]}
    for name, count in figures["portals"].items():
        yield {"record": "row", "table": "portals", "code": name, "count": count}


def _payments(table: str, part: Mapping[str, Any], locale: str) -> Iterator[Row]:
    for name in ("shares", *(f"by_{dimension}" for dimension in DIMENSIONS)):
        yield from _table(f"{table}.{name}", part[name]["rows"], locale)
    yield {"record": "total", "table": table, **part["total"]}


def _table(table: str, rows: list[dict[str, Any]], locale: str) -> Iterator[Row]:
    for row in rows:
        values = {name: value for name, value in row.items() if name != "name"}
        for name in SHARES:
            if name in values:
                values[name] = f"{values[name] // 10}.{values[name] % 10}"
        yield {"record": "row", "table": table, "name": escaped(row["name"][locale]), **values}


def _counts(table: str, counts: Mapping[str, int], total: int) -> Iterator[Row]:
    for code, count in counts.items():
        yield {"record": "row", "table": table, "code": code, "count": count}
    yield {"record": "total", "table": table, "count": total}
