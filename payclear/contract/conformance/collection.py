"""Plays what a collecting bank's messages and our replies must withstand, before any book is opened.

Called by `plays`.
"""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType

from payclear.contract.channels import Channel, Instrument
from payclear.contract.collection import CollectionCall, CollectionOperation, CollectionVerdict
from payclear.contract.conformance.bench import Bench, Failed, Subject, need
from payclear.contract.conformance.counter import BankCounter, last_step, refuses
from payclear.contract.conformance.exchanges import Play
from payclear.contract.conformance.mutations import mutations
from payclear.contract.errors import CallbackMalformed, SignatureInvalid

_V = CollectionVerdict
# What the core may answer to each operation, besides what is taken.
REFUSALS: Mapping[str, tuple[CollectionVerdict, ...]] = MappingProxyType(
    {
        "inquire": (_V.NOT_FOUND, _V.AMBIGUOUS, _V.NOT_PAYABLE, _V.ALREADY_PAID, _V.BEING_CONFIRMED),
        "pay": (
            _V.NOT_PAYABLE,
            _V.ALREADY_PAID,
            _V.BEING_CONFIRMED,
            _V.AMOUNT_MISMATCH,
            _V.BILL_MISMATCH,
            _V.REFERENCE_REUSED,
            _V.REVERSED,
        ),
        "reverse": (_V.NOT_FOUND, _V.REFERENCE_REUSED, _V.TOO_LATE, _V.AMOUNT_MISMATCH),
        "status": (_V.NOT_FOUND,),
    }
)
TAKEN: Mapping[str, tuple[CollectionVerdict, ...]] = MappingProxyType(
    {
        "inquire": (_V.BILL_FOUND,),
        "pay": (_V.ACCEPTED, _V.ALREADY_KNOWN),
        "reverse": (_V.ACCEPTED, _V.ALREADY_KNOWN),
        "status": (_V.ACCEPTED, _V.REVERSED),
    }
)
# Parts of a call that a protocol may leave unsigned: the core holds bill, document and amount against each other.
RECHECKED = frozenset(
    {"bill_id", "document_no", "paid_at", "paid_at_raw", "channel", "instrument", "merchant_account"}
)


def verdicts(bench: Bench, subject: Subject) -> None:
    """Whatever we decide, the bank hears it as that: taken, refused, or come again."""
    with BankCounter(bench, subject) as counter:
        for operation in counter.manifest.collection_operations:
            for verdict in TAKEN[operation]:
                need(_heard(counter, operation, verdict) == "taken", f"{operation} {verdict} is not heard")
            for verdict in REFUSALS[operation]:
                heard = _heard(counter, operation, verdict)
                need(heard != "taken", f"{operation} {verdict} is heard as taken")
            heard = _heard(counter, operation, _V.TRY_AGAIN)
            need(heard == "unknown", f"{operation}: the bank would not come again, it heard {heard}")


def _heard(counter: BankCounter, operation: str, verdict: CollectionVerdict) -> str:
    counter.clerk.verdicts = {}
    paid = counter.visit("pay")["bank_ref"] if operation in ("reverse", "status") else ""
    counter.clerk.verdicts = {CollectionOperation(operation): verdict}
    step = last_step(counter.visit(operation, bank_ref=paid))
    if counter.manifest.collection_replies_signed:
        need(step["signed"] is True, f"the reply {verdict} to {operation} is not signed as the bank expects")
    return str(step["says"])


def reply_foreign_key(bench: Bench, subject: Subject) -> None:
    """A reply that another key has signed says nothing to the bank."""
    with BankCounter(bench, subject) as counter:
        counter.visit("pay")
        counter.clerk.account = subject.after_rotation(keeps_previous=True)
        told = counter.visit("inquire")
    need(last_step(told)["says"] == "unknown", "the bank believes a reply that is not ours")
    need(last_step(told)["signed"] is False, "the reply's signature does not depend on our key")


