"""What a bank that collects for us says and is told: bills asked for, paid at a counter, taken back.

The bank calls first here. An adapter turns its messages into `CollectionCall`s and our `CollectionAnswer`s into its own
replies; `payclear.collection` decides. A message may hold several calls (VietinBank's records).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from payclear.kernel.money import Money


class CollectionOperation(StrEnum):
    """What the bank wants."""

    INQUIRE = "inquire"
    PAY = "pay"
    REVERSE = "reverse"
    STATUS = "status"


class CollectionVerdict(StrEnum):
    """How a call is answered; every adapter maps each verdict to its protocol's own code."""

    BILL_FOUND = "bill_found"
    ACCEPTED = "accepted"
    ALREADY_KNOWN = "already_known"  # the same call again: it was accepted before and is still accepted
    NOT_FOUND = "not_found"  # no such payment code, dossier, decision, or no such payment of this bank
    AMBIGUOUS = "ambiguous"  # several documents bear this number: ask for the payment code
    NOT_PAYABLE = "not_payable"  # cancelled, expired, not yet payable
    ALREADY_PAID = "already_paid"
    BEING_CONFIRMED = "being_confirmed"  # a payment elsewhere is not decided yet: do not take the money
    AMOUNT_MISMATCH = "amount_mismatch"
    BILL_MISMATCH = "bill_mismatch"  # the bill was not handed out for this document, or not to this bank
    REFERENCE_REUSED = "reference_reused"  # the bank's reference stands for another payment
    SUSPENDED = "suspended"  # money that has moved already is kept in suspense with a case
    REVERSED = "reversed"  # STATUS: the payment was taken back
    TOO_LATE = "too_late"  # a reversal after the day was settled: it must become a refund
    SIGNATURE_INVALID = "signature_invalid"
    MALFORMED = "malformed"
    TRY_AGAIN = "try_again"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionCall:
    """One verified call of a bank. No name of a payer is in it: what a message tells of persons stays in its raw bytes.

    `money_moved`: the message tells of money that the bank holds already and can not be refused; otherwise the bank waits
    for our word before it takes the money. `channel` and `instrument` are `payclear.contract.channels` words.
    """

    operation: CollectionOperation
    bank_ref: str  # the bank's own reference of the payment or reversal; of the message for an inquiry
    document_no: str = (
        ""  # INQUIRE, and PAY where the message repeats it: payment code, dossier code or decision number
    )
    bill_id: str = ""  # PAY: the bill that an inquiry handed out
    amount: Money | None = None
    original_ref: str = ""  # REVERSE: the bank_ref it takes back
    money_moved: bool = False
    merchant_account: str | None = None
    paid_at: datetime | None = None
    paid_at_raw: str | None = None
    channel: str | None = None
    instrument: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedBill:
    """One bill to be shown at a counter. `bill_id` is the payment code; `payer_name` is masked; texts are Vietnamese."""

    bill_id: str
    document_no: str
    payer_name: str
    description: str
    amount: Money
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionAnswer:
    """What one call is answered. `call` is None when the message was not read (bad signature, malformed)."""

    verdict: CollectionVerdict
    call: CollectionCall | None = None
    bills: tuple[CollectedBill, ...] = ()
    order_ref: str = ""
    at: datetime | None = None  # STATUS: when the payment was accepted or reversed
