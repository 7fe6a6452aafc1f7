"""Rules of collection at a bank's counter: who is shown, until when a bill and a reversal hold, what is the same call. Pure."""

import hashlib
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from payclear.contract.collection import CollectionCall, CollectionVerdict
from payclear.kernel.calendar import business_day_of
from payclear.kernel.clock import at_vietnam

BILL_HOLDS = timedelta(hours=24)
NAME_CHARACTERS_MAX = 60

# What a bank is told when a number leads to several documents and none can be paid: the first that is among them.
MOST_TELLING = (
    CollectionVerdict.BEING_CONFIRMED,
    CollectionVerdict.ALREADY_PAID,
    CollectionVerdict.NOT_PAYABLE,
)


class PaymentState(StrEnum):
    """Where a payment at a counter stands. `suspended`: the money lies in suspense with a case."""

    ACCEPTED = "accepted"
    SUSPENDED = "suspended"
    REVERSED = "reversed"


def masked_name(name: str) -> str:
    """The family name and the initials of the rest, as `strip_accents` left them, in capitals: `NGUYEN V. M.`

    A name of one word shows its first letter only.
    """
    words = "".join(
        letter if letter.isalnum() and letter.isascii() else " " for letter in name.upper()
    ).split()
    shown = words[:1] if len(words) > 1 else []
    return " ".join([*shown, *(f"{word[0]}." for word in words[len(shown) :])])[:NAME_CHARACTERS_MAX]


def bill_holds_until(now: datetime, *, last_day: date | None) -> datetime:
    """When a bill handed out now stops to hold: at the end of the last day of its quote, where that is known, or sooner."""
    end = now + BILL_HOLDS
    return end if last_day is None else min(end, at_vietnam(last_day + timedelta(days=1), time.min))


def reversible_until(paid_at: datetime, *, cut_off: str) -> datetime:
    """The end of the business day on which a payment was taken; until then the bank may take it back."""
    ends = time.fromisoformat(cut_off)
    on = business_day_of(paid_at, ends)
    return at_vietnam(on + timedelta(days=1), ends) if ends == time(0) else at_vietnam(on, ends)


def fingerprint_of(call: CollectionCall) -> str:
    """What makes a repeated payment the same one: its bill and its money, however else the message is written."""
    assert call.amount is not None, "an adapter reads no payment without an amount"
    text = f"{call.bill_id}|{call.amount.amount}|{call.amount.currency}"
    return hashlib.sha256(text.encode()).hexdigest()
