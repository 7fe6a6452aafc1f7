"""A town with a bank's counter and our real address behind it, for the scenarios of collection that the ledger judges."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from payclear.contract.conformance.counter import BankCounter
from payclear.contract.messages import Acknowledgement, InboundRequest
from payclear.obligations.records import ObligationView
from tests.providers.conformance.books import Desk

_HOPS = frozenset({"content-length", "connection", "accept-encoding"})
# What a sound answer to a payment that we do not take may leave behind: the message as it came, a reversal that found nothing.
_TRACES = ("day_key", "collection_message", "collection_bill", "collection_early_reversal")


@dataclass(slots=True)
class Town:
    """A desk with a bank's counter in front of it."""

    desk: Desk
    counter: BankCounter

    @property
    def notifies(self) -> bool:
        """Whether the bank has taken the money before we hear of it."""
        return self.counter.manifest.collection_notifies

    def owed(self, amount: int = 150_000) -> ObligationView:
        """A dossier's fee."""
        return self.desk.scene.fee(amount)

    def pay(self, owed: ObligationView, *faults: str, **asked: Any) -> dict[str, Any]:
        """Somebody pays at the counter, by the document's number."""
        return self.counter.visit("pay", *faults, document=owed.document_no, **asked)

    def bill(self, document: str) -> dict[str, Any]:
        """The one bill that an inquiry shows."""
        told = self.counter.visit("inquire", document=document)
        (bill,) = told["bills"]
        return bill

    def states(self) -> list[str]:
        """Where the orders stand, oldest first."""
        return [state for (state,) in self.rows("SELECT state FROM payment_order ORDER BY created_at, id")]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the database says."""
        with self.desk.scene.runtime.database.begin() as uow:
            return [tuple(row) for row in uow.run(sql)]

    def held(self) -> int:
        """What our books hold of the bank's money: captured or in suspense, less what was taken back."""
        signs = {"payment_captured": 1, "payment_suspended": 1, "payment_reversed": -1}
        return sum(signs[template] * amount for template, amount in self.desk.money())

    def kept(self) -> int:
        """What the bank says it holds for us."""
        name = self.desk.subject.name
        truth = self.desk.bench.read("truth", provider=name)
        ours = {row[0] for row in self.rows("SELECT bill_id FROM collection_bill")}
        return sum(
            paid["amount"] for paid in truth if paid["status"] == "paid" and paid["attempt_ref"] in ours
        )

    def lasting(self) -> dict[str, int]:
        """How many rows each table has, but for counters of refusals, bills shown and messages kept."""
        counted = self.desk.everything()
        return {
            name: rows for name, rows in counted.items() if name not in (*_TRACES, "collection_rejection")
        }


def door(desk: Desk) -> Callable[[InboundRequest], Acknowledgement]:
    """Our real address: the message byte for byte to the web application, the answer back to the bank."""

    def serve(request: InboundRequest) -> Acknowledgement:
        response = desk.app.test_client().open(
            request.path,
            base_url=f"http://{request.headers['host']}",
            method=request.method,
            data=request.body,
            headers={name: value for name, value in request.headers.items() if name not in _HOPS},
        )
        kept = ("content-digest", "signature", "signature-input")
        return Acknowledgement(
            status=response.status_code,
            content_type=response.headers.get("content-type", ""),
            body=response.get_data(),
            headers={name: response.headers[name] for name in kept if name in response.headers},
        )

    return serve
