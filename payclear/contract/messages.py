"""The messages between the core and an adapter: frozen values, integers for money, aware UTC for time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from payclear.contract.evidence import Evidence
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One merchant or collection account at a provider, as the configuration names it."""

    code: str
    adapter: str
    name_vi: str
    name_en: str
    options: Mapping[str, str | int | bool]
    secrets: Mapping[str, Secret]

    def name_in(self, locale: str) -> str:
        """The provider's name on pages of a language."""
        return self.name_en if locale == "en" else self.name_vi

    def option(self, name: str) -> str:
        """Return a required option as text; raises KeyError, which start-up turns into a plain sentence."""
        return str(self.options[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """One item of a bill. `kind` is the type of the obligation's line: `fee_phi`, `fee_le_phi`, `fine`…"""

    kind: str
    code: str
    name: str
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What is being paid, for a provider that issues the state's receipt itself (ThongTinBienLai).

    `kind` is "fee" or "fine". It names a person, so it goes to a provider that must have it and to no log; texts that are
    not known are empty. The lines sum to the amount of the checkout.
    """

    kind: str
    description: str
    document_no: str  # dossier code or decision number
    document_on: date | None
    agency_code: str
    agency_name: str
    payer_name: str
    payer_id_no: str
    payer_address: str
    lines: tuple[BillLine, ...]
    service_code: str = ""
    service_name: str = ""
    procedure_code: str = ""
    procedure_name: str = ""
    beneficiary_account: str = ""
    beneficiary_bank: str = ""
    beneficiary_name: str = ""
    treasury: str = ""
    fine_type_code: str = ""
    fine_type_name: str = ""
    violated_at: str = ""
    violated_where: str = ""
    violator_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutRequest:
    """Ask a provider to take one amount. `attempt_ref` is ours and was committed before this call."""

    attempt_ref: str
    order_ref: str
    amount: Money
    memo: str  # ASCII, `[A-Za-z0-9 .:_-]`, at most 200 characters, no personal data
    created_at: datetime
    expires_at: datetime
    payer_ip: str
    locale: str  # "vi" or "en"
    return_url: str
    callback_url: str
    bill: Bill | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutResult:
    """Answer to a checkout: `pending` with a `redirect_url` or `qr_text` is the normal case for a hosted page."""

    outcome: Outcome
    redirect_url: str | None = None
    qr_text: str | None = None
    provider_ref: str | None = None
    detail_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusQuery:
    """Ask a provider what became of an attempt. `created_at` is the stamp of the checkout request."""

    attempt_ref: str
    provider_ref: str | None
    amount: Money
    created_at: datetime
    expires_at: datetime
    asked_at: datetime
    request_id: str  # ours, unique, [A-Za-z0-9]{1,32}


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """Give money of a captured attempt back. `refund_ref` is ours and was committed before this call."""

    refund_ref: str  # [A-Za-z0-9]{1,32}
    attempt_ref: str
    provider_ref: str | None
    amount: Money
    captured: Money
    paid_created_at: datetime
    asked_at: datetime
    asked_by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundQuery:
    """Ask a provider what became of a refund. `refund` is the request as it was first sent."""

    refund: RefundRequest
    provider_ref: str | None  # the provider's reference of the refund, where its answer gave one
    asked_at: datetime
    request_id: str  # ours, unique, [A-Za-z0-9]{1,32}


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundResult:
    """Answer to a refund or its query: `confirmed` done, `pending` in work, `rejected`, `not_sent` never seen, `unknown`."""

    outcome: Outcome
    provider_ref: str | None = None
    detail_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundRequest:
    """A callback or browser return exactly as it arrived; `headers` keys are lower-case."""

    method: str
    path: str
    query_string: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCallback:
    """A callback whose signature holds. `dedupe_key` is the provider's event identity, else a digest of the message."""

    evidence: Evidence
    dedupe_key: str
    key_id: str = ""
    confirm_by_query: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """The exact HTTP answer a provider expects."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(
        default_factory=dict
    )  # besides the content type: a signature of the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnHint:
    """What the browser brought back. It proves nothing; it only names the attempt and triggers a query."""

    attempt_ref: str | None
    signature_holds: bool
    says: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFile:
    """The bytes of a provider's statement for one business day, untouched."""

    name: str
    content: bytes
    media_type: str
    business_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementEntry:
    """One line of a statement in neutral form. `status` is the outcome the provider states for it."""

    line_no: int  # 1-based row in the source file
    attempt_ref: str  # as written by the provider, stripped
    provider_ref: str
    amount: Money
    outcome: Outcome
    kind: str  # "payment" or "refund"
    occurred_at: datetime | None
    occurred_at_raw: str
    raw: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementProblem:
    """A row or a file the parser could not read. Kept, counted, shown: never dropped."""

    line_no: int  # 0 for the file as a whole
    code: str  # e.g. "bad_amount", "missing_reference", "not_a_workbook", "unknown_status"
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedStatement:
    """A parsed statement. Control figures are None where the format has none."""

    entries: tuple[StatementEntry, ...]
    problems: tuple[StatementProblem, ...]
    control_count: int | None
    control_sum: Money | None
    merchant_account: str | None
