"""Rules of payment orders and attempts: states, what evidence does, when to ask again. Pure; called by `orders.service`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money
from payclear.kernel.states import StateTable, register


class OrderState(StrEnum):
    """Where an order stands.

    `failed`: every allowed try was refused. `reversed`: the bank took the payment back. `exempted`: nothing is to be paid.
    """

    OPEN = "open"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REVERSED = "reversed"
    EXEMPTED = "exempted"


class AttemptState(StrEnum):
    """Where one try stands.

    `surplus`: the money came, but the order can not take it; it lies in suspense with a case. `reversed`: the bank that
    took the money at its counter gave it back the same day.
    """

    CREATED = "created"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    SURPLUS = "surplus"
    REVERSED = "reversed"


LIVE_STATES = frozenset({AttemptState.CREATED, AttemptState.SENT, AttemptState.IN_DOUBT})
HOLDS_MONEY = frozenset({AttemptState.SUCCEEDED, AttemptState.SURPLUS})
TOOK_MONEY = HOLDS_MONEY | {AttemptState.REVERSED}

ORDER_STATES = register(
    StateTable(
        name="payment_order",
        initial=OrderState.OPEN,
        transitions={
            (OrderState.OPEN, "paid"): OrderState.PAID,
            (OrderState.OPEN, "failed"): OrderState.FAILED,
            (OrderState.OPEN, "expired"): OrderState.EXPIRED,
            (OrderState.OPEN, "cancelled"): OrderState.CANCELLED,
            (OrderState.OPEN, "exempted"): OrderState.EXEMPTED,
            (OrderState.PAID, "reversed"): OrderState.REVERSED,
        },
        ignored=frozenset(
            {
                (OrderState.PAID, "paid"),
                (OrderState.PAID, "expired"),
                (OrderState.FAILED, "expired"),
                (OrderState.EXPIRED, "expired"),
                (OrderState.CANCELLED, "expired"),
                (OrderState.CANCELLED, "cancelled"),
                (OrderState.REVERSED, "expired"),
                (OrderState.REVERSED, "reversed"),
                (OrderState.EXEMPTED, "expired"),
                (OrderState.EXEMPTED, "exempted"),
            }
        ),
        terminal=frozenset(
            {
                OrderState.PAID,
                OrderState.FAILED,
                OrderState.EXPIRED,
                OrderState.CANCELLED,
                OrderState.REVERSED,
                OrderState.EXEMPTED,
            }
        ),
        reopening=frozenset({(OrderState.PAID, "reversed")}),
    )
)

_A = AttemptState
ATTEMPT_STATES = register(
    StateTable(
        name="payment_attempt",
        initial=AttemptState.CREATED,
        transitions={
            (_A.CREATED, "sent"): _A.SENT,
            (_A.CREATED, "doubted"): _A.IN_DOUBT,
            (_A.CREATED, "rejected"): _A.FAILED,
            (_A.CREATED, "not_sent"): _A.FAILED,
            (_A.CREATED, "confirmed"): _A.SUCCEEDED,
            (_A.CREATED, "lapsed"): _A.EXPIRED,
            (_A.CREATED, "surplus"): _A.SURPLUS,
            (_A.SENT, "doubted"): _A.IN_DOUBT,
            (_A.SENT, "rejected"): _A.FAILED,
            (_A.SENT, "confirmed"): _A.SUCCEEDED,
            (_A.SENT, "lapsed"): _A.EXPIRED,
            (_A.SENT, "surplus"): _A.SURPLUS,
            (_A.IN_DOUBT, "rejected"): _A.FAILED,
            (_A.IN_DOUBT, "confirmed"): _A.SUCCEEDED,
            (_A.IN_DOUBT, "lapsed"): _A.EXPIRED,
            (_A.IN_DOUBT, "surplus"): _A.SURPLUS,
            # Money that comes after an attempt was given up is taken, never refused.
            (_A.FAILED, "confirmed"): _A.SUCCEEDED,
            (_A.FAILED, "surplus"): _A.SURPLUS,
            (_A.EXPIRED, "confirmed"): _A.SUCCEEDED,
            (_A.EXPIRED, "surplus"): _A.SURPLUS,
            # A teller took the wrong bill: the bank takes the payment back before its day is settled.
            (_A.SUCCEEDED, "reversed"): _A.REVERSED,
        },
        ignored=frozenset(
            {
                (_A.SENT, "sent"),
                (_A.IN_DOUBT, "sent"),
                (_A.IN_DOUBT, "doubted"),
                (_A.SUCCEEDED, "sent"),
                (_A.SUCCEEDED, "doubted"),
                (_A.SUCCEEDED, "confirmed"),
                (_A.FAILED, "sent"),
                (_A.FAILED, "doubted"),
                (_A.FAILED, "rejected"),
                (_A.FAILED, "lapsed"),
                (_A.EXPIRED, "sent"),
                (_A.EXPIRED, "doubted"),
                (_A.EXPIRED, "rejected"),
                (_A.EXPIRED, "lapsed"),
                (_A.SURPLUS, "sent"),
                (_A.SURPLUS, "doubted"),
                (_A.SURPLUS, "confirmed"),
                (_A.SURPLUS, "surplus"),
                (_A.REVERSED, "sent"),
                (_A.REVERSED, "doubted"),
                (_A.REVERSED, "confirmed"),
                (_A.REVERSED, "rejected"),
                (_A.REVERSED, "reversed"),
            }
        ),
        terminal=frozenset({_A.SUCCEEDED, _A.FAILED, _A.EXPIRED, _A.SURPLUS, _A.REVERSED}),
        reopening=frozenset(
            {
                (_A.FAILED, "confirmed"),
                (_A.FAILED, "surplus"),
                (_A.EXPIRED, "confirmed"),
                (_A.EXPIRED, "surplus"),
                (_A.SUCCEEDED, "reversed"),
            }
        ),
    )
)


class Effect(StrEnum):
    """What one piece of evidence did; stored with it."""

    CAPTURED = "captured"  # the order became paid
    REFUSED = "refused"  # the attempt ended without money
    DOUBTED = "doubted"  # nothing decided; the provider will be asked again
    LAPSED = "lapsed"  # the attempt's time is over and the provider holds no payment
    REPEATED = "repeated"  # said again what was known
    OVERRULED = "overruled"  # a weaker source contradicted a stronger one, or a decided capture
    SUSPENDED = "suspended"  # money came that the order can not take: suspense and a case
    REVERSED = "reversed"  # the bank took its payment back
    UNMATCHED = "unmatched"  # no attempt of ours has this reference
    NOTED = "noted"  # a browser return: proves nothing


class CaseKind(StrEnum):
    """Why money lies in suspense, or why evidence needs a person."""

    AMOUNT_MISMATCH = "amount_mismatch"
    CURRENCY_MISMATCH = "currency_mismatch"
    MERCHANT_MISMATCH = "merchant_mismatch"
    LATE_SUCCESS = "late_success"
    DOUBLE_SUCCESS = "double_success"
    REVERSED_AFTER_CAPTURE = "reversed_after_capture"
    CONTESTED = "contested"
    REFERENCE_REUSED = "reference_reused"
    UNKNOWN_ATTEMPT = "unknown_attempt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The attempt and its order as they stand under the lock."""

    attempt_state: AttemptState
    order_state: OrderState
    order_has_capture: bool  # another attempt of the order has succeeded
    other_live_attempt: bool  # another attempt of the order is live
    evidence_rank: int  # rank of the strongest source applied so far, -1 for none
    amount: Money
    merchant_account: str
    booked_ref: str | None  # the provider's reference under which this attempt's money stands in the books
    attempt_lapsed: bool  # the attempt's time and the grace after it were over when the source was asked
    is_last_try: bool  # the order may have no further attempt
    is_hindered: bool = False  # something else forbids that the order takes this money


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do with evidence: the attempt's and the order's event (None: no change), the effect, the case to open."""

    effect: Effect
    attempt_event: str | None = None
    order_event: str | None = None
    case: CaseKind | None = None
    books_capture: bool = False
    books_suspense: bool = False
    asks_again: bool = False  # a weaker source brought news of money: the provider decides at once


def judge(standing: Standing, evidence: Evidence) -> Verdict:
    """Decide what evidence does to an attempt and its order (DESIGN section 5, rules 2 to 6)."""
    if evidence.source is EvidenceSource.BROWSER_RETURN:
        return Verdict(effect=Effect.NOTED)
    if standing.attempt_state is AttemptState.REVERSED:
        return _after_reversal(standing, evidence)
    if standing.attempt_state in HOLDS_MONEY:
        return _after_money(standing, evidence)
    if evidence.outcome is Outcome.CONFIRMED:
        return _confirmed(standing, evidence)
    if evidence.source.rank < standing.evidence_rank:
        return Verdict(effect=Effect.OVERRULED)
    if evidence.outcome is Outcome.REJECTED:
        return _ended(standing, "rejected", Effect.REFUSED)
    if evidence.outcome is Outcome.NOT_SENT:
        return _not_sent(standing, evidence)
    return _undecided(standing)


def _after_money(standing: Standing, evidence: Evidence) -> Verdict:
    if evidence.outcome is Outcome.CONFIRMED:
        return _confirmed_again(standing, evidence)
    if evidence.outcome is Outcome.REJECTED and evidence.source.rank >= EvidenceSource.STATUS_QUERY.rank:
        # The books stay; a person decides about a capture that the provider now denies.
        return Verdict(effect=Effect.OVERRULED, case=CaseKind.REVERSED_AFTER_CAPTURE)
    return Verdict(effect=Effect.OVERRULED)


def _after_reversal(standing: Standing, evidence: Evidence) -> Verdict:
    if evidence.outcome is not Outcome.CONFIRMED:
        return Verdict(effect=Effect.REPEATED)
    if _is_another_payment(standing, evidence) and has_amount(evidence):
        return Verdict(effect=Effect.SUSPENDED, case=CaseKind.LATE_SUCCESS, books_suspense=True)
    if evidence.source.rank >= EvidenceSource.STATUS_QUERY.rank:
        # The bank took the payment back and lists it all the same: a person must look.
        return Verdict(effect=Effect.OVERRULED, case=CaseKind.CONTESTED)
    return Verdict(effect=Effect.REPEATED)


def _is_another_payment(standing: Standing, evidence: Evidence) -> bool:
    known = None not in (evidence.provider_ref, standing.booked_ref)
    return known and evidence.provider_ref != standing.booked_ref


def _confirmed_again(standing: Standing, evidence: Evidence) -> Verdict:
    if _is_another_payment(standing, evidence) and has_amount(evidence):
        return Verdict(effect=Effect.SUSPENDED, case=CaseKind.DOUBLE_SUCCESS, books_suspense=True)
    if standing.attempt_state is AttemptState.SUCCEEDED and has_amount(evidence):
        case = mismatch(standing, evidence)
        if case is not None:
            return Verdict(effect=Effect.OVERRULED, case=case)
    return Verdict(effect=Effect.REPEATED)


def _confirmed(standing: Standing, evidence: Evidence) -> Verdict:
    asks_again = evidence.source.rank < EvidenceSource.STATUS_QUERY.rank
    if evidence.source.rank < standing.evidence_rank:
        # A hint from below makes us ask; when the answer itself is overruled by the statement, a person must look.
        return Verdict(
            effect=Effect.OVERRULED, asks_again=asks_again, case=None if asks_again else CaseKind.CONTESTED
        )
    if not has_amount(evidence):
        return Verdict(effect=Effect.DOUBTED, asks_again=asks_again)
    case = mismatch(standing, evidence)
    if case is None and standing.order_has_capture:
        case = CaseKind.DOUBLE_SUCCESS
    elif case is None and (
        standing.order_state is not OrderState.OPEN or standing.other_live_attempt or standing.is_hindered
    ):
        case = CaseKind.LATE_SUCCESS
    if case is None:
        return Verdict(
            effect=Effect.CAPTURED, attempt_event="confirmed", order_event="paid", books_capture=True
        )
    return Verdict(effect=Effect.SUSPENDED, attempt_event="surplus", case=case, books_suspense=True)


def already_booked(standing: Standing) -> Verdict:
    """What remains of a verdict when the provider's transaction stands in the books before: nothing is booked twice."""
    if standing.attempt_state in TOOK_MONEY:
        return Verdict(effect=Effect.REPEATED)
    return Verdict(effect=Effect.OVERRULED, case=CaseKind.REFERENCE_REUSED)


