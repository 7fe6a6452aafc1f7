"""A provider that answers as a test tells it, and the runtime that knows only such providers."""

from collections.abc import Callable
from dataclasses import replace

from payclear.contract.channels import Channel
from payclear.contract.errors import OutcomeUnknown
from payclear.contract.evidence import Evidence
from payclear.contract.manifest import Capability, Manifest
from payclear.contract.messages import (
    Account,
    CheckoutRequest,
    CheckoutResult,
    InboundRequest,
    ReturnHint,
    StatusQuery,
)
from payclear.contract.outcomes import Outcome
from payclear.contract.provider import Provider
from payclear.contract.registry import ProviderLine, ProviderRegistry
from payclear.kernel.phase import require_no_transaction
from payclear.runtime import Runtime, install
from providers.vietqr.tlv import TransferQr, build

PAY_ADDRESS = "https://bank.example/pay/1"
SENT = CheckoutResult(outcome=Outcome.PENDING, redirect_url=PAY_ADDRESS)


def qr_text(amount: int, memo: str = "PC000000000XX01") -> str:
    """A VietQR to an account of a test."""
    return build(TransferQr(bank_bin="970436", account_number="0011001932418", amount=amount, purpose=memo))


class ToldProvider(Provider):
    """Answers `answer`; remembers what it was asked."""

    def __init__(
        self, answer: CheckoutResult | Exception = SENT, *, minimum: int = 1, maximum: int = 10**12
    ) -> None:
        self.answer = answer
        self.status: Evidence | Exception = OutcomeUnknown("no answer")
        self.hint = ReturnHint(attempt_ref=None, signature_holds=False, says=Outcome.UNKNOWN)
        self.requests: list[CheckoutRequest] = []
        self.queries: list[StatusQuery] = []
        self.during: Callable[[], None] = lambda: None
        self.manifest = Manifest(
            name="told",
            title_vi="Ngân hàng kể",
            title_en="Told bank",
            protocol_version="1",
            certified=False,
            capabilities=frozenset({Capability.REDIRECT, Capability.STATUS_QUERY}),
            callback_methods=(),
            callback_headers=(),
            required_options=(),
            required_secrets=(),
            amount_min=minimum,
            amount_max=maximum,
            confirm_by_query=False,
            create_repeats_safely=True,
            open_points=(),
        )

    def without_pages(self) -> "ToldProvider":
        return self.able()

    def able(self, *capabilities: Capability, channel: Channel = Channel.GATEWAY) -> "ToldProvider":
        """The same provider that can do these things only."""
        self.manifest = replace(self.manifest, capabilities=frozenset(capabilities), channel=channel)
        return self

    def merchant_account(self, account: Account) -> str:
        return "M1"

    def page_origins(self, account: Account) -> tuple[str, ...]:
        return ("https://bank.example",)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        require_no_transaction("start_checkout")
        self.requests.append(request)
        self.during()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        return self.hint

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        require_no_transaction("query_status")
        self.queries.append(query)
        if isinstance(self.status, Exception):
            raise self.status
        return self.status


def with_providers(runtime: Runtime, **providers: ToldProvider) -> Runtime:
    """The same runtime with these provider accounts only; installed."""
    lines = {
        code: ProviderLine(
            account=Account(
                code=code,
                adapter="told",
                name_vi=f"Ngân hàng {code}",
                name_en=f"Bank {code}",
                options={},
                secrets={},
            ),
            provider=provider,
            cut_off="00:00",
            grace_business_days=1,
        )
        for code, provider in providers.items()
    }
    made = replace(runtime, providers=ProviderRegistry(lines))
    install(made)
    return made
