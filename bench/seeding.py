"""Fills a database with cases like the exemplar, set by set, as the superuser with triggers off.

Triggers would check what was checked when the exemplar was paid for real; every constraint and index stays.
"""

from typing import Any

import psycopg

from bench.exemplar import Exemplar, Rows
from bench.likeness import FIRST_NUMBER

SERIES = "BENCH"
_SEPARATE = "{} - (n % 1000) * interval '1 millisecond'"

_DELIVERED = """
INSERT INTO webhook_attempt (delivery_id, number, sent_at, duration_ms, status, body_hash)
SELECT d.id, 1, d.finished_at, 12, 200, sha256(e.body)
FROM webhook_delivery d JOIN event e ON e.id = d.event_id
WHERE d.state = 'delivered' AND NOT EXISTS (SELECT 1 FROM webhook_attempt a WHERE a.delivery_id = d.id)
"""


class Seeder:
    """Hands out numbers and makes their cases."""

    def __init__(self, exemplar: Exemplar, connection: psycopg.Connection[Any]) -> None:
        self._exemplar = exemplar
        self._connection = connection
        self._next = FIRST_NUMBER
        self._issued = 0
        self.orders = 0

    def paid(self, count: int) -> range:
        """Orders that were paid, their webhook delivered and their receipt issued."""
        offset = self._next - 1 - self._issued
        numbers = self._clone(self._exemplar.paid, count, _settled(offset))
        self._issued += count
        self._connection.execute(_DELIVERED)
        self._connection.execute(
            "INSERT INTO receipt_series (series, last_number) VALUES (%(series)s, %(issued)s) "
            "ON CONFLICT (series) DO UPDATE SET last_number = %(issued)s",
            {"series": SERIES, "issued": self._issued},
        )
        self.orders += count
        return numbers

    def waiting(self, count: int) -> range:
        """Orders whose citizen is at the provider: each is ready for one callback."""
        numbers = self._clone(self._exemplar.waiting, count, {})
        self.orders += count
        return numbers

    def owed(self, count: int) -> range:
        """Obligations that no order collects yet: each is ready for one order."""
        return self._clone(self._exemplar.owed, count, {})

    def settle_down(self) -> None:
        """Statistics, visibility and a checkpoint, so that nothing of the seeding disturbs what is measured."""
        self._connection.execute("VACUUM (ANALYZE)")
        self._connection.execute("CHECKPOINT")

    def _clone(self, rows: Rows, count: int, settled: dict[tuple[str, str], str]) -> range:
        numbers = range(self._next, self._next + count)
        self._next += count
        likeness = self._exemplar.likeness
        with self._connection.transaction():
            self._connection.execute("SET LOCAL session_replication_role = replica")
            self._connection.execute("SET LOCAL synchronous_commit = off")
            for table, table_rows in rows.items():
                for row in table_rows:
                    columns = [name for name in row if name != "xid"]
                    values = [
                        settled.get((table, name)) or likeness.sql(row[name], "n", instant=_SEPARATE)
                        for name in columns
                    ]
                    self._connection.execute(
                        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "
                        f"FROM generate_series({numbers.start}, {numbers.stop - 1}) AS n"
                    )
        return numbers


def _settled(offset: int) -> dict[tuple[str, str], str]:
    """What the jobs would have done to a paid order by now: the webhook went out, the receipt has its number."""
    return {
        ("webhook_delivery", "state"): "'delivered'",
        ("webhook_delivery", "attempts"): "1",
        ("webhook_delivery", "next_attempt_at"): "NULL",
        ("webhook_delivery", "finished_at"): "now()",
        ("receipt", "state"): "'issued'",
        ("receipt", "series"): f"'{SERIES}'",
        ("receipt", "number"): f"n - {offset}",
        ("receipt", "issued_at"): "now()",
    }