def has_amount(evidence: Evidence) -> bool:
    """Whether a confirmation names money: none, or nothing, proves nothing."""
    return evidence.amount is not None and evidence.amount.is_positive


def mismatch(standing: Standing, evidence: Evidence) -> CaseKind | None:
    """Compare amount, currency and merchant account exactly (rule 5)."""
    assert evidence.amount is not None
    if evidence.amount.currency != standing.amount.currency:
        return CaseKind.CURRENCY_MISMATCH
    if evidence.amount.amount != standing.amount.amount:
        return CaseKind.AMOUNT_MISMATCH
    if evidence.merchant_account is not None and evidence.merchant_account != standing.merchant_account:
        return CaseKind.MERCHANT_MISMATCH
    return None


def _ended(standing: Standing, event: str, effect: Effect) -> Verdict:
    if standing.attempt_state not in LIVE_STATES:
        return Verdict(effect=Effect.REPEATED)
    gives_up = standing.is_last_try and standing.order_state is OrderState.OPEN
    return Verdict(effect=effect, attempt_event=event, order_event="failed" if gives_up else None)


def _not_sent(standing: Standing, evidence: Evidence) -> Verdict:
    # A redirect that the citizen has not opened yet is unknown to the provider too: only after the attempt's
    # own time is "not known here" an end. The answer to our own create call is an end at once.
    if standing.attempt_lapsed or evidence.source is EvidenceSource.OPERATOR:
        return _ended(standing, "lapsed", Effect.LAPSED)
    return Verdict(effect=Effect.DOUBTED)


