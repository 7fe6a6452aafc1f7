"""One real payment, from the obligation to the receipt, through the application itself, with every statement recorded.

It gives the rows that seeding clones and the statements that pgbench repeats. Nothing here is written by hand.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import psycopg
from flask.testing import FlaskClient
from psycopg.rows import dict_row
from sqlalchemy import event

from bench.likeness import Likeness
from bench.wire import ACCOUNT, AGENCY, CALLBACK_PATH, OBLIGATIONS_PATH, ORDERS_PATH, Sender
from payclear.app import create_app
from payclear.kernel.clock import vietnam_date
from payclear.orders.checkout import checkout_request, open_attempt, record_checkout
from payclear.orders.service import get_order
from payclear.runtime import Runtime

Rows = dict[str, list[dict[str, Any]]]
NUMBER_WIDTH: Final = 11
TRANSACTION_NO: Final = "{:015d}"
_TABLES = """
SELECT tablename FROM pg_tables
WHERE schemaname = 'public' AND tablename !~ '^(procrastinate_|job_|alembic_|reconciliation_|statement|discrepancy)'
ORDER BY tablename
"""


class ExemplarFailed(Exception):
    """The real payment did not go through: there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement as the code executed it, placeholders and parameters apart."""

    sql: str
    parameters: Any


@dataclass(frozen=True, slots=True)
class Exemplar:
    """The real payment: its rows at three moments, the statements of its two hot requests, and its names."""

    likeness: Likeness
    owed: Rows  # the obligation stands
    waiting: Rows  # the order waits for the provider's word
    paid: Rows  # the callback was applied
    create_statements: tuple[Statement, ...]
    callback_statements: tuple[Statement, ...]
    obligation_id: UUID
    attempt_ref: str
    transaction_no: str
    sender: Sender


class _Recorder:
    """Keeps what the connections of one engine execute while it is switched on."""

    def __init__(self, runtime: Runtime) -> None:
        self.statements: list[Statement] = []
        self.is_on = False
        recorder = self

        class RecordingCursor(psycopg.Cursor[Any]):
            def execute(self, query: Any, params: Any = None, **options: Any) -> "RecordingCursor":
                if recorder.is_on:
                    text = query.decode() if isinstance(query, bytes) else str(query)
                    recorder.statements.append(Statement(text, params))
                return super().execute(query, params, **options)

        def connected(connection: Any, _record: Any) -> None:
            connection.cursor_factory = RecordingCursor

        event.listen(runtime.database.engine, "connect", connected)
        runtime.database.engine.dispose()  # connections made before would not be heard

    @contextmanager
    def on(self) -> Iterator[list[Statement]]:
        """Record what happens inside."""
        self.statements, self.is_on = [], True
        try:
            yield self.statements
        finally:
            self.is_on = False


@dataclass(slots=True)
class _Journey:
    """The way of one payment; `number` keeps two journeys apart."""

    runtime: Runtime
    client: FlaskClient
    sender: Sender
    recorder: _Recorder
    number: int
    names: list[str] = field(default_factory=list)

    def register(self) -> UUID:
        """Register the obligation; returns its id."""
        today = vietnam_date(self.runtime.clock.now())
        dossier = f"{AGENCY}-{today:%y%m%d}-{self.number:04d}"
        self._post(
            OBLIGATIONS_PATH, self.sender.obligation(dossier, today.isoformat()), f"owe-{self.number:020d}"
        )
        with self.runtime.database.begin() as uow:
            row = uow.run(
                "SELECT id, document_no, document_key FROM obligation ORDER BY created_at DESC"
            ).fetchone()
        self.names += [row[1], row[2]]
        return row[0]

    def create(self, obligation_id: UUID) -> tuple[str, list[Statement]]:
        """Create the order by the API; returns its reference and the statements."""
        portal_ref = f"bench-{self.number:020d}"
        self.names.append(portal_ref)
        with self.recorder.on() as statements:
            answer = self._post(
                ORDERS_PATH, self.sender.order(obligation_id, portal_ref), f"create-{self.number:020d}"
            )
        self.names += [answer["order_ref"], answer["payment_code"], answer["pay_url"].rsplit("/", 1)[1]]
        return answer["order_ref"], list(statements)

    def send(self, order_ref: str, portal_code: str) -> str:
        """Open an attempt and let the adapter lead to the provider; returns the attempt's reference."""
        runtime = self.runtime
        line = runtime.providers.get(ACCOUNT)
        with runtime.database.begin() as uow:
            order = get_order(uow, portal_code=portal_code, order_ref=order_ref)
            attempt = open_attempt(uow, order_id=order.id, line=line, settings=runtime.settings.orders)
            uow.commit()
        request = checkout_request(
            attempt,
            order,
            payer_ip="127.0.0.1",
            locale="vi",
            return_url=self.sender.return_url,
            callback_url=CALLBACK_PATH,
        )
        answer = line.provider.start_checkout(line.account, request)
        with runtime.database.begin() as uow:
            record_checkout(uow, attempt.id, answer)
            uow.commit()
        return attempt.attempt_ref

    def call_back(self, attempt_ref: str) -> tuple[str, list[Statement]]:
        """Send VNPAY's IPN; returns its transaction number and the statements."""
        transaction_no = TRANSACTION_NO.format(98_765_432_100_000 + self.number)
        self.names.append(transaction_no)
        query = self.sender.callback_query(
            attempt_ref, transaction_no=transaction_no, paid_at=self.runtime.clock.now()
        )
        with self.recorder.on() as statements:
            answer = self.client.get(f"{CALLBACK_PATH}?{query}")
        if answer.get_json().get("RspCode") != "00":
            raise ExemplarFailed(
                f"the callback was answered {answer.status_code}: {answer.get_data(as_text=True)}"
            )
        with self.runtime.database.begin() as uow:
            (code,) = uow.run("SELECT verification_code FROM receipt ORDER BY created_at DESC").fetchone()
        self.names.append(code)
        return transaction_no, list(statements)

    def _post(self, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        self.names.append(key)
        answer = self.client.post(path, json=body, headers=self.sender.headers(key))
        if answer.status_code not in (200, 201):
            raise ExemplarFailed(f"{path} answered {answer.status_code}: {answer.get_data(as_text=True)}")
        return answer.get_json()


def make_exemplar(runtime: Runtime, superuser: psycopg.Connection[Any], *, portal_code: str) -> Exemplar:
    """Pay one order for real on a database that holds demonstration data only.

    One payment before it fills caches and wakes the jobs that wait for a worker, as they do in a busy hour.
    """
    recorder = _Recorder(runtime)
    client = create_app(runtime).test_client()
    sender = Sender.of(runtime)
    # A seeded case's number, reversed, ends in 1: these two journeys end in other digits and meet none of them.
    before = _Journey(runtime, client, sender, recorder, 2)
    before.call_back(before.send(before.create(before.register())[0], portal_code))
    baseline = _rows(superuser)
    journey = _Journey(runtime, client, sender, recorder, 3)
    obligation_id = journey.register()
    owed = _since(baseline, superuser)
    order_ref, create_statements = journey.create(obligation_id)
    attempt_ref = journey.send(order_ref, portal_code)
    waiting = _since(baseline, superuser)
    transaction_no, callback_statements = journey.call_back(attempt_ref)
    return Exemplar(
        likeness=Likeness(
            names={name: name[:-NUMBER_WIDTH] for name in journey.names},
            fixed=frozenset(_uuids(baseline)),
        ),
        owed=owed,
        waiting=waiting,
        paid=_since(baseline, superuser),
        create_statements=tuple(create_statements),
        callback_statements=tuple(callback_statements),
        obligation_id=obligation_id,
        attempt_ref=attempt_ref,
        transaction_no=transaction_no,
        sender=sender,
    )


def _rows(connection: psycopg.Connection[Any]) -> Rows:
    found: Rows = {}
    for (table,) in connection.execute(_TABLES).fetchall():
        with connection.cursor(row_factory=dict_row) as cursor:
            found[table] = cursor.execute(f"SELECT * FROM {table}").fetchall()
    return found


def _since(baseline: Rows, connection: psycopg.Connection[Any]) -> Rows:
    now = _rows(connection)
    return {
        table: new
        for table, rows in now.items()
        if (new := [row for row in rows if row not in baseline[table]])
    }


def _uuids(rows: Rows) -> Iterator[UUID]:
    for table in rows.values():
        for row in table:
            yield from (value for value in row.values() if isinstance(value, UUID))
