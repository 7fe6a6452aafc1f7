"""VietQR in pure functions: the purpose a QR carries, what a transfer means, and how notifications are answered.

Used by provider.py. It never does I/O and never reads a clock.
"""

from collections.abc import Mapping
from types import MappingProxyType

from payclear.contract.messages import Account
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.payment_code import find_payment_codes
from payclear.kernel.secret import Secret
from providers.transfers import TransferNotice

# Apps keep 25 characters at least; an element of the QR has room for 99 with its own tag and length.
PURPOSE_MAX = 90
# A transfer to us is money; one that leaves us says nothing about an attempt.
OUTCOMES: Mapping[bool, Outcome] = MappingProxyType({True: Outcome.CONFIRMED, False: Outcome.UNKNOWN})
# The sender repeats until 2xx. A transfer that names nobody is kept here; repeating it would not help.
ACKNOWLEDGEMENTS: Mapping[CallbackVerdict, int] = MappingProxyType(
    {
        CallbackVerdict.ACCEPTED: 200,
        CallbackVerdict.ALREADY_KNOWN: 200,
        CallbackVerdict.ORDER_NOT_FOUND: 200,
        CallbackVerdict.AMOUNT_MISMATCH: 200,
        CallbackVerdict.SIGNATURE_INVALID: 401,
        CallbackVerdict.MALFORMED: 400,
        CallbackVerdict.TRY_AGAIN: 503,
    }
)


def purpose_of(attempt_ref: str, memo: str) -> str:
    """What the payer's bank is to write: the attempt's reference first, for apps cut the end; then the payment code and
    what the memo says after it, such as the number of a decision; the order's reference is in the attempt's."""
    codes = find_payment_codes(memo)[:1]
    rest = memo.partition(codes[0])[2].split() if codes else []
    words = [attempt_ref, *codes, *(word for word in rest if not attempt_ref.startswith(word))]
    return " ".join(words)[:PURPOSE_MAX].rstrip()


def named_account(notice: TransferNotice, own: str) -> str:
    """The account a transfer names: our virtual account where it is one, else the bank account."""
    return own if notice.sub_account == own else notice.account_number


def reference_of(notice: TransferNotice) -> str:
    """Our reference, or the notification's own number where the memo names none: evidence is kept either way."""
    return notice.reference or f"TRANSFER{notice.id}"


def active_keys(account: Account) -> dict[str, Secret]:
    """The keys that may have signed a notification: the present one and, while it overlaps, the previous."""
    names = ("notification_secret", "notification_secret_previous")
    return {name: account.secrets[name] for name in names if account.secrets.get(name)}
