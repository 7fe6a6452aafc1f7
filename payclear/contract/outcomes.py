"""The outcome lattice and the precedence of evidence; used by adapters and by `orders`. Holds no rule of one provider."""

from enum import StrEnum


class Outcome(StrEnum):
    """What is known about an attempt. Failover is allowed only after `rejected` or `not_sent`."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    PENDING = "pending"
    UNKNOWN = "unknown"

    @property
    def is_final(self) -> bool:
        """True when the provider says that nothing will change this answer by itself."""
        return self in (Outcome.CONFIRMED, Outcome.REJECTED, Outcome.NOT_SENT)

    @property
    def allows_another_provider(self) -> bool:
        """True when a second attempt can not become a second payment."""
        return self in (Outcome.REJECTED, Outcome.NOT_SENT)


class EvidenceSource(StrEnum):
    """Where a statement about an attempt came from; `rank` orders them, a higher rank wins."""

    BROWSER_RETURN = "browser_return"
    CALLBACK = "callback"
    STATUS_QUERY = "status_query"
    STATEMENT = "statement"
    OPERATOR = "operator"

    @property
    def rank(self) -> int:
        """Precedence: statement › status query › callback › browser return; an operator acts on a statement's level."""
        return _RANKS[self]


_RANKS = {
    EvidenceSource.BROWSER_RETURN: 0,
    EvidenceSource.CALLBACK: 1,
    EvidenceSource.STATUS_QUERY: 2,
    EvidenceSource.STATEMENT: 3,
    EvidenceSource.OPERATOR: 3,
}


class CallbackVerdict(StrEnum):
    """How we answer a callback; every adapter maps each verdict to its provider's exact acknowledgement."""

    ACCEPTED = "accepted"
    ALREADY_KNOWN = "already_known"
    ORDER_NOT_FOUND = "order_not_found"
    AMOUNT_MISMATCH = "amount_mismatch"
    SIGNATURE_INVALID = "signature_invalid"
    MALFORMED = "malformed"
    TRY_AGAIN = "try_again"
