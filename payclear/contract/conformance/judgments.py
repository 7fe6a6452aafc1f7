"""What every scenario judges by: is the evidence the truth, does a broken answer leave doubt.

Called by `exchanges`, `callbacks` and `statements`; raises Failed with a sentence.
"""

from collections.abc import Callable
from datetime import timedelta

from payclear.contract.channels import Channel, Instrument
from payclear.contract.conformance.bench import (
    Bench,
    Failed,
    Payment,
    Subject,
    need,
    new_request_id,
)
from payclear.contract.errors import (
    NotSent,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    SignatureInvalid,
)
from payclear.contract.evidence import Evidence
from payclear.contract.manifest import Capability
from payclear.contract.messages import (
    CheckoutResult,
    InboundRequest,
    RefundQuery,
    RefundRequest,
    RefundResult,
)
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money


def is_the_payment(payment: Payment, evidence: Evidence, source: EvidenceSource) -> None:
    """Whether evidence says exactly what is true."""
    need(evidence.source is source, f"the evidence says it is from {evidence.source}")
    need(evidence.provider_account == payment.account.code, "the evidence names another account")
    need(
        evidence.attempt_ref == payment.reference,
        f"{source} names {evidence.attempt_ref}, not {payment.reference}",
    )
    if evidence.outcome is Outcome.CONFIRMED:
        need(evidence.channel in set(Channel), f"{source} does not say where it was paid: {evidence.channel}")
        need(
            evidence.instrument in set(Instrument),
            f"{source} does not say from what it was paid: {evidence.instrument}",
        )
    if source is EvidenceSource.CALLBACK and payment.manifest.confirm_by_query:
        need(evidence.outcome in (Outcome.CONFIRMED, Outcome.PENDING), "the callback tells no payment")
        return
    need(evidence.outcome is Outcome.CONFIRMED, f"{source} tells a payment as {evidence.outcome}")
    need(evidence.amount == payment.subject.amount, f"{source} tells another amount: {evidence.amount}")
    if source is not EvidenceSource.STATUS_QUERY or payment.manifest.answers_numbered:
        need(bool(evidence.provider_ref), f"{source} carries no reference of the provider")
    ours = payment.provider.merchant_account(payment.account)
    wanted = (
        (ours,)
        if source is EvidenceSource.CALLBACK and payment.manifest.callback_names_merchant
        else (None, ours)
    )
    need(
        evidence.merchant_account in wanted,
        f"{source} names the merchant {evidence.merchant_account}, ours is {ours}",
    )


def leaves_doubt(what: str, call: Callable[[], CheckoutResult | Evidence | RefundResult]) -> None:
    """An answer that can not be read or believed decides nothing."""
    try:
        answer = call()
    except (OutcomeUnknown, SignatureInvalid):
        return
    except (NotSent, ProviderRefused) as error:
        raise Failed(f"{what}: a broken answer is taken for {error.code}") from error
    except ProviderError as error:
        raise Failed(f"{what}: a broken answer raises {error.code}") from error
    need(answer.outcome is Outcome.UNKNOWN, f"{what}: a broken answer is taken for {answer.outcome}")


def paid_callback(bench: Bench, subject: Subject, *faults: str) -> tuple[Payment, InboundRequest]:
    """A paid payment and the first callback about it."""
    with Payment(bench, subject) as payment:
        payment.plant(*faults)
        payment.create()
        payment.pay()
        return payment, payment.callbacks()[0]


def refund_request(payment: Payment, amount: Money) -> RefundRequest:
    """A refund of a paid payment, with the provider's own reference as the books would know it."""
    provider_ref = None
    if has(payment.subject, Capability.STATUS_QUERY):
        provider_ref = payment.query().provider_ref
    elif has(payment.subject, Capability.CALLBACK):
        heard = payment.provider.verify_callback(payment.account, payment.callbacks()[0])
        provider_ref = heard.evidence.provider_ref
    return RefundRequest(
        refund_ref=new_request_id(),
        attempt_ref=payment.reference,
        provider_ref=provider_ref,
        amount=amount,
        captured=payment.subject.amount,
        paid_created_at=payment.created_at,
        asked_at=payment.bench.clock.now(),
        asked_by="doisoat",
        reason="paid twice",
    )


def refund_query(
    payment: Payment, asked: RefundRequest, answer: RefundResult | None, *, after: timedelta = timedelta(0)
) -> RefundQuery:
    """The question about a refund; without an answer its reference at the provider is not known."""
    return RefundQuery(
        refund=asked,
        provider_ref=answer.provider_ref if answer else None,
        asked_at=payment.bench.clock.now() + after,
        request_id=new_request_id(),
    )


def truth(payment: Payment) -> dict[str, int]:
    """What the simulator knows to be true of a payment: `amount`, `refunded`, …"""
    found: list[dict[str, int]] = [
        each
        for each in payment.bench.read("truth", provider=payment.subject.name)
        if each["attempt_ref"] == payment.wire_ref
    ]
    need(len(found) == 1, "the simulator does not know the payment")
    return found[0]


def has(subject: Subject, capability: Capability) -> bool:
    """Whether the adapter claims a capability."""
    return capability in subject.provider.manifest.capabilities


def creates_by_call(subject: Subject) -> bool:
    """Whether a checkout is a call to the provider."""
    pays_here = subject.provider.manifest.capabilities & {Capability.REDIRECT, Capability.QR}
    return bool(pays_here) and subject.provider.manifest.checkout_calls
