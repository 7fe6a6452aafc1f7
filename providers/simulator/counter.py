"""A bank's counter: the teller asks us for a bill, takes the citizen's money, tells us, and may take it back.

`Teller` plays what happens at the counter, with its faults, for any `bank.Bank`. The truth keeps what the bank really
took, whatever we answered.
"""

import contextlib
import http.client
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, request

from providers.simulator.bank import UNKNOWN, Bank, Bill, Deposit, Heard, Reply
from providers.simulator.control import guard
from providers.simulator.engine import Engine
from providers.simulator.faults import UnknownFault
from providers.simulator.protocol import OutboundCall
from providers.simulator.truth import Payment

OPERATIONS = ("inquire", "pay", "repeat", "reverse", "status")
_TIMEOUT_S = 30.0
_ANSWER_LIMIT = 1 << 20
_TRIES_MAX = 3
_YEAR_S = 365 * 86_400.0
# Faults of one call to /control/collect; a number behind the colon says how often.
FAULTS = frozenset(
    {
        "answer_lost",  # the first answer never reaches the bank: the same payment is told again
        "duplicate",  # told so many times, one after the other
        "parallel",  # told so many times at once
        "replayed",  # the very same bytes once more
        "other_content",  # the same reference again, with another amount
        "tampered",  # the amount is changed on the way, after signing
        "other_key",  # signed with a key that is not the bank's
        "wrong_amount",  # one đồng less is paid
        "unknown_bill",  # a bill that nobody handed out
        "not_told",  # the bank takes the money, and its message never leaves
    }
)


