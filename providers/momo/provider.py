"""What MoMo's messages mean in payclear's words. Called by the core through the contract; stateless.

It raises contract errors only, and never turns a silence or a contradiction into a refusal.
"""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

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
from payclear.kernel.money import Money
from providers.momo import mapping, statement
from providers.momo.client import PARTNER, MomoClient, key_pairs
from providers.wire import empty_secret_problems, form_fields, json_object, origin, url_problems

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BODY_LIMIT = 16_384

_REFERENCE = re.compile(r"[A-Za-z0-9]{1,50}")
_TRANSACTION = re.compile(r"[0-9]{1,19}")
_SAFE_TEXT = re.compile(r"[A-Za-z0-9 .:_-]{1,255}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


class MomoProvider(Provider):
    """MoMo v2: wallet page (captureWallet), IPN, query, refund, settlement workbook."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, client: MomoClient | None = None) -> None:
        self._client = client or MomoClient()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        partner = str(account.options.get("partner_code", ""))
        if partner and not PARTNER.fullmatch(partner):
            problems.append(f"provider account {account.code}: option partner_code is not a partner code")
        problems += empty_secret_problems(account, self.manifest.required_secrets)
        return problems + url_problems(account, ("base_url", "pay_origin", "statement_url"))

    def merchant_account(self, account: Account) -> str:
        """The partner code."""
        return account.option("partner_code")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """The origin of MoMo's pay page: `pay_origin`, else that of the API."""
        return (origin(str(account.options.get("pay_origin") or account.option("base_url"))),)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Open the payment at MoMo; the same reference again gets the same answer for 31 days."""
        fields = {
            "partnerCode": account.option("partner_code"),
            "requestId": _checked("requestId", request.attempt_ref, _REFERENCE),
            "orderId": request.attempt_ref,
            "amount": self._amount(request.amount),
            "orderInfo": _checked("orderInfo", request.memo, _SAFE_TEXT),
            "redirectUrl": request.return_url,
            "ipnUrl": request.callback_url,
            "requestType": "captureWallet",
            "extraData": "",
            "lang": "en" if request.locale == "en" else "vi",
        }
        code, got = self._client.call(account, "create", fields)
        outcome = mapping.payment_outcome(code)
        if outcome is Outcome.REJECTED:
            return CheckoutResult(outcome=Outcome.REJECTED, detail_code=str(code))
        if code != 0:
            raise OutcomeUnknown("MoMo did not open the payment clearly", reason="result", result_code=code)
        if mapping.read_amount(got.get("amount", "")) != request.amount:
            raise OutcomeUnknown("MoMo opened a payment of another amount", reason="amount")
        url = got.get("payUrl", "")
        if not url.startswith(tuple(f"{page}/" for page in self.page_origins(account))):
            raise OutcomeUnknown("MoMo sends the citizen to another house", reason="redirect_origin")
        return CheckoutResult(outcome=Outcome.PENDING, redirect_url=url, detail_code="0")

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Ask what became of an attempt. "Not found" is `not_sent` only after the attempt has expired."""
        fields = {
            "partnerCode": account.option("partner_code"),
            "requestId": query.request_id,
            "orderId": query.attempt_ref,
            "lang": "vi",
        }
        code, got = self._client.call(account, "query", fields)
        if code == mapping.ORDER_NOT_FOUND:
            gone = query.asked_at >= query.expires_at
            got = {name: got[name] for name in ("partnerCode", "orderId", "resultCode")}
            return self._evidence(
                account,
                EvidenceSource.STATUS_QUERY,
                Outcome.NOT_SENT if gone else Outcome.PENDING,
                got,
            )
        evidence = self._evidence(account, EvidenceSource.STATUS_QUERY, mapping.payment_outcome(code), got)
        if evidence.outcome is Outcome.CONFIRMED and (
            evidence.amount is None or evidence.provider_ref is None
        ):
            raise OutcomeUnknown("MoMo says paid and not how much or under which number", reason="incomplete")
        return evidence

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read an IPN; raises SignatureInvalid or CallbackMalformed and nothing else."""
        if len(request.body) > BODY_LIMIT:
            raise CallbackMalformed("the IPN is too long", reason="too_long")
        fields = mapping.plain_fields(json_object(request.body, CallbackMalformed))
        key_id = self._signing_key(account, fields)
        if key_id is None:
            raise SignatureInvalid("the signature of the IPN does not hold")
        if mapping.shifts_borders(fields):
            raise CallbackMalformed("a value of the IPN could be read as two fields", reason="border")
        reference = _field(fields, "orderId", _REFERENCE)
        transaction = _field(fields, "transId", _TRANSACTION)
        code = mapping.read_code(fields.get("resultCode", ""))
        if code is None:
            raise CallbackMalformed("resultCode is missing or malformed", field="resultCode")
        evidence = self._evidence(account, EvidenceSource.CALLBACK, mapping.payment_outcome(code), fields)
        if evidence.amount is None:
            raise CallbackMalformed("amount is missing or malformed", field="amount")
        return VerifiedCallback(
            evidence=evidence,
            dedupe_key=f"{reference}:{transaction}:{code}",
            key_id=key_id,
            confirm_by_query=self.manifest.confirm_by_query,
        )

    def acknowledge(
        self, account: Account, verdict: CallbackVerdict, request: InboundRequest
    ) -> Acknowledgement:
        """MoMo's answer to an IPN: the status says it all, 204 without a body ends its calls."""
        return Acknowledgement(status=mapping.ACKNOWLEDGEMENTS[verdict], content_type="text/plain", body=b"")

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read the browser's return: the IPN's fields as a query string; display only."""
        try:
            fields = form_fields(request.query_string, BODY_LIMIT, CallbackMalformed)
        except CallbackMalformed:
            return ReturnHint(attempt_ref=None, signature_holds=False, says=Outcome.UNKNOWN)
        reference = fields.get("orderId", "")
        code = mapping.read_code(fields.get("resultCode", ""))
        return ReturnHint(
            attempt_ref=reference if _REFERENCE.fullmatch(reference) else None,
            signature_holds=self._signing_key(account, fields) is not None
            and not mapping.shifts_borders(fields),
            says=Outcome.UNKNOWN if code is None else mapping.payment_outcome(code),
        )

    def refund(self, account: Account, request: RefundRequest) -> RefundResult:
        """Give money back under an order id of its own; an answer that can not be trusted leaves doubt."""
        fields = {
            "partnerCode": account.option("partner_code"),
            "requestId": _checked("requestId", request.refund_ref, _REFERENCE),
            "orderId": request.refund_ref,
            "amount": self._amount(request.amount),
            "transId": _checked("transId", request.provider_ref or "", _TRANSACTION),
            "description": f"Hoan tien {request.attempt_ref}",
            "lang": "vi",
        }
        code, got = self._client.call(account, "refund", fields)
        transaction = got.get("transId", "")
        return RefundResult(
            outcome=mapping.refund_outcome(code),
            provider_ref=_transaction(transaction) if transaction != fields["transId"] else None,
            detail_code=str(code),
        )

    def query_refund(self, account: Account, query: RefundQuery) -> RefundResult:
        """Ask by the refund's own order id; only a line that names our refund and its amount decides."""
        refund_ref = _checked("orderId", query.refund.refund_ref, _REFERENCE)
        fields = {
            "partnerCode": account.option("partner_code"),
            "requestId": query.request_id,
            "orderId": refund_ref,
            "lang": "vi",
        }
        code, refunds = self._client.refunds(account, fields)
        found = [each for each in refunds if each.get("orderId") == refund_ref]
        if code == mapping.ORDER_NOT_FOUND:
            return RefundResult(outcome=Outcome.NOT_SENT, detail_code=str(code))
        if (
            code != 0
            or len(found) != 1
            or mapping.read_amount(found[0].get("amount", "")) != query.refund.amount
        ):
            under_way = mapping.refund_outcome(code) is Outcome.PENDING
            outcome = Outcome.PENDING if under_way else Outcome.UNKNOWN
            return RefundResult(outcome=outcome, detail_code=str(code))
        result = mapping.read_code(found[0].get("resultCode", ""))
        return RefundResult(
            outcome=Outcome.UNKNOWN if result is None else mapping.refund_outcome(result),
            provider_ref=_transaction(found[0].get("transId", "")),
            detail_code=None if result is None else str(result),
        )

    def fetch_statement(self, account: Account, business_on: date) -> StatementFile:
        """Fetch the settlement workbook of a business day; raises StatementUnavailable."""
        name, content = self._client.fetch_statement(account, business_on)
        return StatementFile(name=name, content=content, media_type=XLSX, business_on=business_on)

    def parse_statement(self, account: Account, file: StatementFile) -> ParsedStatement:
        """Read a settlement workbook; never raises, whatever the bytes."""
        return statement.parse(file.content)

    def _signing_key(self, account: Account, fields: Mapping[str, str]) -> str | None:
        signature = fields.get("signature", "")
        if not _SIGNATURE.fullmatch(signature):
            return None
        return mapping.signing_key_id(key_pairs(account), fields, signature)

    def _amount(self, money: Money) -> str:
        within = self.manifest.amount_min <= money.amount <= self.manifest.amount_max
        if money.currency != "VND" or not within:
            raise ProviderRefused("MoMo does not take this amount", field="amount")
        return str(money.amount)

    def _evidence(
        self, account: Account, source: EvidenceSource, outcome: Outcome, fields: Mapping[str, str]
    ) -> Evidence:
        paid_at_raw = fields.get("responseTime", "") if outcome is Outcome.CONFIRMED else ""
        channel, instrument = mapping.channel_and_instrument(fields.get("payType", ""))
        return Evidence(
            source=source,
            outcome=outcome,
            provider_account=account.code,
            attempt_ref=fields["orderId"],
            provider_ref=_transaction(fields.get("transId", "")),
            amount=mapping.read_amount(fields.get("amount", "")),
            merchant_account=fields.get("partnerCode") or None,
            paid_at=mapping.read_time(paid_at_raw),
            paid_at_raw=paid_at_raw[:40] or None,
            detail_code=fields.get("resultCode") or None,
            channel=channel,
            instrument=instrument,
        )


def _field(fields: Mapping[str, str], name: str, grammar: re.Pattern[str]) -> str:
    value = fields.get(name, "")
    if not grammar.fullmatch(value):
        raise CallbackMalformed(f"{name} is missing or malformed", field=name)
    return value


def _checked(name: str, value: str, grammar: re.Pattern[str]) -> str:
    if not grammar.fullmatch(value):
        raise ProviderRefused(f"{name} is nothing MoMo takes", field=name)
    return value


def _transaction(number: str) -> str | None:
    """MoMo writes 0 when there is no transaction; that names nothing."""
    return number if _TRANSACTION.fullmatch(number) and number.strip("0") else None


provider = MomoProvider()
