"""Rules of refunds at the provider: states, what each answer does, who bears a part. Pure; called by `refunds.service`."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from payclear.contract.manifest import Capability, Manifest
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money
from payclear.kernel.states import StateTable, register

REASON_LENGTH_MAX = 200


class RefundState(StrEnum):
    """Where a refund stands. `requested`: nothing left us, or the provider never saw it; `sent`: the provider works."""

    REQUESTED = "requested"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    DONE = "done"
    REJECTED = "rejected"


_S = RefundState
DECIDED = frozenset({_S.DONE, _S.REJECTED})

REFUND_STATES = register(
    StateTable(
        name="refund",
        initial=_S.REQUESTED,
        transitions={
            # Committed before the call: whatever happens during it, the refund may have been made.
            (_S.REQUESTED, "called"): _S.IN_DOUBT,
            (_S.REQUESTED, "sent"): _S.SENT,
            (_S.REQUESTED, "done"): _S.DONE,
            (_S.REQUESTED, "rejected"): _S.REJECTED,
            (_S.IN_DOUBT, "not_sent"): _S.REQUESTED,
            (_S.IN_DOUBT, "sent"): _S.SENT,
            (_S.IN_DOUBT, "done"): _S.DONE,
            (_S.IN_DOUBT, "rejected"): _S.REJECTED,
            (_S.SENT, "done"): _S.DONE,
            (_S.SENT, "rejected"): _S.REJECTED,
            # The statement is the last word: money that went back after all is booked.
            (_S.REJECTED, "done"): _S.DONE,
        },
        ignored=frozenset(
            {
                (_S.REQUESTED, "not_sent"),
                (_S.REQUESTED, "doubted"),
                (_S.IN_DOUBT, "doubted"),
                (_S.SENT, "sent"),
                (_S.SENT, "doubted"),
                (_S.SENT, "not_sent"),  # it was seen there once: only an end ends it
                (_S.DONE, "sent"),
                (_S.DONE, "doubted"),
                (_S.DONE, "done"),
                (_S.REJECTED, "sent"),
                (_S.REJECTED, "doubted"),
                (_S.REJECTED, "not_sent"),
                (_S.REJECTED, "rejected"),
            }
        ),
        terminal=DECIDED,
        reopening=frozenset({(_S.REJECTED, "done")}),
    )
)


class RefundEffect(StrEnum):
    """What one piece of evidence did to a refund."""

    DONE = "done"  # the money went back and is booked
    REJECTED = "rejected"  # the provider refused; the amount may be asked for again
    SENT = "sent"  # the provider works on it
    RETURNED = "returned"  # the provider never saw it: it is sent again under the same reference
    DOUBTED = "doubted"  # nothing decided
    REPEATED = "repeated"  # said again what was known
    CONTESTED = "contested"  # it contradicts what is decided, or its amount is another: a person must look


_EVENTS = {
    Outcome.CONFIRMED: ("done", RefundEffect.DONE),
    Outcome.REJECTED: ("rejected", RefundEffect.REJECTED),
    Outcome.PENDING: ("sent", RefundEffect.SENT),
    Outcome.NOT_SENT: ("not_sent", RefundEffect.RETURNED),
    Outcome.UNKNOWN: ("doubted", RefundEffect.DOUBTED),
}


@dataclass(frozen=True, slots=True)
class RefundVerdict:
    """What to do with evidence about a refund: the event (None: no change) and the effect."""

    effect: RefundEffect
    event: str | None = None


def judge_refund(
    state: RefundState, outcome: Outcome, *, source: EvidenceSource, known_rank: int
) -> RefundVerdict:
    """Decide what evidence does to a refund. `known_rank` is that of the source that decided it, -1 for none."""
    if state is RefundState.DONE and outcome in (Outcome.REJECTED, Outcome.NOT_SENT):
        return RefundVerdict(RefundEffect.CONTESTED)
    if state is RefundState.REJECTED and outcome is Outcome.CONFIRMED and source.rank <= known_rank:
        return RefundVerdict(RefundEffect.CONTESTED)
    event, effect = _EVENTS[outcome]
    if REFUND_STATES.next(state, event).ignored:
        return RefundVerdict(
            RefundEffect.DOUBTED if outcome is Outcome.UNKNOWN else RefundEffect.REPEATED, None
        )
    return RefundVerdict(effect, event)


def may_be_asked(manifest: Manifest, *, is_numbered: bool) -> bool:
    """Whether the provider can say what became of a refund: by a query, or by the same request again.

    `is_numbered`: the provider told its own number of the refund. A question that can not be put is no call: it must not
    count against the provider, whose other refunds wait for their answers.
    """
    if Capability.REFUND_QUERY in manifest.capabilities:
        return is_numbered or not manifest.refund_query_needs_number
    return manifest.refund_repeats_safely


def shares_of(amount: Money, remainders: Sequence[tuple[str, int]]) -> tuple[tuple[Money, str], ...]:
    """Split a refund over what is left of each beneficiary account; none bears more than it has. Nothing bears nothing."""
    parts = amount.allocate([left for _account, left in remainders])
    shares = [(part, account) for part, (account, _left) in zip(parts, remainders, strict=True)]
    return tuple((part, account) for part, account in shares if part.is_positive)


def borne_by(
    amount: Money,
    claims: Sequence[tuple[Money, Sequence[tuple[str, int]]]],
    remainders: Sequence[tuple[str, int]],
) -> tuple[tuple[Money, str], ...]:
    """Split a refund of which parts are known to concern some accounts only; the rest as `shares_of` does.

    A claim is an amount and its accounts with their weights. No account bears more than is left of it: what an account
    can not bear of its claim, all bear together.
    """
    left = dict(remainders)
    borne: dict[str, int] = dict.fromkeys(left, 0)
    for claimed, accounts in claims:
        for part, (account, _weight) in zip(
            claimed.allocate([weight for _account, weight in accounts]), accounts, strict=True
        ):
            taken = min(part.amount, left.get(account, 0))
            if taken:
                borne[account] += taken
                left[account] -= taken
    rest = amount - Money(sum(borne.values()), amount.currency)
    if rest.is_positive:
        for part, account in shares_of(rest, list(left.items())):
            borne[account] += part.amount
    return tuple((Money(each, amount.currency), account) for account, each in borne.items() if each)


def new_refund_ref(attempt_ref: str, number: int) -> str:
    """The reference of an attempt's refund: the attempt's and the refund's number. It tells a reader whose money it is."""
    return f"{attempt_ref}R{number:02d}"