def reading(bench: Bench, subject: Subject) -> None:
    """Every message says what was done at the counter, with channel and instrument in payclear's words."""
    with BankCounter(bench, subject) as counter:
        genuine = counter.genuine()
        bill = counter.clerk.bill
        for operation, request in genuine.items():
            (call,) = counter.read(request)
            need(call.operation == operation, f"{operation} is read as {call.operation}")
        (asked,) = counter.read(genuine["inquire"])
        need(asked.document_no == bill.document_no, f"the inquiry asks for {asked.document_no}")
        (paid,) = counter.read(genuine["pay"])
        need(paid.bill_id == bill.bill_id, f"the payment names the bill {paid.bill_id}")
        need(paid.amount == bill.amount, f"the payment is of {paid.amount}")
        need(bool(paid.bank_ref), "the payment has no reference of the bank")
        need(paid.channel in set(Channel), f"the channel is {paid.channel}")
        need(paid.instrument in set(Instrument), f"the instrument is {paid.instrument}")
        need(
            paid.money_moved == counter.manifest.collection_notifies,
            "collection_notifies of the manifest is wrong",
        )
        if "reverse" in genuine:
            (back,) = counter.read(genuine["reverse"])
            need(back.original_ref == paid.bank_ref, f"the reversal takes back {back.original_ref}")
            need(back.bank_ref not in ("", paid.bank_ref), "the reversal has no reference of its own")


def tampered(bench: Bench, subject: Subject) -> None:
    """No field of a message can be changed, emptied, dropped or doubled with an effect, but what is checked again."""
    count, seen = 0, set[str]()
    with BankCounter(bench, subject) as counter:
        for operation, request in counter.genuine().items():
            (genuine,) = counter.read(request)
            for mutation in mutations(request, counter.manifest.callback_headers):
                count += 1
                name = mutation.field.rpartition(".")[2]
                seen.add(name)
                try:
                    heard = counter.read(mutation.request)
                except (SignatureInvalid, CallbackMalformed):
                    continue
                what = f"{operation} with {mutation.field} {mutation.deed}"
                need(len(heard) == 1, f"{what} is heard as {len(heard)} calls")
                changed = changed_parts(genuine, heard[0])
                is_open = name in counter.manifest.callback_uncovered
                need(not changed or (is_open and changed <= RECHECKED), f"{what} is believed: {changed}")
    need(count >= 10, f"only {count} mutations were tried")
    absent = set(subject.provider.manifest.callback_uncovered) - seen
    need(not absent, f"callback_uncovered of the manifest names fields that no message has: {absent}")


def changed_parts(genuine: CollectionCall, heard: CollectionCall) -> set[str]:
    """In which parts two calls differ."""
    return {
        each.name
        for each in fields(CollectionCall)
        if getattr(genuine, each.name) != getattr(heard, each.name)
    }


def foreign_key(bench: Bench, subject: Subject) -> None:
    """A message signed with another key is no message, whatever it asks."""
    with BankCounter(bench, subject) as counter:
        paid = counter.visit("pay")["bank_ref"]
        for operation in counter.manifest.collection_operations:
            counter.visit(operation, "other_key", bank_ref=paid if operation != "pay" else "")
            refuses(counter, counter.messages()[-1], f"{operation} signed with another key")


def key_rotation(bench: Bench, subject: Subject) -> None:
    """Messages under way while the bank's keys change are heard; when the old key is gone, they are not."""
    overlap = subject.after_rotation(keeps_previous=True)
    gone = subject.after_rotation(keeps_previous=False)
    with BankCounter(bench, subject) as counter:
        for operation, request in counter.genuine().items():
            try:
                heard = counter.read(request, overlap)
            except (SignatureInvalid, CallbackMalformed) as error:
                raise Failed(f"{operation} of the previous key is refused while keys overlap") from error
            need(heard == counter.read(request), f"{operation} says something else while keys overlap")
            refuses(counter, request, f"{operation} of a key that was withdrawn", gone)


PLAYS: Mapping[str, Play] = MappingProxyType(
    {
        "collect_reading": reading,
        "collect_verdicts": verdicts,
        "collect_reply_foreign_key": reply_foreign_key,
        "collect_tampered": tampered,
        "collect_foreign_key": foreign_key,
        "collect_key_rotation": key_rotation,
    }
)
