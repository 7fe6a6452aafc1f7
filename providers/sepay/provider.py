"""What SePay's messages mean in payclear's words. Called by the core through the contract; stateless.

Two kinds of messages come to one address: notifications of bank transfers, signed, which may be about the
attempts of a QR account (option `credits_account`); and the gateway's IPN, unsigned, which only triggers a query.
"""

import hmac
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from payclear.contract.errors import CallbackMalformed, OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.evidence import Evidence
from payclear.contract.manifest import load_manifest
from payclear.contract.messages import (
    Account,
    Acknowledgement,
    CheckoutRequest,
    CheckoutResult,
    InboundRequest,
    ReturnHint,
    StatusQuery,
    VerifiedCallback,
)
from payclear.contract.outcomes import CallbackVerdict, EvidenceSource, Outcome
from payclear.contract.provider import Provider
from payclear.kernel.money import InvalidAmount, Money
from providers import transfers
from providers.sepay import mapping
from providers.sepay.client import SepayClient, active_keys
from providers.wire import empty_secret_problems, json_object, member, origin, url_problems

SECRET_HEADER = "x-secret-key"  # noqa: S105 - a header's name

_REFERENCE = re.compile(r"[A-Za-z0-9]{1,100}")
_KIND = re.compile(r"[A-Z_]{1,40}")
_QUERY_LIMIT = 4_096