def _undecided(standing: Standing) -> Verdict:
    newly = standing.attempt_state in LIVE_STATES and standing.attempt_state is not AttemptState.IN_DOUBT
    return Verdict(
        effect=Effect.DOUBTED, attempt_event="doubted" if newly and standing.attempt_lapsed else None
    )


QUERY_STEPS = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10), timedelta(hours=1))
LAPSE_GRACE = timedelta(seconds=30)


def next_query_at(*, asked: int, now: datetime) -> datetime:
    """When to ask the provider again after `asked` queries: 30 s, 2 min, 10 min, 1 h, then hourly (DESIGN section 6)."""
    return now + QUERY_STEPS[min(asked, len(QUERY_STEPS) - 1)]


def next_watch_at(*, now: datetime, until: datetime) -> datetime | None:
    """When to ask again about an attempt that lapsed unpaid: hourly, the last time at `until`; None when it is over."""
    return min(now + QUERY_STEPS[-1], until) if now < until else None


class PublicStatus(StrEnum):
    """What a portal sees of an order: its state, and `pending` while an attempt is live."""

    OPEN = "open"
    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REVERSED = "reversed"
    EXEMPTED = "exempted"


def public_status(state: OrderState, *, has_live_attempt: bool) -> PublicStatus:
    """Map an order to the public vocabulary; total over all states."""
    if state is OrderState.OPEN and has_live_attempt:
        return PublicStatus.PENDING
    return PublicStatus(state.value)
