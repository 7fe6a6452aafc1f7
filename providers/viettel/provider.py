"""What the messages of Viettel's gateway mean in payclear's words. Called by the core through the contract; stateless.

It raises contract errors only, never turns a silence or a contradiction into a refusal, and signs nothing that an
unverified sender chose.
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

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
    ParsedStatement,
    RefundRequest,
    RefundResult,
    ReturnHint,
    StatementFile,
    StatusQuery,
    VerifiedCallback,
)
from payclear.contract.outcomes import CallbackVerdict, EvidenceSource, Outcome
from payclear.contract.provider import Provider
from payclear.kernel.money import InvalidAmount, Money, parse_amount
from providers.viettel import mapping, statement
from providers.viettel.client import ViettelClient, key_pairs
from providers.wire import empty_secret_problems, form_fields, member, origin, url_problems

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_ORDER_ID = re.compile(r"[A-Za-z0-9]{1,20}")
_TRANSACTION = re.compile(r"[A-Za-z0-9_-]{1,50}")
_STATUS = re.compile(r"-?[0-9]{1,3}")
_ERROR = re.compile(r"[A-Za-z0-9]{1,10}")
_MERCHANT = re.compile(r"[A-Za-z0-9_]{1,30}")
_SAFE_TEXT = re.compile(r"[A-Za-z0-9 .:_-]{1,200}")


class ViettelProvider(Provider):
    """Viettel's payment gateway 2.0: hosted page, verify-data and result callbacks, inquiry, refund, settlement."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, client: ViettelClient | None = None) -> None:
        self._client = client or ViettelClient()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        where = f"provider account {account.code}"
        merchant = str(account.options.get("merchant_code", ""))
        if merchant and not _MERCHANT.fullmatch(merchant):
            problems.append(f"{where}: option merchant_code must be letters, digits or _")
        if mapping.refusal_statuses(str(account.options.get("refusal_statuses", ""))) is None:
            problems.append(f"{where}: option refusal_statuses is a list like 2,-1 without 0 and 1")
        problems += empty_secret_problems(account, self.manifest.required_secrets)
        return problems + url_problems(account, ("pay_url", "api_url", "statement_url"))

    def merchant_account(self, account: Account) -> str:
        """The merchant code."""
        return account.option("merchant_code")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """The origin of Viettel's pay page."""
        return (origin(account.option("pay_url")),)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Build the signed pay URL; nothing is sent, the citizen's browser carries it."""
        order_id = _checked("order_id", request.attempt_ref, _ORDER_ID)
        fields = {
            "version": mapping.VERSION,
            "command": "PAYMENT",
            "billcode": mapping.bill_code(order_id, self._money(request.amount)),
            "order_id": order_id,
            "merchant_code": account.option("merchant_code"),
            "trans_amount": str(request.amount.amount),
            "locale": "En" if request.locale == "en" else "Vi",
            "desc": _checked("desc", request.memo, _SAFE_TEXT),
            "return_url": request.return_url,
        }
        fields["check_sum"] = mapping.sign(key_pairs(account)[0], fields, mapping.PAY)
        url = f"{account.option('pay_url')}?{urlencode(fields)}"
        return CheckoutResult(outcome=Outcome.PENDING, redirect_url=url)

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read a verify-data question or a result; raises SignatureInvalid or CallbackMalformed only."""
        fields = _read(request.body)
        pair = _signer(account, fields)
        if pair is None:
            raise SignatureInvalid("the checksum of the callback does not hold")
        evidence = self._asked(account, fields) if _asks(fields) else self._told(account, fields)
        event = f"{fields.get('payment_status', 'ask')}:{fields.get('error_code', '')}"
        return VerifiedCallback(
            evidence=evidence,
            dedupe_key=f"{evidence.attempt_ref}:{evidence.provider_ref or ''}:{event}",
            key_id=pair.id,
            confirm_by_query=self.manifest.confirm_by_query,
        )

    def acknowledge(
        self, account: Account, verdict: CallbackVerdict, request: InboundRequest
    ) -> Acknowledgement:
        """Viettel's reply: always HTTP 200 and JSON. It is signed only where the callback's own checksum holds."""
        try:
            fields = _read(request.body)
        except ProviderError:
            fields = {}
        pair = _signer(account, fields) if fields else None
        code = mapping.REPLY_CODES[verdict]
        reply: dict[str, str | int] = {"error_code": code}
        if fields and _asks(fields):
            amount = mapping.billed_amount(fields["billcode"], fields["order_id"])
            signed = {**fields, "trans_amount": str(amount.amount) if amount else ""}
            reply |= {name: fields[name] for name in ("billcode", "order_id", "merchant_code")}
            reply["trans_amount"] = amount.amount if amount and pair else 0
            reply["check_sum"] = mapping.sign(pair, signed, mapping.VERIFY) if pair else ""
        else:
            signed = {name: fields.get(name, "") for name in ("merchant_code", "order_id")}
            reply |= signed | {"return_url": "", "return_bill_code": "", "return_other_info": ""}
            text = {**signed, "error_code": code}
            reply["check_sum"] = mapping.sign(pair, text, mapping.REPLY) if pair else ""
        body = json.dumps(reply, separators=(",", ":")).encode("ascii")
        return Acknowledgement(status=200, content_type="application/json", body=body)

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read the browser's return; display only, so anything unreadable is just an empty hint."""
        try:
            fields = form_fields(request.query_string, mapping.MESSAGE_LIMIT, CallbackMalformed)
        except ProviderError:
            return ReturnHint(attempt_ref=None, signature_holds=False, says=Outcome.UNKNOWN)
        order_id = fields.get("order_id", "")
        return ReturnHint(
            attempt_ref=order_id if _ORDER_ID.fullmatch(order_id) else None,
            signature_holds=mapping.signing_pair(key_pairs(account), fields, mapping.RESULT) is not None,
            says=mapping.payment_outcome(
                fields.get("error_code", ""), fields.get("payment_status", ""), _refusals(account)
            ),
        )

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Ask by TRANS_INQUIRY.

        "Not found" (01) is `not_sent` only after the attempt's time: before that the citizen may still be on the way
        to Viettel's page, and a second provider could become a second payment.
        """
        order_id = _checked("order_id", query.attempt_ref, _ORDER_ID)
        got = self._client.call(
            account,
            {
                "cmd": "TRANS_INQUIRY",
                "merchant_code": account.option("merchant_code"),
                "order_id": order_id,
                "version": mapping.VERSION,
            },
            mapping.INQUIRY,
        )
        error_code = member(got, "error_code", OutcomeUnknown)
        status = member(got, "payment_status", OutcomeUnknown)
        outcome = mapping.payment_outcome(error_code, status, _refusals(account))
        if error_code == "01" and not status:
            outcome = Outcome.NOT_SENT if query.asked_at >= query.expires_at else Outcome.PENDING
        text = member(got, "trans_amount", OutcomeUnknown)
        try:
            amount = Money(parse_amount(text)) if text else None
        except InvalidAmount as error:
            raise OutcomeUnknown("Viettel's answer holds no amount", reason="amount") from error
        if amount is None and outcome is Outcome.CONFIRMED:
            raise OutcomeUnknown("Viettel's answer holds no amount", reason="amount")
        fields = {name: member(got, name, OutcomeUnknown) for name in ("merchant_code", "vt_transaction_id")}
        return _evidence(
            account,
            EvidenceSource.STATUS_QUERY,
            order_id,
            fields,
            outcome=outcome,
            amount=amount,
            detail_code=f"{error_code}/{status}",
        )

    def refund(self, account: Account, request: RefundRequest) -> RefundResult:
        """Ask for money back by REFUND_PAYMENT, whole or in part, of Viettel's own transaction."""
        transaction = request.provider_ref or ""
        if not _TRANSACTION.fullmatch(transaction):
            raise ProviderRefused("Viettel's transaction is not known, so nothing can be refunded")
        got = self._client.call(
            account,
            {
                "cmd": "REFUND_PAYMENT",
                "merchant_code": account.option("merchant_code"),
                "order_id": mapping.refund_order_id(request.refund_ref),
                "originalRequestId": transaction,
                "refundType": "0" if request.amount == request.captured else "1",
                "trans_amount": str(self._money(request.amount).amount),
                "trans_content": f"Hoan tien {request.attempt_ref} {request.refund_ref}",
                "version": mapping.VERSION,
            },
            mapping.REFUND,
        )
        error_code = member(got, "error_code", OutcomeUnknown)
        number = member(got, "vt_transaction_id", OutcomeUnknown)
        return RefundResult(
            outcome=mapping.refund_outcome(error_code),
            provider_ref=number if _TRANSACTION.fullmatch(number) else None,
            detail_code=error_code[:20],
        )

    def fetch_statement(self, account: Account, business_on: date) -> StatementFile:
        """Fetch the settlement workbook of a business day; raises StatementUnavailable."""
        name, content = self._client.fetch_statement(account, business_on)
        return StatementFile(name=name, content=content, media_type=XLSX, business_on=business_on)

    def parse_statement(self, account: Account, file: StatementFile) -> ParsedStatement:
        """Read a settlement workbook; never raises, whatever the bytes."""
        return statement.parse(file.content)

    def _asked(self, account: Account, fields: Mapping[str, str]) -> Evidence:
        """Viettel asks whether it may take the money: nothing has been paid yet."""
        return _evidence(
            account,
            EvidenceSource.CALLBACK,
            fields["order_id"],
            fields,
            outcome=Outcome.PENDING,
            amount=mapping.billed_amount(fields["billcode"], fields["order_id"]),
            detail_code="verify-data",
        )

    def _told(self, account: Account, fields: Mapping[str, str]) -> Evidence:
        """Viettel tells a result."""
        error_code = _field(fields, "error_code", _ERROR)
        status = _field(fields, "payment_status", _STATUS)
        if mapping.shifts_borders(fields):
            raise CallbackMalformed("digits of the result may have moved between its fields", reason="border")
        try:
            amount = Money(parse_amount(fields.get("trans_amount", "")))
        except InvalidAmount as error:
            raise CallbackMalformed("trans_amount is not an amount", field="trans_amount") from error
        return _evidence(
            account,
            EvidenceSource.CALLBACK,
            fields["order_id"],
            fields,
            outcome=mapping.payment_outcome(error_code, status, _refusals(account)),
            amount=amount,
            detail_code=f"{error_code}/{status}",
        )

    def _money(self, money: Money) -> Money:
        if (
            money.currency != "VND"
            or not self.manifest.amount_min <= money.amount <= self.manifest.amount_max
        ):
            raise ProviderRefused("Viettel does not take this amount", field="trans_amount")
        return money


