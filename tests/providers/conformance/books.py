"""Plays the scenarios that the ledger judges: the adapter's own messages from the simulator, through the real callback
address and the one door, against PostgreSQL.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

from flask import Flask
from werkzeug.test import TestResponse

from payclear.audit.jobs import seal_whole_trail
from payclear.contract.conformance.bench import Bench, Payment, Subject
from payclear.contract.errors import ProviderError
from payclear.contract.manifest import Capability
from payclear.contract.messages import InboundRequest
from payclear.contract.outcomes import CallbackVerdict
from payclear.operations.verify import verify
from payclear.orders.checkout import get_attempt, record_checkout
from payclear.orders.domain import CaseKind, OrderState
from payclear.orders.inquiry import ask_provider
from payclear.orders.jobs import expire_due
from payclear.orders.records import AttemptView, OrderView
from tests.scenes import Scene

_OURS = frozenset({"host", "content-length", "connection", "accept-encoding"})


_NO_EFFECT = frozenset({"callback_rejection", "day_key"})


@dataclass(slots=True)
class Desk:
    """A portal, the web application and one adapter on the bench."""

    app: Flask
    scene: Scene
    bench: Bench
    subject: Subject

    def order(self, *, expires_in_minutes: int = 1440) -> OrderView:
        """An order of the subject's amount."""
        owed = self.scene.fee(self.subject.amount.amount)
        return self.scene.order(owed, expires_in_minutes=expires_in_minutes)

    def start(self, order: OrderView) -> tuple[AttemptView, Payment]:
        """Open an attempt and call the provider, as the payment page does; both steps commit."""
        attempt = self.scene.attempt(order, provider_account=self.subject.account.code, sent=False)
        payment = Payment(self.bench, self.subject, reference=attempt.attempt_ref)
        payment.created_at, payment.expires_at = attempt.created_at, attempt.expires_at
        return attempt, payment

    def create(self, order: OrderView, attempt: AttemptView, payment: Payment) -> None:
        """Call the provider and record its answer."""
        memo = f"NOP NSNN {order.payment_code} {order.order_ref}"
        try:
            answer: Any = payment.create(order_ref=order.order_ref, memo=memo)
        except ProviderError as error:
            answer = error
        with self.scene.runtime.database.begin() as uow:
            record_checkout(uow, attempt.id, answer)
            uow.commit()

    def paid(self, *faults: str, order: OrderView | None = None) -> "Paid":
        """An order whose payer has paid at the provider; nothing has reached the books."""
        order = order or self.order()
        attempt, payment = self.start(order)
        with payment:
            payment.plant(*faults)
            self.create(order, attempt, payment)
            payment.pay()
            told = payment.callbacks(2 if "reorder_callback" in faults else 1) if self.calls_back else []
        return Paid(order.id, attempt.id, payment, told)

    @property
    def calls_back(self) -> bool:
        """Whether the provider calls us."""
        return Capability.CALLBACK in self.subject.provider.manifest.capabilities

    def call(self, request: InboundRequest) -> TestResponse:
        """Bring a callback to our address, byte for byte."""
        query = request.query_string.decode("latin-1")
        return self.app.test_client().open(
            f"/callbacks/{self.subject.account.code}" + (f"?{query}" if query else ""),
            method=request.method,
            data=request.body,
            headers={name: value for name, value in request.headers.items() if name not in _OURS},
        )

    def answer(self, verdict: CallbackVerdict, request: InboundRequest) -> tuple[int, bytes]:
        """What the provider expects to hear."""
        made = self.subject.provider.acknowledge(self.subject.account, verdict, request)
        return made.status, made.body

    def learn(self, paid: "Paid") -> None:
        """Hear of a payment as the books would: by callback, then by asking where the callback does not decide."""
        for request in paid.callbacks:
            self.call(request)
        self.ask(paid)

    def ask(self, paid: "Paid") -> None:
        """Ask the provider, where it can be asked, until the attempt is decided."""
        if Capability.STATUS_QUERY in self.subject.provider.manifest.capabilities:
            ask_provider(self.scene.runtime, paid.attempt_id)

    def confirm(self, paid: "Paid") -> None:
        """Ask where callbacks prove nothing."""
        if self.subject.provider.manifest.confirm_by_query:
            self.ask(paid)

    def state(self, paid: "Paid") -> OrderState:
        """Where the order stands."""
        return OrderState(self.scene.reload(paid.order_id).state)

    def attempt(self, paid: "Paid") -> AttemptView:
        """The attempt as the database has it now."""
        with self.scene.runtime.database.begin() as uow:
            return get_attempt(uow, paid.attempt_id)

    def count(self, table: str) -> int:
        """How many rows a table has."""
        with self.scene.runtime.database.begin() as uow:
            return uow.run(f"SELECT count(*) FROM {table}").fetchone()[0]

    def everything(self) -> dict[str, int]:
        """How many rows each table has, but for the counter of refused callbacks and the key that seals a day's messages."""
        with self.scene.runtime.database.begin() as uow:
            names = [
                name for (name,) in uow.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            ]
        return {name: self.count(name) for name in names if name not in _NO_EFFECT}

    def cases(self) -> list[tuple[str, int]]:
        """Kind and amount of every case."""
        with self.scene.runtime.database.begin() as uow:
            return [
                tuple(row) for row in uow.run("SELECT kind, amount FROM suspense_case ORDER BY opened_at")
            ]

    def money(self) -> list[tuple[str, int]]:
        """Template and amount of every journal entry."""
        with self.scene.runtime.database.begin() as uow:
            rows = uow.run(
                "SELECT e.template, sum(p.amount) FROM journal_entry e JOIN posting p ON p.entry_id = e.id"
                " WHERE p.side = 'D' GROUP BY e.id, e.template ORDER BY e.id"
            )
            return [(template, int(amount)) for template, amount in rows]

    def prove(self) -> None:
        """Every invariant holds, once the night's sequencer has chained the trail."""
        seal_whole_trail()
        broken = {
            finding.check.id: finding.offenders
            for finding in verify(self.scene.runtime.database)
            if not finding.holds
        }
        assert broken == {}


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment at the provider, and what the provider sent about it."""

    order_id: UUID
    attempt_id: UUID
    payment: Payment
    callbacks: list[InboundRequest]


def captured(desk: Desk) -> None:
    """The order is paid by one entry of the amount that was paid."""
    paid = desk.paid()
    desk.learn(paid)
    assert desk.state(paid) is OrderState.PAID
    assert desk.money() == [("payment_captured", desk.subject.amount.amount)]
    assert desk.attempt(paid).evidence_rank >= 1


def duplicate_100(desk: Desk) -> None:
    """A hundred equal callbacks are one."""
    paid = desk.paid()
    request = paid.callbacks[0]
    answers = [_heard(desk.call(request))]
    desk.confirm(paid)
    answers += [_heard(desk.call(request)) for _ in range(99)]
    _one_capture(desk, paid, answers, request)


def parallel_50(desk: Desk) -> None:
    """Fifty equal callbacks at once are one."""
    paid = desk.paid()
    request = paid.callbacks[0]
    answers: list[tuple[int, bytes]] = []
    barrier = Barrier(50)

    def provider() -> None:
        barrier.wait()
        answers.append(_heard(desk.call(request)))

    threads = [Thread(target=provider) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.confirm(paid)
    assert len(answers) == 50
    _one_capture(desk, paid, answers, request)


def _one_capture(desk: Desk, paid: Paid, answers: list[tuple[int, bytes]], request: InboundRequest) -> None:
    verdicts = (CallbackVerdict.ACCEPTED, CallbackVerdict.ALREADY_KNOWN)
    assert set(answers) <= {desk.answer(verdict, request) for verdict in verdicts}
    assert desk.state(paid) is OrderState.PAID
    assert desk.money() == [("payment_captured", desk.subject.amount.amount)]
    assert desk.count("inbound_callback") == 1


def reordered(desk: Desk) -> None:
    """A refusal of an earlier card arrives after or before the success: the order is paid either way."""
    for turned in (False, True):
        paid = desk.paid("reorder_callback")
        for request in reversed(paid.callbacks) if turned else paid.callbacks:
            desk.call(request)
        desk.confirm(paid)
        assert desk.state(paid) is OrderState.PAID
    amount = desk.subject.amount.amount
    assert desk.money() == [("payment_captured", amount)] * 2


def late(desk: Desk) -> None:
    """Paid when the order had been given up: the money is taken, not lost, and a person decides."""
    order = desk.order(expires_in_minutes=30)
    attempt, payment = desk.start(order)
    with payment:
        payment.plant("pays_late")
        desk.create(order, attempt, payment)
        desk.scene.runtime.clock.advance(timedelta(minutes=40))
        paid = Paid(order.id, attempt.id, payment, [])
        desk.ask(paid)
        expire_due()
        before = desk.state(paid)
        payment.pay()
        told = payment.callbacks() if desk.calls_back else []
    desk.learn(Paid(order.id, attempt.id, payment, told))
    amount = desk.subject.amount.amount
    if before is OrderState.EXPIRED and desk.attempt(paid).state == "expired":
        # Nobody told us and we ask no more: only the statement can. Nothing may be booked from nothing.
        assert not desk.calls_back
        assert not desk.subject.provider.manifest.watch_hours
        assert desk.money() == []
    elif before is OrderState.EXPIRED:
        assert desk.state(paid) is OrderState.EXPIRED
        assert desk.money() == [("payment_suspended", amount)]
        assert desk.cases() == [(CaseKind.LATE_SUCCESS, amount)]
    else:
        # An order is given up only after the provider was asked; one in doubt waits and takes the money.
        assert desk.money() == [("payment_captured", amount)]


def replayed(desk: Desk) -> None:
    """The same callback a day later does nothing."""
    paid = desk.paid()
    desk.learn(paid)
    assert desk.state(paid) is OrderState.PAID
    desk.scene.runtime.clock.advance(timedelta(days=1))
    before = desk.everything()
    status, _ = _heard(desk.call(paid.callbacks[0]))
    assert status < 500
    assert desk.everything() == before


def forged(desk: Desk) -> None:
    """A callback signed with another key changes nothing but a counter."""
    paid = desk.paid("callback_wrong_key")
    before = desk.everything()
    request = paid.callbacks[0]
    heard = _heard(desk.call(request))
    assert heard == desk.answer(CallbackVerdict.SIGNATURE_INVALID, request)
    assert desk.everything() == before
    assert desk.count("callback_rejection") == 1


def wrong_amount(desk: Desk) -> None:
    """Another amount was paid: it lies in suspense with a case, the order is not paid."""
    paid = desk.paid("pays_wrong_amount")
    amount = desk.subject.amount.amount - 1
    if paid.callbacks and not desk.subject.provider.manifest.confirm_by_query:
        heard = _heard(desk.call(paid.callbacks[0]))
        assert heard == desk.answer(CallbackVerdict.AMOUNT_MISMATCH, paid.callbacks[0])
    desk.learn(paid)
    assert desk.state(paid) is OrderState.OPEN
    assert desk.money() == [("payment_suspended", amount)]
    assert desk.cases() == [(CaseKind.AMOUNT_MISMATCH, amount)]


def wrong_merchant(desk: Desk) -> None:
    """A callback that names another merchant account never pays the order."""
    paid = desk.paid("other_merchant")
    desk.call(paid.callbacks[0])
    assert desk.state(paid) is not OrderState.PAID
    assert ("payment_captured", desk.subject.amount.amount) not in desk.money()


def unknown_order(desk: Desk) -> None:
    """A true callback about a payment that is not ours is kept and books nothing."""
    with Payment(desk.bench, desk.subject) as payment:
        payment.create()
        payment.pay()
        request = payment.callbacks()[0]
    heard = _heard(desk.call(request))
    assert heard == desk.answer(CallbackVerdict.ORDER_NOT_FOUND, request)
    assert desk.money() == []
    assert desk.count("inbound_callback") == 1


def _heard(response: TestResponse) -> tuple[int, bytes]:
    return response.status_code, response.get_data()


PLAYS: Mapping[str, Callable[[Desk], None]] = {
    "captured": captured,
    "duplicate_100": duplicate_100,
    "parallel_50": parallel_50,
    "reordered": reordered,
    "late": late,
    "replayed": replayed,
    "forged": forged,
    "wrong_amount": wrong_amount,
    "wrong_merchant": wrong_merchant,
    "unknown_order": unknown_order,
}
