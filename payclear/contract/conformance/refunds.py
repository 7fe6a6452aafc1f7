"""Plays refunds: whole, in parts, too much, refused, repeated, silent before and after the money went back.

Called by `plays`. What went back is read from the simulator's truth, never from the adapter.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from payclear.contract.conformance.bench import Bench, Payment, Subject, need
from payclear.contract.conformance.judgments import has, leaves_doubt, refund_query, refund_request, truth
from payclear.contract.errors import OutcomeUnknown
from payclear.contract.manifest import Capability
from payclear.contract.messages import RefundRequest, RefundResult
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money, sum_money

HANG_S = 5
_GIVEN = (Outcome.CONFIRMED, Outcome.PENDING)


def refund(bench: Bench, subject: Subject) -> None:
    """The whole amount goes back once, and its query knows it."""
    with _paid(bench, subject) as payment:
        asked = refund_request(payment, subject.amount)
        result = _give(payment, asked)
        _went_back(payment, subject.amount)
        _is_known(payment, asked, result)
        _is_too_much(payment, subject.amount)


def refund_part(bench: Bench, subject: Subject) -> None:
    """Two parts go back, each under its own reference; not one đồng more."""
    with _paid(bench, subject) as payment:
        first = Money(subject.amount.amount // 3)
        rest = subject.amount - first
        for part in (first, rest):
            asked = refund_request(payment, part)
            _is_known(payment, asked, _give(payment, asked))
        _went_back(payment, sum_money((first, rest)))
        _is_too_much(payment, Money(1_000))


def refund_refused(bench: Bench, subject: Subject) -> None:
    """The provider refuses: nothing goes back, and no answer says that it did."""
    with _paid(bench, subject) as payment:
        payment.plant("refund_refused")
        asked = refund_request(payment, subject.amount)
        result = _ask(payment, asked)
        need(result is None or result.outcome not in _GIVEN, "a refund that was refused is said to be made")
        payment.plant()
        _went_back(payment, Money(0))
        _is_not_there(payment, asked)


def refund_repeated(bench: Bench, subject: Subject) -> None:
    """The same reference again, at a later moment, is the same refund."""
    with _paid(bench, subject) as payment:
        part = (
            subject.amount
            if not has(subject, Capability.PARTIAL_REFUND)
            else Money(subject.amount.amount // 3)
        )
        asked = refund_request(payment, part)
        _give(payment, asked)
        again = _ask(payment, asked)
        need(
            again is None or again.outcome is not Outcome.REJECTED,
            "a refund that was made is told as refused",
        )
        _went_back(payment, part)


def refund_timeout(bench: Bench, subject: Subject) -> None:
    """A refund that was made behind a lost answer is in doubt; its query, where there is one, finds it or leaves the doubt."""
    with _paid(bench, subject) as payment:
        asked = refund_request(payment, subject.amount)
        payment.plant(f"refund_timeout:{HANG_S}")
        leaves_doubt("the refund", lambda: payment.provider.refund(payment.account, asked))
        payment.plant()
        _went_back(payment, subject.amount)
        _is_known(payment, asked, None)


def refund_lost(bench: Bench, subject: Subject) -> None:
    """A refund that never arrived is in doubt; its query does not find it, and the same request makes it once."""
    with _paid(bench, subject) as payment:
        asked = refund_request(payment, subject.amount)
        payment.plant(f"refund_timeout_before_money:{HANG_S}")
        leaves_doubt("the refund", lambda: payment.provider.refund(payment.account, asked))
        payment.plant()
        _went_back(payment, Money(0))
        _is_not_there(payment, asked)
        _give(payment, asked)
        _went_back(payment, subject.amount)


def refund_pending(bench: Bench, subject: Subject) -> None:
    """A refund that the provider still works on is neither done nor refused."""
    with _paid(bench, subject) as payment:
        asked = refund_request(payment, subject.amount)
        query = refund_query(payment, asked, _give(payment, asked))
        payment.plant("refund_query_pending")
        try:
            outcome = payment.provider.query_refund(payment.account, query).outcome
        except OutcomeUnknown:
            return
        need(
            outcome in (Outcome.PENDING, Outcome.UNKNOWN), f"a refund that is under way is told as {outcome}"
        )


class _paid:
    """A payment that has been paid, with its fault script."""

    def __init__(self, bench: Bench, subject: Subject) -> None:
        self._payment = Payment(bench, subject)

    def __enter__(self) -> Payment:
        payment = self._payment.__enter__()
        payment.create()
        payment.pay()
        return payment

    def __exit__(self, *trouble: object) -> None:
        self._payment.__exit__(*trouble)


def _give(payment: Payment, asked: RefundRequest) -> RefundResult:
    result = payment.provider.refund(payment.account, asked)
    need(result.outcome in _GIVEN, f"a refund that was made is told as {result.outcome}")
    return result


def _ask(payment: Payment, asked: RefundRequest) -> RefundResult | None:
    """The answer to a refund; None when it leaves doubt."""
    try:
        return payment.provider.refund(payment.account, asked)
    except OutcomeUnknown:
        return None


def _is_too_much(payment: Payment, amount: Money) -> None:
    before = truth(payment)["refunded"]
    more = _ask(payment, replace(refund_request(payment, amount), captured=payment.subject.amount))
    need(more is None or more.outcome not in _GIVEN, "more than was captured is said to be given back")
    need(truth(payment)["refunded"] == before, "the provider gave back more than it took")


def _went_back(payment: Payment, amount: Money) -> None:
    told = truth(payment)["refunded"]
    need(told == amount.amount, f"{told} went back instead of {amount.amount}")


def _is_known(payment: Payment, asked: RefundRequest, answer: RefundResult | None) -> None:
    """The query finds a refund that was made; without its number at the provider the doubt may stay."""
    if not has(payment.subject, Capability.REFUND_QUERY):
        return
    query = refund_query(payment, asked, answer)
    try:
        result = payment.provider.query_refund(payment.account, query)
    except OutcomeUnknown:
        need(query.provider_ref is None, "the query does not find a refund that was made")
        return
    need(result.outcome is Outcome.CONFIRMED, f"a refund that was made is told as {result.outcome}")


def _is_not_there(payment: Payment, asked: RefundRequest) -> None:
    """The query never finds a refund that was not made, however much later."""
    if not has(payment.subject, Capability.REFUND_QUERY):
        return
    query = refund_query(payment, asked, None, after=timedelta(hours=2))
    try:
        result = payment.provider.query_refund(payment.account, query)
    except OutcomeUnknown:
        return
    silent = (Outcome.NOT_SENT, Outcome.REJECTED, Outcome.UNKNOWN)
    need(result.outcome in silent, f"a refund nobody made is told as {result.outcome}")


PLAYS: Mapping[str, Callable[[Bench, Subject], None]] = MappingProxyType(
    {
        "refund": refund,
        "refund_part": refund_part,
        "refund_refused": refund_refused,
        "refund_repeated": refund_repeated,
        "refund_timeout": refund_timeout,
        "refund_lost": refund_lost,
        "refund_pending": refund_pending,
    }
)