def _read(body: bytes) -> dict[str, str]:
    """The fields of a callback whose order, merchant and bill code have their forms; raises CallbackMalformed."""
    fields = form_fields(body, mapping.MESSAGE_LIMIT, CallbackMalformed)
    order_id = _field(fields, "order_id", _ORDER_ID)
    _field(fields, "merchant_code", _MERCHANT)
    if mapping.billed_amount(fields.get("billcode", ""), order_id) is None:
        raise CallbackMalformed("billcode is not that of the order", field="billcode")
    return fields


def _asks(fields: Mapping[str, str]) -> bool:
    """Whether a callback is the question before payment; a result always says its status."""
    return "payment_status" not in fields and "vt_transaction_id" not in fields


def _signer(account: Account, fields: Mapping[str, str]) -> mapping.KeyPair | None:
    """The pair that signed a callback; the question is signed over the amount that its bill code carries."""
    if not _asks(fields):
        return mapping.signing_pair(key_pairs(account), fields, mapping.RESULT)
    amount = mapping.billed_amount(fields["billcode"], fields["order_id"])
    asked = {**fields, "trans_amount": str(amount.amount) if amount else ""}
    return mapping.signing_pair(key_pairs(account), asked, mapping.VERIFY)


def _refusals(account: Account) -> frozenset[str]:
    return mapping.refusal_statuses(str(account.options.get("refusal_statuses", ""))) or frozenset()


