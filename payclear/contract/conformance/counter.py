"""A visit at the counter of a bank that collects for us: the simulator's bank calls, a clerk of ours answers.

Called by `collection`, `statements` and the suites. The clerk keeps no books: he says what the scenario wants said.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from payclear.contract.collection import (
    CollectedBill,
    CollectionAnswer,
    CollectionCall,
    CollectionOperation,
    CollectionVerdict,
)
from payclear.contract.conformance.bench import Bench, Failed, Subject, need
from payclear.contract.errors import CallbackMalformed, SignatureInvalid
from payclear.contract.messages import Account, Acknowledgement, InboundRequest
from payclear.kernel.payment_code import new_payment_code

Door = Callable[[InboundRequest], Acknowledgement]


@dataclass
class Clerk:
    """Answers each operation as told; by default everything is found and taken."""

    subject: Subject
    bill: CollectedBill
    account: Account
    verdicts: dict[CollectionOperation, CollectionVerdict] = field(default_factory=dict)

    def serve(self, request: InboundRequest) -> Acknowledgement:
        """Read one message and answer it, as the core does."""
        provider = self.subject.provider
        try:
            calls = provider.read_collection(self.account, request)
        except (SignatureInvalid, CallbackMalformed) as error:
            is_forged = isinstance(error, SignatureInvalid)
            verdict = CollectionVerdict.SIGNATURE_INVALID if is_forged else CollectionVerdict.MALFORMED
            return provider.answer_collection(self.account, request, (CollectionAnswer(verdict=verdict),))
        return provider.answer_collection(self.account, request, tuple(map(self._answer, calls)))

    def _answer(self, call: CollectionCall) -> CollectionAnswer:
        verdict = self.verdicts.get(call.operation, _USUAL[call.operation])
        bills = (self.bill,) if verdict is CollectionVerdict.BILL_FOUND else ()
        return CollectionAnswer(
            verdict=verdict, call=call, bills=bills, order_ref="PC0123456789H", at=self.bill.valid_until
        )


_USUAL: Mapping[CollectionOperation, CollectionVerdict] = {
    CollectionOperation.INQUIRE: CollectionVerdict.BILL_FOUND,
    CollectionOperation.PAY: CollectionVerdict.ACCEPTED,
    CollectionOperation.REVERSE: CollectionVerdict.ACCEPTED,
    CollectionOperation.STATUS: CollectionVerdict.ACCEPTED,
}


class BankCounter:
    """The bank's counter on a bench. Use it as a context: the bank's calls come to it while it lasts."""

    def __init__(self, bench: Bench, subject: Subject, *, door: Door | None = None) -> None:
        self.bench = bench
        self.subject = subject
        self.manifest = subject.provider.manifest
        self.path = f"/collection/{subject.account.code}"
        bill = CollectedBill(
            bill_id=new_payment_code(),
            document_no="H00.14-261121-0001",
            payer_name="NGUYEN V. M.",
            description="Phí, lệ phí hồ sơ H00.14-261121-0001",
            amount=subject.amount,
            valid_until=bench.clock.now().replace(microsecond=0) + timedelta(hours=6),
        )
        self.clerk = Clerk(subject, bill, subject.account)
        self._door = door or self.clerk.serve
        self._seen = len(bench.inbox.requests)

    def __enter__(self) -> "BankCounter":
        self.bench.inbox.answer = self._door
        url = self.bench.inbox.base_url + self.path
        self.bench.control("callback-url", provider=self.subject.name, url=url)
        return self

    def __exit__(self, *trouble: object) -> None:
        self.bench.inbox.answer = None

    def offers(self, operation: str) -> bool:
        """Whether the protocol knows an operation."""
        return operation in self.manifest.collection_operations

    def visit(self, operation: str = "pay", *faults: str, **asked: Any) -> dict[str, Any]:
        """Let somebody come to the counter; what happened, as the bank tells it."""
        asked = {"document": self.clerk.bill.document_no, **asked}
        told: dict[str, Any] = self.bench.control(
            "collect", provider=self.subject.name, operation=operation, faults=list(faults), **asked
        )
        return told

    def messages(self) -> list[InboundRequest]:
        """What the bank has sent since this counter opened, in the order it came."""
        return [each for each in self.bench.inbox.requests[self._seen :] if each.path.startswith(self.path)]

    def genuine(self) -> dict[str, InboundRequest]:
        """One sound message of each operation that the protocol knows, by its operation."""
        found: dict[str, InboundRequest] = {}
        paid = self.visit("pay")
        asked, *_, payment = self.messages()
        found |= {"inquire": asked, "pay": payment}
        for operation in ("reverse", "status"):
            if self.offers(operation):
                self.visit(operation, bank_ref=paid["bank_ref"])
                found[operation] = self.messages()[-1]
        return found

    def read(self, request: InboundRequest, account: Account | None = None) -> tuple[CollectionCall, ...]:
        """What the adapter makes of a message."""
        return self.subject.provider.read_collection(account or self.subject.account, request)


def last_step(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the bank heard our last answer of a visit."""
    steps = told["steps"]
    need(bool(steps), "the bank sent nothing")
    step: Mapping[str, Any] = steps[-1]
    return step


def refuses(counter: BankCounter, request: InboundRequest, what: str, account: Account | None = None) -> None:
    """Raise Failed unless a message is refused for its signature."""
    try:
        counter.read(request, account)
    except SignatureInvalid:
        return
    except CallbackMalformed as error:
        raise Failed(f"{what} is called malformed, not forged: {error}") from error
    raise Failed(f"{what} is believed")
