"""What citizens really paid, kept in one SQLite file so that a restart forgets nothing.

Used by every part of the simulator. Every change is one committed transaction under one lock.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Asia/Ho_Chi_Minh")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS payment (
    provider TEXT NOT NULL, attempt_ref TEXT NOT NULL, merchant TEXT NOT NULL, amount INTEGER NOT NULL,
    status TEXT NOT NULL, outcome TEXT NOT NULL DEFAULT '', provider_ref TEXT NOT NULL DEFAULT '',
    created_raw TEXT NOT NULL, expires_at REAL NOT NULL, paid_at REAL, return_url TEXT NOT NULL,
    callback_url TEXT NOT NULL, memo TEXT NOT NULL, locale TEXT NOT NULL, extra TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (provider, attempt_ref));
CREATE TABLE IF NOT EXISTS refund (
    provider TEXT NOT NULL, refund_ref TEXT NOT NULL, attempt_ref TEXT NOT NULL, amount INTEGER NOT NULL,
    provider_ref TEXT NOT NULL, refunded_at REAL NOT NULL, PRIMARY KEY (provider, refund_ref));
CREATE TABLE IF NOT EXISTS callback (
    id INTEGER PRIMARY KEY AUTOINCREMENT, provider TEXT NOT NULL, attempt_ref TEXT NOT NULL,
    method TEXT NOT NULL, url TEXT NOT NULL, headers TEXT NOT NULL DEFAULT '{}', body BLOB NOT NULL,
    key TEXT NOT NULL, due_at REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'waiting', answer TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS callback_by_state ON callback (state, due_at);
CREATE INDEX IF NOT EXISTS payment_by_day ON payment (paid_at);
CREATE INDEX IF NOT EXISTS payment_by_status ON payment (provider, status);
CREATE INDEX IF NOT EXISTS payment_by_number ON payment (provider, provider_ref);
CREATE INDEX IF NOT EXISTS refund_by_attempt ON refund (provider, attempt_ref);
CREATE TABLE IF NOT EXISTS fault (
    provider TEXT NOT NULL, attempt_ref TEXT NOT NULL, faults TEXT NOT NULL,
    PRIMARY KEY (provider, attempt_ref));
CREATE TABLE IF NOT EXISTS statement_fault (
    provider TEXT NOT NULL, on_day TEXT NOT NULL, faults TEXT NOT NULL, PRIMARY KEY (provider, on_day));
CREATE TABLE IF NOT EXISTS request_seen (
    provider TEXT NOT NULL, request_id TEXT NOT NULL, on_day TEXT NOT NULL,
    PRIMARY KEY (provider, request_id, on_day));
CREATE TABLE IF NOT EXISTS number (id INTEGER PRIMARY KEY AUTOINCREMENT);
"""
_ADDED = {"payment": "extra", "callback": "headers"}  # columns that a file of an earlier version lacks
_FIRST_NUMBER = 14_000_000
_AGAIN = "+"  # behind the reference of a payment that was made twice: rows are unique by reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One attempt as the provider knows it. `status`: opened, paid, failed, reversed; times are Unix seconds.

    `attempt_ref` is the merchant's reference as the wire has it, `created_raw` the stamp of the request, `extra`
    what else the protocol must remember (JSON).
    """

    provider: str
    attempt_ref: str
    merchant: str
    amount: int
    status: str
    outcome: str
    provider_ref: str
    created_raw: str
    expires_at: float
    paid_at: float | None
    return_url: str
    callback_url: str
    memo: str
    locale: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def our_ref(self) -> str:
        """The merchant's reference; of money taken at a counter, which the bank's own reference tells apart, the bill."""
        return str(self.extra.get("bill_id") or self.attempt_ref)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunded:
    """One refund that was taken in work."""

    provider: str
    refund_ref: str
    attempt_ref: str
    amount: int
    provider_ref: str
    refunded_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One callback to send. `key` signs it when it is sent (empty: it is signed already)."""

    id: int
    provider: str
    attempt_ref: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    key: str
    due_at: float
    tries: int
    state: str
    answer: str