def _evidence(
    account: Account,
    source: EvidenceSource,
    order_id: str,
    fields: Mapping[str, Any],
    *,
    outcome: Outcome,
    amount: Money | None,
    detail_code: str,
) -> Evidence:
    """Viettel says neither when nor by which means the citizen paid; the payer's phone number is not kept."""
    transaction = str(fields.get("vt_transaction_id", ""))
    return Evidence(
        source=source,
        outcome=outcome,
        provider_account=account.code,
        attempt_ref=order_id,
        provider_ref=transaction if _TRANSACTION.fullmatch(transaction) else None,
        amount=amount,
        merchant_account=str(fields.get("merchant_code", "")) or None,
        detail_code=detail_code[:40],
        channel=ViettelProvider.manifest.channel,
        instrument=ViettelProvider.manifest.instrument,
    )


def _field(fields: Mapping[str, str], name: str, grammar: re.Pattern[str]) -> str:
    value = fields.get(name, "")
    if not grammar.fullmatch(value):
        raise CallbackMalformed(f"{name} is missing or malformed", field=name)
    return value


def _checked(name: str, value: str, grammar: re.Pattern[str]) -> str:
    if not grammar.fullmatch(value):
        raise ProviderRefused(f"{name} holds characters Viettel does not take", field=name)
    return value


provider = ViettelProvider()
