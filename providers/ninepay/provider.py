"""What 9Pay's messages mean in payclear's words. Called by the core through the contract; stateless.

It raises contract errors only, and never turns a silence or a contradiction into a refusal.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from payclear.contract.errors import (
    CallbackMalformed,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    SignatureInvalid,
)
from payclear.contract.evidence import Evidence
from payclear.contract.manifest import load_manifest
from payclear.contract.messages import (
    Account,
    Acknowledgement,
    CheckoutRequest,
    CheckoutResult,
    InboundRequest,
    RefundRequest,
    RefundResult,
    ReturnHint,
    StatusQuery,
    VerifiedCallback,
)
from payclear.contract.outcomes import CallbackVerdict, EvidenceSource, Outcome
from payclear.contract.provider import Provider
from payclear.kernel.money import InvalidAmount, Money, parse_amount
from providers.ninepay import mapping
from providers.ninepay.client import NinepayClient, checksum_keys, endpoint
from providers.wire import (
    Refuse,
    empty_secret_problems,
    form_fields,
    json_object,
    member,
    origin,
    url_problems,
)

_REFERENCE = re.compile(r"[A-Za-z0-9]{1,100}")
_PAYMENT_NO = re.compile(r"[0-9]{1,30}")
_STATUS = re.compile(r"[0-9]{1,3}")
_SAFE_TEXT = re.compile(r"[A-Za-z0-9 .:_-]{1,255}")
_MERCHANT = re.compile(r"[A-Za-z0-9_-]{1,50}")


class NinepayProvider(Provider):
    """The 9Pay gateway: hosted page, callback that only triggers the inquiry, inquire, refund."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, client: NinepayClient | None = None) -> None:
        self._client = client or NinepayClient()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        merchant = str(account.options.get("merchant_key", ""))
        if merchant and not _MERCHANT.fullmatch(merchant):
            problems.append(
                f"provider account {account.code}: option merchant_key must be letters, digits, _ or -"
            )
        problems += empty_secret_problems(account, self.manifest.required_secrets)
        return problems + url_problems(account, ("endpoint",))

    def merchant_account(self, account: Account) -> str:
        """The merchant key."""
        return account.option("merchant_key")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """The origin of 9Pay's portal."""
        return (origin(account.option("endpoint")),)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Build the signed portal URL; nothing is sent, the citizen's browser carries it."""
        minutes = int((request.expires_at - request.created_at).total_seconds()) // 60
        params: dict[str, str | int] = {
            "invoice_no": _checked("invoice_no", request.attempt_ref, _REFERENCE),
            "amount": str(self._amount(request.amount)),
            "description": _checked("description", request.memo, _SAFE_TEXT),
            "back_url": request.return_url,
            "return_url": request.return_url,
            "currency": request.amount.currency,
            "lang": "en" if request.locale == "en" else "vi",
            "expires_time": max(1, minutes),
            "merchantKey": account.option("merchant_key"),
            "time": str(int(request.created_at.timestamp())),
        }
        url = mapping.portal_url(endpoint(account), params, account.secrets["secret_key"])
        return CheckoutResult(outcome=Outcome.PENDING, redirect_url=url)

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read a callback; raises SignatureInvalid or CallbackMalformed and nothing else.

        The checksum is a plain hash, so what is read is a hint: 9Pay is asked before anything is believed.
        """
        fields = form_fields(request.body, mapping.MESSAGE_LIMIT, CallbackMalformed)
        result = fields.get("result", "")
        key_id = mapping.checksum_key_id(checksum_keys(account), result, fields.get("checksum", ""))
        if key_id is None:
            raise SignatureInvalid("the checksum of the callback does not hold")
        content = mapping.decode_result(result)
        if content is None:
            raise CallbackMalformed("result is not base64", field="result")
        got = json_object(content, CallbackMalformed)
        reference = _field(got, "invoice_no", _REFERENCE)
        status = _field(got, "status", _STATUS)
        amount = _money(got, "amount", CallbackMalformed)
        evidence = self._evidence(
            account, EvidenceSource.CALLBACK, reference, got, amount, refuse=CallbackMalformed
        )
        return VerifiedCallback(
            evidence=evidence,
            dedupe_key=f"{reference}:{evidence.provider_ref or ''}:{status}",
            key_id=key_id,
            confirm_by_query=self.manifest.confirm_by_query,
        )

    def acknowledge(
        self, account: Account, verdict: CallbackVerdict, request: InboundRequest
    ) -> Acknowledgement:
        """The HTTP status is the answer: 2xx ends the calls."""
        status, text = mapping.ACKNOWLEDGEMENTS[verdict]
        return Acknowledgement(
            status=status, content_type="text/plain; charset=utf-8", body=text.encode("ascii")
        )

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read the browser's return; display only, so anything unreadable is just an empty hint."""
        try:
            fields = form_fields(request.query_string, mapping.MESSAGE_LIMIT, CallbackMalformed)
            content = mapping.decode_result(fields.get("result", "")) or b""
            got = json_object(content, CallbackMalformed)
            reference = member(got, "invoice_no", CallbackMalformed)
            status = member(got, "status", CallbackMalformed)
        except ProviderError:
            return ReturnHint(attempt_ref=None, signature_holds=False, says=Outcome.UNKNOWN)
        key_id = mapping.checksum_key_id(checksum_keys(account), fields["result"], fields.get("checksum", ""))
        return ReturnHint(
            attempt_ref=reference if _REFERENCE.fullmatch(reference) else None,
            signature_holds=key_id is not None,
            says=mapping.outcome_of(status),
        )

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Ask by inquire, under our own invoice number.

        "Not known" is `not_sent` only after the portal URL has expired: before that the citizen may still be on the
        way to 9Pay's page with it.
        """
        reference = _checked("invoice_no", query.attempt_ref, _REFERENCE)
        got = self._client.inquire(account, reference)
        if got is None:
            gone = query.asked_at >= query.expires_at
            return Evidence(
                source=EvidenceSource.STATUS_QUERY,
                outcome=Outcome.NOT_SENT if gone else Outcome.PENDING,
                provider_account=account.code,
                attempt_ref=reference,
                detail_code="http-404",
            )
        amount = _money(got, "amount", OutcomeUnknown)
        if member(got, "amount_actually_received", OutcomeUnknown) not in ("", "0"):
            amount = _money(got, "amount_actually_received", OutcomeUnknown)
        return self._evidence(
            account, EvidenceSource.STATUS_QUERY, reference, got, amount, refuse=OutcomeUnknown
        )

    def refund(self, account: Account, request: RefundRequest) -> RefundResult:
        """Ask for money back, whole or in part, by 9Pay's own payment number."""
        number = request.provider_ref or ""
        if not _PAYMENT_NO.fullmatch(number):
            raise ProviderRefused("9Pay's payment number is not known, so nothing can be refunded")
        request_id = mapping.request_id(request.refund_ref)
        got = self._client.refund(
            account,
            {
                "request_id": request_id,
                "request_code": request_id,
                "payment_no": number,
                "amount": self._amount(request.amount),
                "description": f"Hoan tien {request.attempt_ref} {request.refund_ref}",
            },
        )
        status = member(got, "status", OutcomeUnknown)
        refund_no = member(got, "refund_no", OutcomeUnknown)
        return RefundResult(
            outcome=mapping.outcome_of(status),
            provider_ref=refund_no if _PAYMENT_NO.fullmatch(refund_no) else None,
            detail_code=status[:20] or None,
        )

    def _amount(self, money: Money) -> int:
        if (
            money.currency != "VND"
            or not self.manifest.amount_min <= money.amount <= self.manifest.amount_max
        ):
            raise ProviderRefused("9Pay does not take this amount", field="amount")
        return money.amount

    def _evidence(
        self,
        account: Account,
        source: EvidenceSource,
        reference: str,
        got: Mapping[str, Any],
        amount: Money | None,
        *,
        refuse: Refuse,
    ) -> Evidence:
        """9Pay says when a payment was created, not when it was paid; no message names the merchant."""
        status = member(got, "status", refuse)
        number = member(got, "payment_no", refuse)
        channel, instrument = mapping.channel_and_instrument(member(got, "method", refuse))
        return Evidence(
            source=source,
            outcome=mapping.outcome_of(status),
            provider_account=account.code,
            attempt_ref=reference,
            provider_ref=number if _PAYMENT_NO.fullmatch(number) and number.strip("0") else None,
            amount=amount,
            detail_code=status[:20] or None,
            channel=channel,
            instrument=instrument,
        )


def _field(got: Mapping[str, Any], name: str, grammar: re.Pattern[str]) -> str:
    value = member(got, name, CallbackMalformed)
    if not grammar.fullmatch(value):
        raise CallbackMalformed(f"{name} is missing or malformed", field=name)
    return value


def _money(got: Mapping[str, Any], name: str, refuse: Refuse) -> Money:
    """Read an amount in đồng; a message in another currency or with anything but plain digits is refused."""
    if member(got, "currency", refuse) not in ("", "VND"):
        raise refuse("the message is not in VND", field="currency")
    try:
        return Money(parse_amount(member(got, name, refuse)))
    except InvalidAmount as error:
        raise refuse(f"{name} is not an amount", field=name) from error


def _checked(name: str, value: str, grammar: re.Pattern[str]) -> str:
    if not grammar.fullmatch(value):
        raise ProviderRefused(f"{name} holds characters 9Pay does not take", field=name)
    return value


provider = NinepayProvider()
