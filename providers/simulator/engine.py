"""The engine under every protocol: takes or refuses the money, plays the fault script, queues what is to be told.

Used by the protocols, the pay page and /control. It knows no protocol's fields and signs nothing.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from flask import Response, request
from werkzeug.exceptions import GatewayTimeout

from payclear.kernel.clock import Clock
from providers.simulator.deliveries import Deliveries
from providers.simulator.faults import Faults
from providers.simulator.protocol import Document, Protocol
from providers.simulator.settings import SimulatorSettings
from providers.simulator.statement_lines import statement_of_day
from providers.simulator.truth import Payment, Refunded, Truth, local_date

HTML = b"<html><body>502 Bad Gateway</body></html>"
ERROR_200 = b'{"error":"internal_error","message":"Service temporarily unavailable"}'
OTHER_MERCHANT = "OTHERSHOP"


class UnknownProtocol(LookupError):
    """No protocol of this name is plugged in."""


class Engine:
    """Truth, deliveries, faults and the protocols that are plugged in."""

    def __init__(self, settings: SimulatorSettings, truth: Truth, clock: Clock) -> None:
        self.settings = settings
        self.truth = truth
        self.clock = clock
        self.stopping = threading.Event()
        self.callback_urls: dict[str, str] = {}
        self._protocols: dict[str, Protocol] = {}
        self.deliveries = Deliveries(
            truth,
            clock,
            self._protocols,
            retry_interval_s=settings.retry_interval_s,
            timeout_s=settings.callback_timeout_s,
        )

    def plug_in(self, protocol: Protocol) -> None:
        """Add a protocol under its name."""
        self._protocols[protocol.name] = protocol

    def __iter__(self) -> Iterator[Protocol]:
        return iter(self._protocols.values())

    def protocol(self, name: str) -> Protocol:
        """A protocol by its name; raises UnknownProtocol."""
        try:
            return self._protocols[name]
        except KeyError:
            raise UnknownProtocol(name) from None

    # What protocols ask.

    def callback_url(self, provider: str) -> str:
        """Where a provider's configured callbacks go: as told by /control, else as at start."""
        return self.callback_urls.get(provider) or self.settings.callback_url(provider)

    def collection_url(self, provider: str, account: str = "") -> str:
        """Where a collecting bank's calls go: as told by /control/callback-url, else as at start."""
        return self.callback_urls.get(provider) or self.settings.collection_url(provider, account)

    def now_s(self) -> float:
        """The present as seconds since 1970."""
        return self.clock.now().timestamp()

    def is_expired(self, payment: Payment) -> bool:
        """Whether the time to pay has passed."""
        return self.now_s() > payment.expires_at

    def find(self, provider: str, attempt_ref: str) -> Payment | None:
        """A payment by the merchant's reference."""
        return self.truth.payment(provider, attempt_ref)

    def faults(self, provider: str, attempt_ref: str) -> Faults:
        """What is planted for an attempt, and what the attempt asks for by itself."""
        planted = self.truth.faults(provider, attempt_ref)
        payment = self.find(provider, attempt_ref)
        steered = self.protocol(provider).steered(payment) if payment else []
        return Faults([*planted, *steered])

    def open(self, payment: Payment) -> Payment:
        """Remember an attempt (the one known under its reference wins); plays `create_timeout_before_money`."""
        faults = self.faults(payment.provider, payment.attempt_ref)
        if "create_timeout_before_money" in faults:
            self._hang(faults, "create_timeout_before_money")
            raise GatewayTimeout
        return self.truth.open_payment(payment)

    def answer(self, kind: str, provider: str, attempt_ref: str, answer: Response) -> Response:
        """Send the finished answer to a `create`, `query`, `refund` or `refund_query` call, or spoil it as planted.

        The work is done before, so that a lost answer hides real work. The faults `<kind>_bad_signature`,
        `query_not_found` and `query_other_payment` are the protocol's own: it asks `faults` before it signs.
        """
        faults = self.faults(provider, attempt_ref)
        if kind == "create" and "create_timeout_after_money" in faults:
            payment = self.find(provider, attempt_ref)
            if payment is not None:
                self.pay(payment, "success")
            self._hang(faults, "create_timeout_after_money")
        if f"{kind}_timeout" in faults:
            self._hang(faults, f"{kind}_timeout")
        if f"{kind}_html" in faults:
            return Response(HTML, mimetype="text/html")
        if f"{kind}_500" in faults:
            return Response("error", status=500)
        if f"{kind}_error_200" in faults:
            return Response(ERROR_200, mimetype="application/json")
        if f"{kind}_truncated" in faults:
            content = answer.get_data()
            answer.set_data(content[: len(content) // 2])
        return answer

    def _hang(self, faults: Faults, name: str) -> None:
        self.stopping.wait(faults.seconds(name, self.settings.hang_s))
        if self.settings.cuts:
            with contextlib.suppress(KeyError, OSError):  # no socket: the call came from within
                request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise GatewayTimeout

    def refund(self, payment: Payment, refund_ref: str, amount: int) -> Refunded | None:
        """Give money back once per reference; None when it is more than what is left, or to be refused.

        Plays `refund_timeout_before_money`: such a request is never seen.
        """
        self.lose_refund(payment)
        if "refund_refused" in self.faults(payment.provider, payment.attempt_ref):
            return None
        known = self.truth.refund(payment.provider, refund_ref)
        if known is not None:
            return known if (known.attempt_ref, known.amount) == (payment.attempt_ref, amount) else None
        refund = Refunded(
            provider=payment.provider,
            refund_ref=refund_ref,
            attempt_ref=payment.attempt_ref,
            amount=amount,
            provider_ref=self.truth.next_number(),
            refunded_at=self.now_s(),
        )
        return refund if amount > 0 and self.truth.add_refund(refund) else None

    def lose_refund(self, payment: Payment) -> None:
        """Play `refund_timeout_before_money`, before a protocol remembers anything of the request."""
        faults = self.faults(payment.provider, payment.attempt_ref)
        if "refund_timeout_before_money" in faults:
            self._hang(faults, "refund_timeout_before_money")
            raise GatewayTimeout

    def find_refund(self, provider: str, attempt_ref: str, refund_ref: str) -> Refunded | None:
        """A refund of an attempt by the merchant's reference."""
        found = self.truth.refund(provider, refund_ref)
        return found if found is not None and found.attempt_ref == attempt_ref else None

    def statement(self, provider: str, on: date) -> Document | None:
        """The settlement file of a Vietnamese date with every planted error; None when there is none yet."""
        protocol = self.protocol(provider)
        protocol.before_each_look()
        day = statement_of_day(self.truth, provider, on)
        if "unavailable" in day.file_faults or on > local_date(self.clock.now()):
            return None
        document = protocol.statement(day, on)
        if "html" in day.file_faults:
            return replace(document, content=b"<html><body>Service Unavailable</body></html>")
        if "truncated" in day.file_faults:
            return replace(document, content=document.content[: len(document.content) // 2])
        return document

    # What the payer does.

    def pay(self, payment: Payment, outcome: str) -> Payment:
        """End a payment as the payer chose, once; queue the callbacks as the fault script says; raises PageError."""
        protocol = self.protocol(payment.provider)
        if outcome not in protocol.outcomes:
            raise protocol.refuse("outcome", payment.locale)
        faults = self.faults(payment.provider, payment.attempt_ref)
        if payment.status == "opened":
            if self.is_expired(payment) and "pays_late" not in faults:
                raise protocol.refuse("expired", payment.locale)
            protocol.before_pay(payment)
        settled = self.truth.settle(
            payment,
            status="paid" if outcome == "success" else "failed",
            outcome=outcome,
            provider_ref=payment.provider_ref or protocol.new_reference(payment, outcome),
            at=self.clock.now(),
        )
        if settled:
            if "pays_wrong_amount" in faults:
                self.truth.change_amount(payment, payment.amount - 1)
            self._queue_callbacks(protocol, self._known(payment), faults)
            if "pays_twice" in faults and outcome == "success":
                self._pay_again(protocol, self._known(payment), faults)
        return self._known(payment)

    def _pay_again(self, protocol: Protocol, payment: Payment, faults: Faults) -> None:
        """Take the money a second time under the same reference, as a transfer made twice does."""
        number = protocol.new_reference(payment, "success")
        self._queue_callbacks(protocol, self.truth.pay_again(payment, number), faults)

    def forge(self, payment: Payment) -> None:
        """Queue a callback that claims success and is signed with another key."""
        pretended = replace(
            payment, status="paid", outcome="success", provider_ref="99999999", paid_at=self.now_s()
        )
        self._queue(self.protocol(payment.provider), pretended, self.now_s(), forged=True)

    def _queue_callbacks(self, protocol: Protocol, payment: Payment, faults: Faults) -> None:
        if "forge_callback" in faults:
            self.forge(payment)
        if "lose_callback" in faults:
            return
        told = self._told(payment, faults)
        at_once = "callback_before_return" in faults
        due_at = self.now_s()
        if at_once or "hold_callback" in faults:
            due_at = float("inf")
        elif "delay_callback" in faults:
            due_at += faults.seconds("delay_callback", 60.0)
        for _ in range(3 if "duplicate_callback" in faults else 1):
            self._queue(protocol, told, due_at, forged="callback_wrong_key" in faults)
        if "reorder_callback" in faults and payment.status == "paid":
            earlier = replace(told, status="failed", outcome=self._refusal(protocol))
            self._queue(protocol, earlier, due_at)
        if at_once:
            self.deliveries.send_held_now(payment.provider, payment.attempt_ref)

    @staticmethod
    def _refusal(protocol: Protocol) -> str:
        return "insufficient" if "insufficient" in protocol.outcomes else protocol.outcomes[-1]

    @staticmethod
    def _told(payment: Payment, faults: Faults) -> Payment:
        """What the callback is to say, which need not be true."""
        if "wrong_amount" in faults:
            payment = replace(payment, amount=payment.amount - 1)
        if "other_merchant" in faults:
            merchant = OTHER_MERCHANT.ljust(len(payment.merchant), "0")[: max(len(payment.merchant), 1)]
            payment = replace(payment, merchant=merchant if not payment.merchant.isdigit() else "9999")
        return payment

    def _queue(self, protocol: Protocol, told: Payment, due_at: float, *, forged: bool = False) -> None:
        call = protocol.callback(told, forged=forged)
        if call is None or not call.url:
            return
        self.truth.queue(
            protocol.name,
            told.attempt_ref,
            method=call.method,
            url=call.url,
            headers=call.headers,
            body=call.body,
            key=call.key,
            due_at=due_at,
        )
        self.deliveries.wake()

    def _known(self, payment: Payment) -> Payment:
        return self.find(payment.provider, payment.attempt_ref) or payment
