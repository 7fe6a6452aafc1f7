"""The one interface an adapter implements. The base class refuses everything; an adapter overrides what it can do."""

from datetime import date

from payclear.contract.collection import CollectionAnswer, CollectionCall
from payclear.contract.errors import OperationUnsupported
from payclear.contract.evidence import Evidence
from payclear.contract.manifest import Capability, Manifest
from payclear.contract.messages import (
    Account,
    Acknowledgement,
    CheckoutRequest,
    CheckoutResult,
    InboundRequest,
    ParsedStatement,
    RefundQuery,
    RefundRequest,
    RefundResult,
    ReturnHint,
    StatementFile,
    StatusQuery,
    VerifiedCallback,
)
from payclear.contract.outcomes import CallbackVerdict


class Provider:
    """A stateless adapter: every call names the account it works for.

    Network calls raise only `payclear.contract.errors`: `NotSent` when nothing left us, `OutcomeUnknown` when
    something may have. They are made with no transaction open.
    """

    manifest: Manifest

    @property
    def name(self) -> str:
        """The adapter's name, as in its entry point."""
        return self.manifest.name

    def account_problems(self, account: Account) -> list[str]:
        """Say in plain sentences what is missing in an account's configuration; empty when it can work."""
        problems = [
            f"provider account {account.code}: option {name} is missing"
            for name in self.manifest.required_options
            if name not in account.options
        ]
        problems += [
            f"provider account {account.code}: secret {name} is missing"
            for name in self.manifest.required_secrets
            if name not in account.secrets
        ]
        return problems

    def merchant_account(self, account: Account) -> str:
        """The merchant or terminal that every message of this account must name."""
        raise self._unsupported("merchant_account")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """Origins the citizen is redirected to, for the page's form-action policy."""
        return ()

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Open a payment at the provider, or build its pay URL."""
        raise self._unsupported(Capability.REDIRECT)

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Ask what became of an attempt; the answer's signature is verified."""
        raise self._unsupported(Capability.STATUS_QUERY)

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read a callback; raises SignatureInvalid or CallbackMalformed."""
        raise self._unsupported(Capability.CALLBACK)

    def acknowledge(
        self, account: Account, verdict: CallbackVerdict, request: InboundRequest
    ) -> Acknowledgement:
        """Return the provider's exact acknowledgement for a verdict."""
        raise self._unsupported(Capability.CALLBACK)

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read what the browser brought back; never raises on bad input, never proves anything."""
        raise self._unsupported(Capability.REDIRECT)

    def refund(self, account: Account, request: RefundRequest) -> RefundResult:
        """Ask the provider to give money back."""
        raise self._unsupported(Capability.REFUND)

    def query_refund(self, account: Account, query: RefundQuery) -> RefundResult:
        """Ask what became of a refund; `not_sent` when the provider has never seen it."""
        raise self._unsupported(Capability.REFUND_QUERY)

    def read_collection(self, account: Account, request: InboundRequest) -> tuple[CollectionCall, ...]:
        """Verify and read a message of a bank that collects for us; raises SignatureInvalid or CallbackMalformed."""
        raise self._unsupported(Capability.COLLECTION)

    def answer_collection(
        self, account: Account, request: InboundRequest, answers: tuple[CollectionAnswer, ...]
    ) -> Acknowledgement:
        """Return the bank's own reply, one answer for each call of `read_collection` in its order.

        A message that could not be read has one answer without a call.
        """
        raise self._unsupported(Capability.COLLECTION)

    def fetch_statement(self, account: Account, business_on: date) -> StatementFile:
        """Fetch the statement of a business day; raises StatementUnavailable when there is none yet."""
        raise self._unsupported(Capability.STATEMENT)

    def parse_statement(self, account: Account, file: StatementFile) -> ParsedStatement:
        """Read a statement's bytes; bad rows become problems with line numbers, never an exception."""
        raise self._unsupported(Capability.STATEMENT)

    def _unsupported(self, operation: str) -> OperationUnsupported:
        return OperationUnsupported(f"{self.manifest.name} does not offer {operation}")
