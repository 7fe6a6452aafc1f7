"""What the sandbox's messages mean in payclear's words. Called by the core through the contract; stateless.

It raises contract errors only, and never turns a silence or a contradiction into a refusal.
"""

import hmac
import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from payclear.contract.errors import CallbackMalformed, OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.evidence import Evidence
from payclear.contract.manifest import load_manifest
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
from payclear.contract.outcomes import CallbackVerdict, EvidenceSource, Outcome
from payclear.contract.provider import Provider
from payclear.kernel.money import AMOUNT_MAX, Money
from providers.outbound import OutboundRefused, check_url
from providers.sandbox import mapping, statement
from providers.sandbox.client import SandboxClient, active_keys

_REFERENCE = re.compile(r"[A-Za-z0-9]{1,100}")
_EVENT = re.compile(r"[A-Za-z0-9_-]{1,100}")
_QUERY_LIMIT = 4_096


class SandboxProvider(Provider):
    """The sandbox wallet: takes the money at once, tells it by callback; steered by the amount (see
    README).
    """

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, client: SandboxClient | None = None) -> None:
        self._client = client or SandboxClient()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        where = f"provider account {account.code}"
        if "signing_key" in account.secrets and not account.secrets["signing_key"]:
            problems.append(f"{where}: secret signing_key is empty")
        try:
            if account.options.get("base_url"):
                allowed = str(account.options.get("allow_insecure_host", ""))
                check_url(account.option("base_url"), allow_insecure_host=allowed)
        except OutboundRefused as error:
            problems.append(f"{where}: option base_url: {error}")
        return problems

    def merchant_account(self, account: Account) -> str:
        """The merchant's id."""
        return account.option("merchant_id")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """The sandbox's own origin."""
        return (_origin(account.option("base_url")),)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Open the payment at the sandbox; an unreadable answer leaves doubt, for the money may be taken."""
        if request.amount.currency != "VND" or request.amount.amount < 1:
            raise ProviderRefused("the sandbox does not take this amount")
        try:
            got = self._client.call(
                account,
                "/payments",
                "create",
                {
                    "attempt_ref": request.attempt_ref,
                    "amount": request.amount.amount,
                    "currency": request.amount.currency,
                    "memo": request.memo,
                    "created_at": request.created_at.isoformat(),
                    "expires_at": request.expires_at.isoformat(),
                    "return_url": request.return_url,
                    "callback_url": request.callback_url,
                    "locale": request.locale,
                },
            )
        except SignatureInvalid as error:
            raise OutcomeUnknown("the answer is not the sandbox's", reason="signature") from error
        url = str(got.get("redirect_url", ""))
        if url and _origin(url) != _origin(account.option("base_url")):
            raise OutcomeUnknown("the sandbox sends the citizen to another house", reason="redirect_origin")
        return CheckoutResult(
            outcome=mapping.outcome_of(str(got.get("status", ""))),
            redirect_url=url or None,
            provider_ref=_text_or_none(got, "provider_ref"),
            detail_code=_text_or_none(got, "code"),
        )

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Ask the sandbox what became of an attempt."""
        got = self._client.call(account, "/payments/query", "query", {"attempt_ref": query.attempt_ref})
        evidence = self._evidence(account, EvidenceSource.STATUS_QUERY, got)
        if evidence.outcome is Outcome.CONFIRMED and evidence.amount is None:
            raise OutcomeUnknown("the sandbox's answer holds no amount", reason="amount")
        return evidence

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read a callback; raises SignatureInvalid or CallbackMalformed and nothing else."""
        key_id = mapping.signing_key_id(active_keys(account), request.headers, request.body)
        if key_id is None or not mapping.is_fresh(request.headers, request.received_at):
            raise SignatureInvalid("the signature of the callback does not hold")
        try:
            event: Any = json.loads(request.body.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise CallbackMalformed("the callback is no JSON") from error
        if not isinstance(event, dict):
            raise CallbackMalformed("the callback is no JSON object")
        event_id = event.get("event_id")
        if not isinstance(event_id, str) or not _EVENT.fullmatch(event_id):
            raise CallbackMalformed("event_id is missing or malformed", field="event_id")
        if not isinstance(event.get("attempt_ref"), str) or not _REFERENCE.fullmatch(event["attempt_ref"]):
            raise CallbackMalformed("attempt_ref is missing or malformed", field="attempt_ref")
        evidence = self._evidence(account, EvidenceSource.CALLBACK, event)
        if evidence.amount is None:
            raise CallbackMalformed("amount is missing or malformed", field="amount")
        return VerifiedCallback(
            evidence=evidence,
            dedupe_key=event_id,
            key_id=key_id,
            confirm_by_query=self.manifest.confirm_by_query,
        )

    def acknowledge(
        self, account: Account, verdict: CallbackVerdict, request: InboundRequest
    ) -> Acknowledgement:
        """The sandbox looks at the HTTP status only."""
        body = json.dumps({"result": verdict.value}, separators=(",", ":")).encode("ascii")
        return Acknowledgement(
            status=mapping.ACKNOWLEDGEMENTS[verdict], content_type="application/json", body=body
        )

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read the browser's return; display only."""
        text = request.query_string[:_QUERY_LIMIT].decode("utf-8", "replace")
        fields = dict(parse_qsl(text))
        reference, status = fields.get("attempt_ref", ""), fields.get("status", "")
        given = fields.get("signature", "").encode("utf-8")
        holds = [
            hmac.compare_digest(mapping.return_signature(key, reference, status).encode("ascii"), given)
            for key in active_keys(account).values()
        ]
        return ReturnHint(
            attempt_ref=reference if _REFERENCE.fullmatch(reference) else None,
            signature_holds=any(holds),
            says=mapping.outcome_of(status),
        )

    def refund(self, account: Account, request: RefundRequest) -> RefundResult:
        """Ask for money back, whole or in part; the same `refund_ref` again gives the same answer."""
        fields = {
            "attempt_ref": request.attempt_ref,
            "refund_ref": request.refund_ref,
            "amount": request.amount.amount,
        }
        try:
            got = self._client.call(account, "/refunds", "refund", fields)
        except SignatureInvalid as error:
            raise OutcomeUnknown(
                "the answer to the refund is not the sandbox's", reason="signature"
            ) from error
        return _refund_result(got)

    def query_refund(self, account: Account, query: RefundQuery) -> RefundResult:
        """Ask what became of a refund, by the reference it was asked with."""
        asked = query.refund
        fields = {"attempt_ref": asked.attempt_ref, "refund_ref": asked.refund_ref}
        got = self._client.call(account, "/refunds/query", "refund_query", fields)
        if got.get("refund_ref") != asked.refund_ref:
            raise OutcomeUnknown("the sandbox answers about another refund", reason="other_refund")
        return _refund_result(got)

    def fetch_statement(self, account: Account, business_on: date) -> StatementFile:
        """Fetch the CSV of a business day; raises StatementUnavailable."""
        content = self._client.fetch_statement(account, business_on.isoformat())
        name = f"SANDBOX_{account.option('merchant_id')}_{business_on:%Y%m%d}.csv"
        return StatementFile(name=name, content=content, media_type="text/csv", business_on=business_on)

    def parse_statement(self, account: Account, file: StatementFile) -> ParsedStatement:
        """Read a CSV statement; never raises, whatever the bytes."""
        return statement.parse(file.content)

    def _evidence(self, account: Account, source: EvidenceSource, got: Mapping[str, Any]) -> Evidence:
        status = got.get("status")
        paid_at_raw = _text_or_none(got, "paid_at")
        return Evidence(
            source=source,
            outcome=mapping.outcome_of(status if isinstance(status, str) else ""),
            provider_account=account.code,
            attempt_ref=str(got["attempt_ref"]),
            provider_ref=_text_or_none(got, "provider_ref"),
            amount=_money_or_none(got),
            merchant_account=_text_or_none(got, "merchant_id"),
            paid_at=mapping.read_time(paid_at_raw) if paid_at_raw else None,
            paid_at_raw=paid_at_raw,
            detail_code=_text_or_none(got, "code"),
            channel=self.manifest.channel,
            instrument=self.manifest.instrument,
        )


def _refund_result(got: Mapping[str, Any]) -> RefundResult:
    status = str(got.get("status", ""))
    return RefundResult(
        outcome=mapping.REFUND_OUTCOMES.get(status, Outcome.UNKNOWN),
        provider_ref=_text_or_none(got, "provider_ref"),
        detail_code=status[:40] or None,
    )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _text_or_none(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value[:100] if isinstance(value, str) and value else None


def _money_or_none(fields: Mapping[str, Any]) -> Money | None:
    amount = fields.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= AMOUNT_MAX:
        return None
    return Money(amount) if fields.get("currency") == "VND" else None


provider = SandboxProvider()