class Teller:
    """Plays one visit at a bank's counter."""

    def __init__(self, bank: Bank, asked: Mapping[str, Any]) -> None:
        self.bank = bank
        self.engine = bank.engine
        self.asked = asked
        self.faults = _counted(asked.get("faults", ()))
        self.steps: list[dict[str, Any]] = []

    def serve(self) -> dict[str, Any]:
        """Do what was asked; returns what happened, and what the bank holds."""
        operation = str(self.asked.get("operation", "pay"))
        if operation not in OPERATIONS:
            raise self.bank.refuse("outcome")
        offered = (*self.bank.operations, *(("repeat",) if "pay" in self.bank.operations else ()))
        if operation not in offered:
            raise self.bank.refuse("operation")
        deeds: dict[str, Callable[[], dict[str, Any]]] = {
            "inquire": self._inquire,
            "pay": self._pay,
            "repeat": self._repeat,
            "reverse": self._reverse,
            "status": self._status,
        }
        return {"provider": self.bank.name, "operation": operation, **deeds[operation](), "steps": self.steps}

    def _inquire(self) -> dict[str, Any]:
        heard = self._exchange("inquire", self.bank.inquire_call(self._document(), key=self._key()))
        return {**heard.told(), "bills": [_shown(bill) for bill in heard.bills]}

    def _pay(self) -> dict[str, Any]:
        bill = self._bill()
        if bill is None:
            return {"says": "refused", "code": self.steps[-1]["code"], "bank_ref": "", "kept": 0}
        deposit = Deposit(
            bank_ref=str(self.asked.get("bank_ref") or self.bank.new_bank_ref()),
            bill_id=bill.bill_id,
            document_no=bill.document_no,
            amount=bill.amount,
            at=self.engine.clock.now().replace(microsecond=0),
            channel=str(self.asked.get("channel", "COUNTER_BRANCH")),
            instrument=str(self.asked.get("instrument", "CASH")),
        )
        if "wrong_amount" in self.faults:
            deposit = replace(deposit, amount=deposit.amount - 1)
        if "unknown_bill" in self.faults:
            deposit = replace(deposit, bill_id="100000000000142")
        payment = self._remember(deposit)
        if "not_told" in self.faults:
            return self._kept(payment, UNKNOWN)
        heard = self._tell(deposit)
        return self._kept(self._settled(payment, heard), heard)

    def _tell(self, deposit: Deposit) -> Heard:
        """Tell of a payment as the faults want it; what the bank believes in the end is the first sure answer."""
        call = self.bank.pay_call(deposit, key=self._key())
        if "tampered" in self.faults:
            call = _tampered(call, deposit.amount)
        heard: list[Heard] = []
        if "parallel" in self.faults:
            heard += self._at_once(deposit, self.faults["parallel"])
        else:
            heard.append(self._exchange("pay", call))
        if "answer_lost" in self.faults:
            heard = [self._exchange("pay", self.bank.pay_call(deposit))]
        if "replayed" in self.faults:
            self._exchange("pay", call)
        for _ in range(self.faults.get("duplicate", 1) - 1):
            heard.append(self._exchange("pay", self.bank.pay_call(deposit)))
        if "other_content" in self.faults:
            other = replace(deposit, amount=deposit.amount + 1)
            self._exchange("pay", self.bank.pay_call(other))
        tries = 1
        while all(each.says == "unknown" for each in heard) and not self._is_spoilt() and tries < _TRIES_MAX:
            heard.append(self._exchange("pay", self.bank.pay_call(deposit)))
            tries += 1
        return next((each for each in heard if each.says != "unknown"), heard[-1])

    def _at_once(self, deposit: Deposit, count: int) -> list[Heard]:
        barrier = threading.Barrier(count)
        heard: list[Heard] = []

        def call() -> None:
            made = self.bank.pay_call(deposit)
            barrier.wait()
            heard.append(self._exchange("pay", made))

        threads = [threading.Thread(target=call) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return heard

    def _repeat(self) -> dict[str, Any]:
        payment = self._known()
        heard = self._exchange("pay", self.bank.pay_call(_deposit(payment), key=self._key()))
        return self._kept(self._settled(payment, heard), heard)

    def _reverse(self) -> dict[str, Any]:
        payment = self._known()
        original = _deposit(payment)
        reversal = replace(
            original,
            bank_ref=str(self.asked.get("reversal_ref") or self.bank.new_bank_ref()),
            original_ref=original.bank_ref,
            at=self.engine.clock.now().replace(microsecond=0),
        )
        heard = self._exchange("reverse", self.bank.reverse_call(reversal, key=self._key()))
        if heard.says == "taken" or self.bank.takes_first:
            self.engine.truth.reverse(payment, reversal.bank_ref)
            payment = self._known()
        return {**self._kept(payment, heard), "reversal_ref": reversal.bank_ref}

    def _status(self) -> dict[str, Any]:
        reference = str(self.asked.get("bank_ref", ""))
        return self._exchange("status", self.bank.status_call(reference, key=self._key())).told()

    def _bill(self) -> Bill | None:
        """The bill that is paid: the one given, or the first that an inquiry shows."""
        if self.asked.get("bill_id"):
            return Bill(
                bill_id=str(self.asked["bill_id"]),
                document_no=str(self.asked.get("document", "")),
                amount=int(self.asked["amount"]),
                payer_name="",
            )
        heard = self._exchange("inquire", self.bank.inquire_call(self._document()))
        if not heard.bills:
            return None
        bill = replace(heard.bills[0], document_no=self._document())
        return replace(bill, amount=int(self.asked["amount"])) if "amount" in self.asked else bill

    def _remember(self, deposit: Deposit) -> Payment:
        """Write down what lies on the counter, before anybody is told."""
        truth = self.engine.truth
        payment = truth.open_payment(
            Payment(
                provider=self.bank.name,
                attempt_ref=deposit.bank_ref,
                merchant=self.bank.own("biller_id"),
                amount=deposit.amount,
                status="opened",
                outcome="",
                provider_ref=deposit.bank_ref,
                created_raw=deposit.at.isoformat(),
                expires_at=self.engine.now_s() + _YEAR_S,
                paid_at=None,
                return_url="",
                callback_url="",
                memo=deposit.document_no,
                locale="vi",
                extra={
                    "bill_id": deposit.bill_id,
                    "document_no": deposit.document_no,
                    "channel": deposit.channel,
                    "instrument": deposit.instrument,
                },
            )
        )
        if self.bank.takes_first:
            return self._settle(payment, "paid", "success")
        return payment

    def _settled(self, payment: Payment, heard: Heard) -> Payment:
        """A bank that waits keeps the money when the biller has taken it, and gives it back when it was refused."""
        if payment.status != "opened" or heard.says == "unknown":
            return payment
        if heard.says == "taken":
            return self._settle(payment, "paid", "success")
        return self._settle(payment, "failed", "refused")

    def _settle(self, payment: Payment, status: str, outcome: str) -> Payment:
        self.engine.truth.settle(
            payment,
            status=status,
            outcome=outcome,
            provider_ref=payment.provider_ref,
            at=self.engine.clock.now(),
        )
        return self.engine.find(payment.provider, payment.attempt_ref) or payment

    def _kept(self, payment: Payment, heard: Heard) -> dict[str, Any]:
        kept = payment.amount if payment.status == "paid" else 0
        return {
            **heard.told(),
            "bank_ref": payment.attempt_ref,
            "bill_id": payment.extra["bill_id"],
            "amount": payment.amount,
            "status": payment.status,
            "kept": kept,
        }

    def _exchange(self, operation: str, call: OutboundCall) -> Heard:
        try:
            reply = _send(call)
        except (OSError, http.client.HTTPException):
            heard = UNKNOWN
        else:
            heard = self.bank.read(operation, call, reply)
        self.steps.append({"call": operation, "says": heard.says, "code": heard.code, "signed": heard.signed})
        return heard

    def _document(self) -> str:
        return str(self.asked.get("document", ""))

    def _known(self) -> Payment:
        payment = self.engine.find(self.bank.name, str(self.asked.get("bank_ref", "")))
        if payment is None:
            raise self.bank.refuse("unknown")
        return payment

    def _key(self) -> str:
        return self.bank.wrong_key() if "other_key" in self.faults else ""

    def _is_spoilt(self) -> bool:
        return bool({"tampered", "other_key"} & set(self.faults))


def blueprint(engine: Engine) -> Blueprint:
    """The route of the counter, beside those of /control and as local as they are."""
    routes = Blueprint("counter", __name__, url_prefix="/control")
    guard(routes)

    @routes.post("/collect")
    def collect() -> Response:
        asked = request.get_json(silent=True, force=True)
        if not isinstance(asked, dict):
            abort(Response("a JSON object is expected", status=400))
        bank = engine.protocol(str(asked.get("provider")))
        if not isinstance(bank, Bank):
            abort(Response(f"{bank.name} has no counter", status=400))
        return jsonify(Teller(bank, asked).serve())

    return routes


def _counted(faults: Sequence[str]) -> dict[str, int]:
    counted = {}
    for text in faults:
        name, _, number = str(text).partition(":")
        if name not in FAULTS or (number and not number.isdigit()):
            raise UnknownFault(text)
        counted[name] = int(number or 1)
    return counted


def _tampered(call: OutboundCall, amount: int) -> OutboundCall:
    """Somebody on the way makes the amount one đồng less; the signature stays as it was."""
    return replace(call, body=call.body.replace(str(amount).encode(), str(amount - 1).encode()))


def _deposit(payment: Payment) -> Deposit:
    return Deposit(
        bank_ref=payment.attempt_ref,
        bill_id=payment.extra["bill_id"],
        document_no=payment.extra["document_no"],
        amount=payment.amount,
        at=datetime.fromisoformat(payment.created_raw),
        channel=payment.extra["channel"],
        instrument=payment.extra["instrument"],
    )


def _shown(bill: Bill) -> dict[str, Any]:
    return {
        "bill_id": bill.bill_id,
        "document_no": bill.document_no,
        "amount": bill.amount,
        "payer_name": bill.payer_name,
    }


def _send(call: OutboundCall) -> Reply:
    """Send a call byte for byte and read the whole answer."""
    parts = urlsplit(call.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with contextlib.closing(kind(parts.netloc, timeout=_TIMEOUT_S)) as connection:
        connection.request(call.method, parts.path or "/", body=call.body, headers=dict(call.headers))
        with connection.getresponse() as response:
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Reply(status=response.status, headers=headers, body=response.read(_ANSWER_LIMIT))
