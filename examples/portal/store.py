"""What this portal remembers, in one SQLite file: dossiers, orders, and every event it was told."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from examples.portal.dossiers import samples

# Ended without money: the citizen may be sent to a new order. `reversed`: it was paid at a bank, which took it back.
UNPAID = frozenset({"failed", "expired", "cancelled", "reversed"})
# `exempted`: there is nothing to pay.
FINAL = UNPAID | {"paid", "exempted"}
TABLES = """
CREATE TABLE IF NOT EXISTS dossier (
    code TEXT PRIMARY KEY, position INTEGER, content TEXT NOT NULL, obligation_id TEXT
);
CREATE TABLE IF NOT EXISTS payment (
    order_ref TEXT PRIMARY KEY, dossier_code TEXT NOT NULL, number INTEGER NOT NULL, answer TEXT NOT NULL,
    UNIQUE (dossier_code, number)
);
CREATE TABLE IF NOT EXISTS event (
    id TEXT PRIMARY KEY, order_ref TEXT NOT NULL, sequence INTEGER NOT NULL, body TEXT NOT NULL,
    received_at TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Payment:
    """The newest order of a dossier, and what is known about it."""

    order_ref: str
    number: int
    status: str
    answer: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def receipt_url(self) -> str:
        """Where the receipt of a paid order is."""
        return str(self.answer.get("receipt_url") or f"{self.answer['pay_url']}/receipt")


@dataclass(frozen=True, slots=True)
class Dossier:
    """One dossier or fine with its newest payment."""

    code: str
    content: dict[str, Any]
    obligation_id: str | None
    payment: Payment | None

    @property
    def total(self) -> int:
        """The fee in đồng; a late fine may come to more, which payclear computes."""
        return sum(int(line["amount"]) for line in self.content["lines"])


class Store:
    """One SQLite file."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def prepare(self) -> None:
        """Make the file and its sample dossiers when there are none."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as db:
            db.executescript(TABLES)
            if db.execute("SELECT 1 FROM dossier").fetchone() is None:
                for position, entry in enumerate(samples(datetime.now().astimezone().date())):
                    values = (entry["code"], position, json.dumps(entry, ensure_ascii=False))
                    db.execute("INSERT INTO dossier (code, position, content) VALUES (?, ?, ?)", values)

    def dossiers(self) -> list[Dossier]:
        """Every dossier in order."""
        with self._open() as db:
            codes = [row["code"] for row in db.execute("SELECT code FROM dossier ORDER BY position")]
        return [found for code in codes if (found := self.dossier(code)) is not None]

    def dossier(self, code: str) -> Dossier | None:
        """One dossier."""
        with self._open() as db:
            row = db.execute("SELECT * FROM dossier WHERE code = ?", (code,)).fetchone()
            if row is None:
                return None
            return Dossier(code, json.loads(row["content"]), row["obligation_id"], self._payment(db, code))

    def keep_obligation(self, code: str, obligation_id: str) -> None:
        """Remember what payclear calls the obligation of a dossier."""
        with self._open() as db:
            db.execute("UPDATE dossier SET obligation_id = ? WHERE code = ?", (obligation_id, code))

    def keep_order(self, code: str, number: int, answer: dict[str, Any]) -> None:
        """Remember an order as payclear last described it; a final state is never forgotten, but paid may be reversed."""
        with self._open() as db:
            db.execute(
                "INSERT INTO payment (order_ref, dossier_code, number, answer) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (order_ref) DO UPDATE SET answer = excluded.answer"
                " WHERE json_extract(answer, '$.status') NOT IN ('paid', 'failed', 'expired', 'cancelled', 'reversed')"
                " OR json_extract(excluded.answer, '$.status') = 'reversed'",
                (answer["order_ref"], code, number, json.dumps(answer, ensure_ascii=False)),
            )

    def keep_event(self, event: dict[str, Any], raw: bytes) -> bool:
        """Remember a verified event; False when it was told before (it comes again after a lost answer)."""
        with self._open() as db:
            values = (
                event["id"],
                event["data"]["order_ref"],
                event["sequence"],
                raw.decode(),
                datetime.now(UTC).isoformat(timespec="seconds"),
            )
            return db.execute("INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?, ?)", values).rowcount == 1

    def _payment(self, db: sqlite3.Connection, code: str) -> Payment | None:
        newest = "SELECT * FROM payment WHERE dossier_code = ? ORDER BY number DESC LIMIT 1"
        row = db.execute(newest, (code,)).fetchone()
        if row is None:
            return None
        answer = json.loads(row["answer"])
        told = "SELECT * FROM event WHERE order_ref = ? ORDER BY sequence DESC"
        events = [
            {**json.loads(each["body"]), "received_at": each["received_at"]}
            for each in db.execute(told, (row["order_ref"],))
        ]
        # Events may come late and in any order: the highest sequence is the newest news.
        status = answer["status"]
        told_last = events[0]["data"]["status"] if events else status
        if status not in FINAL or (status == "paid" and told_last == "reversed"):
            status = told_last
        return Payment(row["order_ref"], row["number"], status, answer, events)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._file, timeout=10)) as db, db:
            db.row_factory = sqlite3.Row
            yield db
