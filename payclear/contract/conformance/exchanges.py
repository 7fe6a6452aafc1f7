"""Plays checkouts and status queries: success, refusal, silence and broken answers, those to refunds too.

Called by `plays`.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from urllib.parse import urlsplit

from payclear.contract.conformance.bench import (
    Bench,
    Payment,
    Subject,
    need,
)
from payclear.contract.conformance.judgments import (
    creates_by_call,
    has,
    is_the_payment,
    leaves_doubt,
    refund_query,
    refund_request,
)
from payclear.contract.errors import (
    OutcomeUnknown,
)
from payclear.contract.manifest import Capability
from payclear.contract.messages import (
    CheckoutResult,
    InboundRequest,
)
from payclear.contract.outcomes import EvidenceSource, Outcome

Play = Callable[[Bench, Subject], None]

HANG_S = 5


def success(bench: Bench, subject: Subject) -> None:
    """Create, pay, and hear the same from callback, query and return."""
    with Payment(bench, subject) as payment:
        result = payment.create()
        need(
            result.outcome is Outcome.PENDING,
            f"a checkout that was accepted is pending, not {result.outcome}",
        )
        _goes_to_the_provider(payment, result)
        told = payment.pay()
        if has(subject, Capability.CALLBACK):
            verified = payment.provider.verify_callback(payment.account, payment.callbacks()[0])
            is_the_payment(payment, verified.evidence, EvidenceSource.CALLBACK)
            need(
                verified.confirm_by_query == payment.manifest.confirm_by_query,
                "the callback and the manifest disagree about confirm_by_query",
            )
            need(payment.acknowledged(), "the provider does not take our acknowledgement")
        if has(subject, Capability.STATUS_QUERY):
            is_the_payment(payment, payment.query(), EvidenceSource.STATUS_QUERY)
        _return_names_the_payment(payment, str(told.get("return_url") or ""))


def _goes_to_the_provider(payment: Payment, result: CheckoutResult) -> None:
    if result.redirect_url:
        parts = urlsplit(result.redirect_url)
        origin = f"{parts.scheme}://{parts.netloc}"
        need(
            origin in payment.provider.page_origins(payment.account),
            f"the citizen is sent to {origin}, which page_origins does not name",
        )
    else:
        need(bool(result.qr_text), "the checkout gives neither an address nor a QR text")


def _return_names_the_payment(payment: Payment, url: str) -> None:
    if not url or not has(payment.subject, Capability.REDIRECT):
        return
    parts = urlsplit(url)
    request = InboundRequest(
        method="GET",
        path=parts.path,
        query_string=parts.query.encode("latin-1"),
        headers={},
        body=b"",
        received_at=payment.bench.clock.now(),
    )
    hint = payment.provider.read_return(payment.account, request)
    need(hint.attempt_ref in (None, payment.reference), "the return names another payment")
    need(not hint.signature_holds or hint.attempt_ref is not None, "a signed return names no payment")


def refusal(bench: Bench, subject: Subject) -> None:
    """The bank refuses: some source says so, none says success."""
    _ends_without_money(bench, subject, "insufficient")


def cancelled(bench: Bench, subject: Subject) -> None:
    """The payer cancels."""
    _ends_without_money(bench, subject, "cancel")


def _ends_without_money(bench: Bench, subject: Subject, outcome: str) -> None:
    with Payment(bench, subject) as payment:
        payment.create()
        payment.pay(outcome)
        heard: list[Outcome] = []
        if not has(subject, Capability.CALLBACK) or "refused" not in payment.manifest.callback_on:
            need(not payment.queued(), "the provider calls back about what the manifest says it does not")
        else:
            verified = payment.provider.verify_callback(payment.account, payment.callbacks()[0])
            need(verified.evidence.attempt_ref == payment.reference, "the callback names another payment")
            heard.append(verified.evidence.outcome)
        if has(subject, Capability.STATUS_QUERY):
            heard.append(payment.query().outcome)
        need(Outcome.CONFIRMED not in heard, "money is confirmed that nobody paid")
        need(Outcome.REJECTED in heard, f"no source says that it was refused: {heard}")


def timeout_before_money(bench: Bench, subject: Subject) -> None:
    """No answer and no money: doubt, and a later question does not find money."""
    if creates_by_call(subject):
        with Payment(bench, subject) as payment:
            payment.plant(f"create_timeout_before_money:{HANG_S}")
            leaves_doubt("the checkout", payment.create)
            payment.plant()
            if has(subject, Capability.STATUS_QUERY):
                _finds_no_money(payment)
    if has(subject, Capability.STATUS_QUERY):
        with Payment(bench, subject) as payment:
            payment.create()
            payment.open()
            payment.plant(f"query_timeout:{HANG_S}")
            leaves_doubt("the query", payment.query)
            payment.plant()
            _finds_no_money(payment)


def _finds_no_money(payment: Payment) -> None:
    try:
        outcome = payment.query().outcome
    except OutcomeUnknown:
        return
    open_ends = (Outcome.PENDING, Outcome.UNKNOWN, Outcome.NOT_SENT)
    need(outcome in open_ends, f"a payment nobody made or refused is told as {outcome}")


def timeout_after_money(bench: Bench, subject: Subject) -> None:
    """No answer although the money moved: doubt, and a later question finds it or leaves the doubt."""
    if creates_by_call(subject):
        with Payment(bench, subject) as payment:
            payment.plant(f"create_timeout_after_money:{HANG_S}")
            leaves_doubt("the checkout", payment.create)
            payment.plant()
            if has(subject, Capability.STATUS_QUERY):
                _finds_the_money(payment)
    if has(subject, Capability.STATUS_QUERY):
        with Payment(bench, subject) as payment:
            payment.create()
            payment.pay()
            payment.plant(f"query_timeout:{HANG_S}")
            leaves_doubt("the query", payment.query)
            payment.plant()
            is_the_payment(payment, payment.query(), EvidenceSource.STATUS_QUERY)


def _finds_the_money(payment: Payment) -> None:
    """Without an answer there may be no key to ask with: then the doubt stays, and no more than that."""
    try:
        evidence = payment.query()
    except OutcomeUnknown:
        return
    if evidence.outcome not in (Outcome.PENDING, Outcome.UNKNOWN):
        is_the_payment(payment, evidence, EvidenceSource.STATUS_QUERY)


def _broken(fault: str) -> Play:
    def broken(bench: Bench, subject: Subject) -> None:
        if creates_by_call(subject):
            with Payment(bench, subject) as payment:
                payment.plant(f"create_{fault}")
                leaves_doubt("the checkout", payment.create)
        if has(subject, Capability.STATUS_QUERY):
            for pays in (False, True):
                with Payment(bench, subject) as payment:
                    payment.create()
                    if pays:
                        payment.pay()
                    payment.plant(f"query_{fault}")
                    leaves_doubt("the query", payment.query)
        if has(subject, Capability.REFUND):
            with Payment(bench, subject) as payment:
                payment.create()
                payment.pay()
                asked = refund_request(payment, payment.subject.amount)
                payment.plant(f"refund_{fault}")
                leaves_doubt("the refund", lambda: payment.provider.refund(payment.account, asked))
        if has(subject, Capability.REFUND_QUERY):
            with Payment(bench, subject) as payment:
                payment.create()
                payment.pay()
                asked = refund_request(payment, payment.subject.amount)
                query = refund_query(payment, asked, payment.provider.refund(payment.account, asked))
                payment.plant(f"refund_query_{fault}")
                leaves_doubt(
                    "the refund's query", lambda: payment.provider.query_refund(payment.account, query)
                )

    return broken


def answer_foreign_key(bench: Bench, subject: Subject) -> None:
    """An answer that the provider did not sign decides nothing."""
    with Payment(bench, subject) as payment:
        payment.create()
        payment.pay()
        payment.plant("query_bad_signature")
        leaves_doubt("the query", payment.query)


def answer_other_payment(bench: Bench, subject: Subject) -> None:
    """An answer about another payment decides nothing."""
    with Payment(bench, subject) as payment:
        payment.create()
        payment.pay()
        payment.plant("query_other_payment")
        leaves_doubt("the query", payment.query)


def not_found(bench: Bench, subject: Subject) -> None:
    """Not known to the provider: never a refusal, and no end before the payment's own time is over."""
    with Payment(bench, subject) as payment:
        payment.create()
        payment.plant("query_not_found")
        _finds_no_money(payment)
        try:
            late = payment.query(after=timedelta(hours=2)).outcome
        except OutcomeUnknown:
            return
        need(late in (Outcome.NOT_SENT, Outcome.PENDING, Outcome.UNKNOWN), f"not known is told as {late}")


PLAYS: Mapping[str, Play] = MappingProxyType(
    {
        "success": success,
        "refusal": refusal,
        "cancelled": cancelled,
        "timeout_before_money": timeout_before_money,
        "timeout_after_money": timeout_after_money,
        "answer_html": _broken("html"),
        "answer_truncated": _broken("truncated"),
        "answer_error_200": _broken("error_200"),
        "answer_500": _broken("500"),
        "answer_foreign_key": answer_foreign_key,
        "answer_other_payment": answer_other_payment,
        "not_found": not_found,
    }
)