class SepayProvider(Provider):
    """SePay: transfer notifications, hosted checkout, order look-up."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, client: SepayClient | None = None) -> None:
        self._client = client or SepayClient()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        problems += empty_secret_problems(account, self.manifest.required_secrets)
        return problems + url_problems(account, ["checkout_url", "api_url", "pay_origin"])

    def merchant_account(self, account: Account) -> str:
        """The merchant at the gateway."""
        return account.option("merchant_id")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """The origin of SePay's pay page."""
        return (origin(account.option("pay_origin")),)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Open the checkout with the signed form; the browser goes where the answer leads."""
        within = self.manifest.amount_min <= request.amount.amount <= self.manifest.amount_max
        if request.amount.currency != "VND" or not within:
            raise ProviderRefused("SePay does not take this amount", field="order_amount")
        # A comma within a value would move the borders of the signed string.
        if not _REFERENCE.fullmatch(request.attempt_ref) or "," in request.memo + request.return_url:
            raise ProviderRefused(
                "a field holds what the signed string can not", field="order_invoice_number"
            )
        back = _with_tag(account, request)
        fields = {
            "merchant": account.option("merchant_id"),
            "operation": "PURCHASE",
            "payment_method": str(account.options.get("payment_method", "BANK_TRANSFER")),
            "order_amount": str(request.amount.amount),
            "currency": request.amount.currency,
            "order_invoice_number": request.attempt_ref,
            "order_description": request.memo,
            "success_url": back,
            "error_url": back,
            "cancel_url": back,
        }
        url = self._client.open_checkout(account, fields)
        if _origin_or_none(url) != origin(account.option("pay_origin")):
            raise OutcomeUnknown("the citizen would be sent to another house", reason="redirect_origin")
        return CheckoutResult(outcome=Outcome.PENDING, redirect_url=url)

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read a transfer notification or an IPN; raises SignatureInvalid or CallbackMalformed only."""
        if transfers.SIGNATURE_HEADER in request.headers:
            return self._transfer(account, request)
        return self._ipn(account, request)

    def _transfer(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        keys = active_keys(account, "notification_secret")
        key_id = transfers.signing_key_id(keys, request.headers, request.body)
        if key_id is None or not transfers.is_fresh(request.headers, request.received_at):
            raise SignatureInvalid("the signature of the notification does not hold")
        notice = transfers.read_notice(request.body)
        pays_others = str(account.options.get("credits_account", ""))
        merchant = notice.sub_account or notice.account_number
        if not pays_others and account.option("bank_account") in (notice.account_number, notice.sub_account):
            merchant = account.option("merchant_id")
        evidence = Evidence(
            source=EvidenceSource.CALLBACK,
            outcome=Outcome.CONFIRMED if notice.is_incoming else Outcome.UNKNOWN,
            provider_account=pays_others or account.code,
            attempt_ref=notice.reference or f"TRANSFER{notice.id}",
            provider_ref=notice.bank_ref or notice.id,
            amount=notice.amount,
            merchant_account=merchant,
            paid_at=notice.at,
            paid_at_raw=notice.at_raw or None,
            detail_code="in" if notice.is_incoming else "out",
            channel=self.manifest.channel,
            instrument=self.manifest.instrument,
        )
        return VerifiedCallback(evidence=evidence, dedupe_key=notice.id, key_id=key_id)

    def _ipn(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogatepass")
        key_id: str | None = None
        for name, key in active_keys(account, "secret_key").items():
            if hmac.compare_digest(key.reveal().encode("utf-8"), given) and key_id is None:
                key_id = name
        if key_id is None:
            raise SignatureInvalid("the notification does not bear our secret")
        if len(request.body) > transfers.BODY_LIMIT:
            raise CallbackMalformed("the notification is too long", reason="too_long")
        data = json_object(request.body, CallbackMalformed)
        order, transaction = data.get("order"), data.get("transaction")
        if not isinstance(order, dict):
            raise CallbackMalformed("the notification holds no order", field="order")
        kind = member(data, "notification_type", CallbackMalformed)
        reference = member(order, "order_invoice_number", CallbackMalformed)
        if not _REFERENCE.fullmatch(reference) or not _KIND.fullmatch(kind):
            raise CallbackMalformed("the order or the kind is missing or malformed", field="order")
        number = ""
        if isinstance(transaction, dict):
            number = member(transaction, "transaction_id", CallbackMalformed)[:100]
        evidence = Evidence(
            source=EvidenceSource.CALLBACK,
            outcome=mapping.NOTIFICATION_OUTCOMES.get(kind, Outcome.UNKNOWN),
            provider_account=account.code,
            attempt_ref=reference,
            provider_ref=number or None,
            amount=_amount(order, CallbackMalformed),
            detail_code=kind,
            channel=self.manifest.channel,
            instrument=self.manifest.instrument,
        )
        return VerifiedCallback(
            evidence=evidence,
            dedupe_key=f"{kind}:{reference}:{number}",
            key_id=key_id,
            confirm_by_query=True,
        )

    def acknowledge(
        self, account: Account, verdict: CallbackVerdict, request: InboundRequest
    ) -> Acknowledgement:
        """`{"success": true}` with 200 ends the repetitions; the HTTP status counts."""
        status = mapping.ACKNOWLEDGEMENTS[verdict]
        body = json.dumps({"success": status == 200}).encode("ascii")
        return Acknowledgement(status=status, content_type="application/json", body=body)

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read our own mark in the return address; what SePay adds to it proves nothing."""
        fields = dict(parse_qsl(request.query_string[:_QUERY_LIMIT].decode("utf-8", "replace")))
        reference, given = fields.get("attempt_ref", ""), fields.get("tag", "").encode("utf-8")
        holds = [
            hmac.compare_digest(mapping.return_tag(key, reference).encode("ascii"), given)
            for key in active_keys(account, "secret_key").values()
        ]
        known = reference if _REFERENCE.fullmatch(reference) else None
        return ReturnHint(attempt_ref=known, signature_holds=any(holds), says=Outcome.UNKNOWN)

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Look the order up. Not known, or unpaid long after its time, is `not_sent` only when the time is over."""
        order = self._client.order(account, query.attempt_ref)
        if order is None:
            gone = query.asked_at >= query.expires_at
            outcome = Outcome.NOT_SENT if gone else Outcome.PENDING
            return self._asked(account, query, outcome, None, None, detail_code="api-404")
        if member(order, "order_invoice_number", OutcomeUnknown) != query.attempt_ref:
            raise OutcomeUnknown("SePay answers about something else", reason="other_payment")
        status = member(order, "order_status", OutcomeUnknown)
        amount = _amount(order, OutcomeUnknown)
        outcome = mapping.order_outcome(status)
        if outcome is Outcome.CONFIRMED and amount is None:
            raise OutcomeUnknown("SePay's answer holds no amount", reason="amount")
        if status in mapping.UNPAID and query.asked_at >= query.expires_at + mapping.LAPSE_MARGIN:
            outcome = Outcome.NOT_SENT
        # The gateway's number of a transaction is not the bank's, which the notification names: two names of one
        # payment would make it two. The order's own reference is enough.
        return self._asked(account, query, outcome, amount, None, detail_code=status[:40])

    def _asked(
        self,
        account: Account,
        query: StatusQuery,
        outcome: Outcome,
        amount: Money | None,
        provider_ref: str | None,
        *,
        detail_code: str,
    ) -> Evidence:
        return Evidence(
            source=EvidenceSource.STATUS_QUERY,
            outcome=outcome,
            provider_account=account.code,
            attempt_ref=query.attempt_ref,
            provider_ref=provider_ref,
            amount=amount,
            detail_code=detail_code,
            channel=self.manifest.channel,
            instrument=self.manifest.instrument,
        )


def _amount(order: dict[str, Any], refuse: Any) -> Money | None:
    if member(order, "order_currency", refuse) not in ("", "VND"):
        return None
    try:
        return mapping.read_amount(member(order, "order_amount", refuse))
    except InvalidAmount:
        return None


def _with_tag(account: Account, request: CheckoutRequest) -> str:
    parts = urlsplit(request.return_url)
    tag = mapping.return_tag(account.secrets["secret_key"], request.attempt_ref)
    ours = urlencode({"attempt_ref": request.attempt_ref, "tag": tag})
    return urlunsplit(parts._replace(query=f"{parts.query}&{ours}" if parts.query else ours))


def _origin_or_none(url: str) -> str | None:
    try:
        return origin(url)
    except ValueError:
        return None


provider = SepayProvider()