class Truth:
    """The simulator's store."""

    def __init__(self, path: str) -> None:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)
        for table, column in _ADDED.items():
            known = [row["name"] for row in self._connection.execute(f"PRAGMA table_info({table})")]
            if column not in known:
                self._connection.execute(
                    f"ALTER TABLE {table} ADD COLUMN {column} TEXT NOT NULL DEFAULT '{{}}'"
                )
        self._connection.execute("UPDATE callback SET state = 'waiting' WHERE state = 'sending'")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(sql, tuple(values)).fetchall()

    def next_number(self) -> str:
        """A fresh transaction number, never given twice."""
        with self._write() as connection:
            return str(
                _FIRST_NUMBER + int(connection.execute("INSERT INTO number DEFAULT VALUES").lastrowid or 0)
            )

    def open_payment(self, payment: Payment) -> Payment:
        """Remember an attempt; the one already known under its reference wins."""
        names = Payment.__slots__
        with self._write() as connection:
            connection.execute(
                f"INSERT OR IGNORE INTO payment ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608
                [
                    json.dumps(dict(payment.extra)) if name == "extra" else getattr(payment, name)
                    for name in names
                ],
            )
        known = self.payment(payment.provider, payment.attempt_ref)
        if known is None:
            raise LookupError(payment.attempt_ref)
        return known

    def payment(self, provider: str, attempt_ref: str) -> Payment | None:
        """An attempt by its reference."""
        rows = self._rows(
            "SELECT * FROM payment WHERE provider = ? AND attempt_ref = ?", (provider, attempt_ref)
        )
        return _payment(rows[0]) if rows else None

    def payment_by_number(self, provider: str, provider_ref: str) -> Payment | None:
        """An attempt by the provider's own number."""
        rows = self._rows(
            "SELECT * FROM payment WHERE provider = ? AND provider_ref = ?", (provider, provider_ref)
        )
        return _payment(rows[0]) if rows else None

    def settle(self, payment: Payment, *, status: str, outcome: str, provider_ref: str, at: datetime) -> bool:
        """End an opened attempt, once; False when it was ended before."""
        with self._write() as connection:
            done = connection.execute(
                "UPDATE payment SET status = ?, outcome = ?, provider_ref = ?, paid_at = ?"
                " WHERE provider = ? AND attempt_ref = ? AND status = 'opened'",
                (status, outcome, provider_ref, at.timestamp(), payment.provider, payment.attempt_ref),
            )
            return done.rowcount == 1

    def pay_again(self, payment: Payment, provider_ref: str) -> Payment:
        """Remember a second payment under the reference of one that is paid; it bears that reference too."""
        again = replace(payment, attempt_ref=payment.attempt_ref + _AGAIN, provider_ref=provider_ref)
        return self.open_payment(again)

    def change_amount(self, payment: Payment, amount: int) -> None:
        """Let the citizen have paid another amount than the merchant asked for."""
        with self._write() as connection:
            connection.execute(
                "UPDATE payment SET amount = ? WHERE provider = ? AND attempt_ref = ?",
                (amount, payment.provider, payment.attempt_ref),
            )

    def reverse(self, payment: Payment, reversal_ref: str) -> bool:
        """Give a paid amount back to the citizen, once; False when it was given back before."""
        extra = json.dumps({**payment.extra, "reversal_ref": reversal_ref})
        with self._write() as connection:
            done = connection.execute(
                "UPDATE payment SET status = 'reversed', extra = ?"
                " WHERE provider = ? AND attempt_ref = ? AND status = 'paid'",
                (extra, payment.provider, payment.attempt_ref),
            )
            return done.rowcount == 1

    def opened(self, provider: str) -> list[Payment]:
        """Attempts of a provider that are not ended."""
        rows = self._rows("SELECT * FROM payment WHERE provider = ? AND status = 'opened'", (provider,))
        return [_payment(row) for row in rows]

    def settled_on(self, on: date | None, provider: str | None = None) -> list[Payment]:
        """Attempts ended on a Vietnamese date (None: ever), oldest first."""
        start, end = _bounds(on)
        rows = self._rows(
            "SELECT * FROM payment WHERE paid_at >= ? AND paid_at < ? AND (? IS NULL OR provider = ?)"
            " ORDER BY paid_at, provider_ref, attempt_ref",
            (start, end, provider, provider),
        )
        return [_payment(row) for row in rows]

    def everything(self) -> tuple[list[Payment], list[Refunded]]:
        """Every attempt that was opened and every refund, oldest first."""
        payments = self._rows("SELECT * FROM payment ORDER BY paid_at, provider, attempt_ref")
        refunds = self._rows("SELECT * FROM refund ORDER BY refunded_at, provider, refund_ref")
        return [_payment(row) for row in payments], [Refunded(**dict(row)) for row in refunds]

    def callback_states(self) -> dict[str, int]:
        """How many callbacks are in each state."""
        rows = self._rows("SELECT state, count(*) AS number FROM callback GROUP BY state ORDER BY state")
        return {row["state"]: row["number"] for row in rows}

    def add_refund(self, refund: Refunded) -> bool:
        """Book a refund if the money is there and the reference is new."""
        with self._write() as connection:
            paid = connection.execute(
                "SELECT amount FROM payment WHERE provider = ? AND attempt_ref = ? AND status = 'paid'",
                (refund.provider, refund.attempt_ref),
            ).fetchone()
            given = connection.execute(
                "SELECT COALESCE(SUM(amount), 0) FROM refund WHERE provider = ? AND attempt_ref = ?",
                (refund.provider, refund.attempt_ref),
            ).fetchone()[0]
            if paid is None or given + refund.amount > paid["amount"]:
                return False
            names = Refunded.__slots__
            done = connection.execute(
                f"INSERT OR IGNORE INTO refund ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608
                [getattr(refund, name) for name in names],
            )
            return done.rowcount == 1

    def refund(self, provider: str, refund_ref: str) -> Refunded | None:
        """A refund by the merchant's reference."""
        rows = self._rows(
            "SELECT * FROM refund WHERE provider = ? AND refund_ref = ?", (provider, refund_ref)
        )
        return Refunded(**dict(rows[0])) if rows else None

    def refund_by_number(self, provider: str, provider_ref: str) -> Refunded | None:
        """A refund by the provider's own number."""
        rows = self._rows(
            "SELECT * FROM refund WHERE provider = ? AND provider_ref = ?", (provider, provider_ref)
        )
        return Refunded(**dict(rows[0])) if rows else None

    def refunds_of(self, provider: str, attempt_ref: str) -> list[Refunded]:
        """Refunds of an attempt, oldest first."""
        rows = self._rows(
            "SELECT * FROM refund WHERE provider = ? AND attempt_ref = ? ORDER BY refunded_at",
            (provider, attempt_ref),
        )
        return [Refunded(**dict(row)) for row in rows]

    def refunds_on(self, on: date, provider: str) -> list[Refunded]:
        """Refunds of a Vietnamese date, oldest first."""
        start, end = _bounds(on)
        rows = self._rows(
            "SELECT * FROM refund WHERE provider = ? AND refunded_at >= ? AND refunded_at < ?"
            " ORDER BY refunded_at, provider_ref",
            (provider, start, end),
        )
        return [Refunded(**dict(row)) for row in rows]

    def first_time(self, provider: str, request_id: str, on: date) -> bool:
        """Whether a request id is new on its day; remembers it."""
        with self._write() as connection:
            done = connection.execute(
                "INSERT OR IGNORE INTO request_seen VALUES (?, ?, ?)", (provider, request_id, on.isoformat())
            )
            return done.rowcount == 1

    def queue(
        self,
        provider: str,
        attempt_ref: str,
        *,
        method: str,
        url: str,
        body: bytes,
        key: str,
        due_at: float,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Put a callback into the queue; `due_at` infinity holds it until it is released."""
        held = due_at == float("inf")
        with self._write() as connection:
            connection.execute(
                "INSERT INTO callback (provider, attempt_ref, method, url, headers, body, key, due_at, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    provider,
                    attempt_ref,
                    method,
                    url,
                    json.dumps(dict(headers or {})),
                    body,
                    key,
                    0 if held else due_at,
                    "held" if held else "waiting",
                ),
            )

    def claim_due(self, now: float) -> Delivery | None:
        """Take the next callback whose time has come; those of one attempt go out one after the other."""
        return self._claim(
            "state = 'waiting' AND due_at <= ? AND NOT EXISTS (SELECT 1 FROM callback AS before"
            " WHERE before.state = 'sending' AND before.provider = callback.provider"
            " AND before.attempt_ref = callback.attempt_ref)",
            now,
        )

    def claim_held(self, provider: str, attempt_ref: str) -> Delivery | None:
        """Take the next callback held for an attempt."""
        return self._claim("state = 'held' AND provider = ? AND attempt_ref = ?", provider, attempt_ref)

    def _claim(self, condition: str, *values: float | str) -> Delivery | None:
        with self._write() as connection:
            row = connection.execute(
                f"SELECT * FROM callback WHERE {condition} ORDER BY due_at, id LIMIT 1",  # noqa: S608
                values,
            ).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE callback SET state = 'sending', tries = tries + 1 WHERE id = ?", (row["id"],)
            )
            return replace(_delivery(row), tries=row["tries"] + 1, state="sending")

    def next_due(self) -> float | None:
        """When the next callback is due; None when nothing waits."""
        rows = self._rows("SELECT MIN(due_at) AS due FROM callback WHERE state = 'waiting'")
        due: float | None = rows[0]["due"]
        return due

    def delivered(self, delivery: Delivery, *, state: str, answer: str, due_at: float) -> None:
        """Record how a delivery ended: done, given_up, or waiting for `due_at`."""
        with self._write() as connection:
            connection.execute(
                "UPDATE callback SET state = ?, answer = ?, due_at = ? WHERE id = ?",
                (state, answer[:500], due_at, delivery.id),
            )

    def release(self, attempt_ref: str | None, now: float, provider: str | None = None) -> int:
        """Make held, delayed and waiting callbacks due at once; returns how many."""
        with self._write() as connection:
            done = connection.execute(
                "UPDATE callback SET state = 'waiting', due_at = ? WHERE state IN ('held', 'waiting')"
                " AND (? IS NULL OR attempt_ref = ?) AND (? IS NULL OR provider = ?)",
                (now, attempt_ref, attempt_ref, provider, provider),
            )
            return done.rowcount

    def callbacks(self) -> list[Delivery]:
        """All callbacks ever queued."""
        return [_delivery(row) for row in self._rows("SELECT * FROM callback ORDER BY id")]

    def set_faults(self, provider: str, attempt_ref: str, faults: list[str]) -> None:
        """Plant faults for an attempt, or for all (`*`); an empty list takes them away."""
        with self._write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO fault VALUES (?, ?, ?)", (provider, attempt_ref, json.dumps(faults))
            )

    def faults(self, provider: str, attempt_ref: str) -> list[str]:
        """The faults of an attempt: its own, else the default."""
        rows = self._rows(
            "SELECT faults FROM fault WHERE provider = ? AND attempt_ref IN (?, '*')"
            " ORDER BY attempt_ref = '*'",
            (provider, attempt_ref),
        )
        found: list[str] = json.loads(rows[0]["faults"]) if rows else []
        return found

    def set_statement_faults(self, provider: str, on: date, faults: list[dict[str, Any]]) -> None:
        """Plant faults in the statement of a day."""
        with self._write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO statement_fault VALUES (?, ?, ?)",
                (provider, on.isoformat(), json.dumps(faults)),
            )

    def statement_faults(self, provider: str, on: date) -> list[dict[str, Any]]:
        """The faults of a day's statement."""
        rows = self._rows(
            "SELECT faults FROM statement_fault WHERE provider = ? AND on_day = ?", (provider, on.isoformat())
        )
        found: list[dict[str, Any]] = json.loads(rows[0]["faults"]) if rows else []
        return found


def _payment(row: sqlite3.Row) -> Payment:
    values = dict(row) | {
        "extra": json.loads(row["extra"]),
        "attempt_ref": row["attempt_ref"].removesuffix(_AGAIN),
    }
    return Payment(**values)


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(**{**dict(row), "headers": json.loads(row["headers"])})


def local_date(at: datetime) -> date:
    """The Vietnamese date of an instant."""
    return at.astimezone(LOCAL).date()


def from_timestamp(at: float) -> datetime:
    """Seconds since 1970 as aware UTC."""
    return datetime.fromtimestamp(at, UTC)


def _bounds(on: date | None) -> tuple[float, float]:
    if on is None:
        return float("-inf"), float("inf")
    start = datetime(on.year, on.month, on.day, tzinfo=LOCAL)
    return start.timestamp(), (start + timedelta(days=1)).timestamp()
