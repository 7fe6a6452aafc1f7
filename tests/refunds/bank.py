"""A provider that refunds as a test tells it, and keeps the truth of what it gave back."""

from collections.abc import Callable
from dataclasses import replace

from payclear.contract.manifest import Capability
from payclear.contract.messages import Account, RefundQuery, RefundRequest, RefundResult
from payclear.contract.outcomes import Outcome
from payclear.kernel.phase import require_no_transaction
from tests.checkout.fakes import ToldProvider

ABLE = (
    Capability.REDIRECT,
    Capability.STATUS_QUERY,
    Capability.REFUND,
    Capability.PARTIAL_REFUND,
    Capability.REFUND_QUERY,
)
DONE = RefundResult(outcome=Outcome.CONFIRMED, provider_ref="BACK1")


class RefundingBank(ToldProvider):
    """Answers `answers` one after the other, the last for ever; `given` is the money that really went back."""

    def __init__(
        self, *capabilities: Capability, repeats_safely: bool = False, asked_by_number: bool = False
    ) -> None:
        super().__init__()
        self.manifest = replace(
            self.manifest,
            capabilities=frozenset(capabilities or ABLE),
            refund_repeats_safely=repeats_safely,
            refund_query_needs_number=asked_by_number,
        )
        self.refund_answers: list[RefundResult | BaseException] = [DONE]
        self.query_answers: list[RefundResult | BaseException] = [DONE]
        self.refunds: list[RefundRequest] = []
        self.refund_queries: list[RefundQuery] = []
        self.given: dict[str, int] = {}
        self.while_called: Callable[[], None] = lambda: None

    def refund(self, account: Account, request: RefundRequest) -> RefundResult:
        require_no_transaction("refund")
        self.refunds.append(request)
        self.given[request.refund_ref] = request.amount.amount
        self.while_called()
        return _said(self.refund_answers)

    def query_refund(self, account: Account, query: RefundQuery) -> RefundResult:
        require_no_transaction("query_refund")
        self.refund_queries.append(query)
        return _said(self.query_answers)


def _said(answers: list[RefundResult | BaseException]) -> RefundResult:
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    if isinstance(answer, BaseException):
        raise answer
    return answer


def says(outcome: Outcome, provider_ref: str | None = None) -> RefundResult:
    """An answer of a provider about a refund."""
    return RefundResult(outcome=outcome, provider_ref=provider_ref)
