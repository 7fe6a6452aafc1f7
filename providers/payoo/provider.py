"""What Payoo's messages mean in payclear's words. Called by the core through the contract; stateless.

It raises contract errors only, and never turns a silence or a status it does not know into a refusal.
"""

import hmac
import re
from collections.abc import Mapping
from datetime import date
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
from payclear.kernel.clock import vietnam_date
from payclear.kernel.money import InvalidAmount, Money, parse_amount
from providers.payoo import mapping, statement
from providers.payoo.client import PayooClient, active_keys
from providers.wire import empty_secret_problems, json_object, member, origin, url_problems

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_SHOP_ID = re.compile(r"[0-9]{1,12}")
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,100}")
_STATUS = re.compile(r"-?[0-9]{1,4}")
_QUERY_LIMIT = 4_096


class PayooProvider(Provider):
    """Payoo: hosted page, notification, order query, cancellation, settlement workbook."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, client: PayooClient | None = None) -> None:
        self._client = client or PayooClient()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        shop_id = str(account.options.get("shop_id", ""))
        if shop_id and not _SHOP_ID.fullmatch(shop_id):
            problems.append(f"provider account {account.code}: option shop_id must be a number")
        problems += empty_secret_problems(account, self.manifest.required_secrets)
        return problems + url_problems(
            account, ["pay_url", "api_url", "pay_origin", "shop_domain", "statement_url"]
        )

    def merchant_account(self, account: Account) -> str:
        """The shop's number."""
        return account.option("shop_id")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """The origin of Payoo's pay page."""
        return (origin(account.option("pay_origin")),)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Create the order at Payoo; an answer that can not be read leaves doubt."""
        within = self.manifest.amount_min <= request.amount.amount <= self.manifest.amount_max
        if request.amount.currency != "VND" or not within:
            raise ProviderRefused("Payoo does not take this amount", field="order_cash_amount")
        if not _REFERENCE.fullmatch(request.attempt_ref):
            raise ProviderRefused("order_no holds characters Payoo does not take", field="order_no")
        got = self._client.create(account, _shop(account, request))
        if got.get("result") != "success":
            raise OutcomeUnknown("Payoo did not accept the order", reason="api_code")
        order = got.get("order")
        url = member(order, "payment_url", OutcomeUnknown) if isinstance(order, dict) else ""
        if _origin_or_none(url) != origin(account.option("pay_origin")):
            raise OutcomeUnknown("the citizen would be sent to another house", reason="redirect_origin")
        return CheckoutResult(outcome=Outcome.PENDING, redirect_url=url)

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read a notification; raises SignatureInvalid or CallbackMalformed and nothing else.

        The checksum covers the text within and Payoo's own address. It only triggers a query (manifest).
        """
        notice = mapping.read_notice(request.body)
        key_id = mapping.signing_key_id(
            active_keys(account), notice.signature, notice.data, account.option("notify_ip")
        )
        if key_id is None:
            raise SignatureInvalid("the checksum of the notification does not hold")
        data = json_object(notice.data.encode("utf-8"), CallbackMalformed)
        reference = member(data, "OrderNo", CallbackMalformed)
        status = member(data, "PaymentStatus", CallbackMalformed)
        if not _REFERENCE.fullmatch(reference) or not _STATUS.fullmatch(status):
            raise CallbackMalformed("OrderNo or PaymentStatus is missing or malformed", field="OrderNo")
        evidence = self._evidence(
            account,
            EvidenceSource.CALLBACK,
            mapping.outcome_of(status),
            reference,
            _texts(data, CallbackMalformed),
            detail_code=status,
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
        """Plain text; only NOTIFY_RECEIVED ends Payoo's repetitions."""
        body = mapping.ACKNOWLEDGEMENTS[verdict].encode("ascii")
        return Acknowledgement(status=200, content_type="text/plain", body=body)

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read our own mark in the return address; what Payoo adds to it proves nothing."""
        fields = dict(parse_qsl(request.query_string[:_QUERY_LIMIT].decode("utf-8", "replace")))
        reference, given = fields.get("attempt_ref", ""), fields.get("tag", "").encode("utf-8")
        holds = [
            hmac.compare_digest(mapping.return_tag(key, reference).encode("ascii"), given)
            for key in active_keys(account).values()
        ]
        known = reference if _REFERENCE.fullmatch(reference) else None
        return ReturnHint(attempt_ref=known, signature_holds=any(holds), says=Outcome.UNKNOWN)

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Ask by getorderinfo. Unpaid when the order's time is over by a margin is `not_sent`: nobody can pay it.

        The code of an unknown order is the account's option `not_found_code`, for it is not published.
        """
        asked = {"OrderId": query.attempt_ref, "ShopId": int(account.option("shop_id"))}
        got = _texts(self._client.business(account, "getorderinfo", asked), OutcomeUnknown)
        code, status = got.get("ResponseCode", ""), got.get("PaymentStatus", "")
        not_found = str(account.options.get("not_found_code", ""))
        outcome, detail = mapping.outcome_of(status), status
        if not_found and code == not_found:
            gone = query.asked_at >= query.expires_at
            outcome, detail, got = (Outcome.NOT_SENT if gone else Outcome.PENDING), f"api-{code}", {}
        elif code != "0":
            raise OutcomeUnknown("Payoo did not answer the question", reason="api_code", api_code=code[:20])
        elif _named(got) not in ("", query.attempt_ref):
            raise OutcomeUnknown("Payoo answers about something else", reason="other_payment")
        elif status == mapping.UNPAID and query.asked_at >= query.expires_at + mapping.LAPSE_MARGIN:
            outcome = Outcome.NOT_SENT
        if outcome is Outcome.CONFIRMED and (_amount(got) is None or not _named(got)):
            raise OutcomeUnknown("Payoo's answer does not say what was paid", reason="amount")
        return self._evidence(
            account, EvidenceSource.STATUS_QUERY, outcome, query.attempt_ref, got, detail_code=detail[:20]
        )

    def refund(self, account: Account, request: RefundRequest) -> RefundResult:
        """Cancel the order (NewStatus 3), whole payments only; taken in work, never done at once."""
        if request.amount != request.captured:
            raise ProviderRefused("Payoo gives whole payments back only", reason="partial_refund")
        asked = {"OrderId": request.attempt_ref, "NewStatus": 3, "UpdateLog": request.refund_ref}
        try:
            got = _texts(self._client.business(account, "CancelOrder", asked), OutcomeUnknown)
        except SignatureInvalid as error:
            raise OutcomeUnknown("the answer to the refund is not Payoo's", reason="signature") from error
        code = got.get("ResponseCode", "")
        outcome = Outcome.PENDING if code == "0" else Outcome.UNKNOWN
        return RefundResult(outcome=outcome, provider_ref=None, detail_code=f"api-{code[:20]}")

    def query_refund(self, account: Account, query: RefundQuery) -> RefundResult:
        """A refund is the order's state: cancelled is given back; what is still paid after a while was never cancelled."""
        reference = query.refund.attempt_ref
        asked = {"OrderId": reference, "ShopId": int(account.option("shop_id"))}
        try:
            got = _texts(self._client.business(account, "getorderinfo", asked), OutcomeUnknown)
        except SignatureInvalid as error:
            raise OutcomeUnknown("the answer is not Payoo's", reason="signature") from error
        code, status = got.get("ResponseCode", ""), got.get("PaymentStatus", "")
        if code != "0" or _named(got) != reference:
            raise OutcomeUnknown("Payoo did not answer the question", reason="api_code", api_code=code[:20])
        outcome = mapping.REFUND_OUTCOMES.get(status, Outcome.UNKNOWN)
        if status == mapping.PAID and query.asked_at >= query.refund.asked_at + mapping.CANCEL_MARGIN:
            outcome = Outcome.NOT_SENT
        return RefundResult(outcome=outcome, detail_code=status[:20] or None)

    def fetch_statement(self, account: Account, business_on: date) -> StatementFile:
        """Fetch the settlement workbook of a business day; raises StatementUnavailable."""
        name, content = self._client.fetch_statement(account, business_on)
        return StatementFile(name=name, content=content, media_type=XLSX, business_on=business_on)

    def parse_statement(self, account: Account, file: StatementFile) -> ParsedStatement:
        """Read a settlement workbook; never raises, whatever the bytes."""
        return statement.parse(file.content)

    def _evidence(
        self,
        account: Account,
        source: EvidenceSource,
        outcome: Outcome,
        reference: str,
        fields: Mapping[str, str],
        *,
        detail_code: str,
    ) -> Evidence:
        paid_at_raw = fields.get("PurchaseDate", "")[:40]
        return Evidence(
            source=source,
            outcome=outcome,
            provider_account=account.code,
            attempt_ref=reference,
            provider_ref=fields.get("BillingCode", "")[:100] or None,
            amount=_amount(fields),
            merchant_account=fields.get("ShopId") or None,
            paid_at=mapping.read_time(paid_at_raw),
            paid_at_raw=paid_at_raw or None,
            detail_code=detail_code,
            channel=self.manifest.channel,
            instrument=self.manifest.instrument,
        )


def _shop(account: Account, request: CheckoutRequest) -> mapping.Shop:
    parts = urlsplit(request.return_url)
    tag = mapping.return_tag(account.secrets["checksum_key"], request.attempt_ref)
    ours = urlencode({"attempt_ref": request.attempt_ref, "tag": tag})
    options = account.options
    return mapping.Shop(
        session=request.attempt_ref,
        username=account.option("username"),
        shop_id=account.option("shop_id"),
        shop_title=account.option("shop_title"),
        shop_domain=account.option("shop_domain"),
        shop_back_url=urlunsplit(parts._replace(query=f"{parts.query}&{ours}" if parts.query else ours)),
        order_no=request.attempt_ref,
        amount=request.amount.amount,
        ship_on=f"{vietnam_date(request.created_at):%d/%m/%Y}",
        description=request.memo,
        notify_url=request.callback_url,
        valid_until=mapping.time_text(request.expires_at),
        customer=mapping.Customer(
            name=account.option("shop_title"),
            phone=str(options.get("contact_phone", "")),
            address=str(options.get("contact_address", "")),
            city=str(options.get("contact_city", "24000")),
            email=str(options.get("contact_email", "")),
        ),
    )


def _texts(data: Mapping[str, Any], refuse: Any) -> dict[str, str]:
    names = ("ResponseCode", "OrderNo", "OrderId", "OrderCashAmount", "PaymentStatus", "ShopId")
    return {name: member(data, name, refuse) for name in (*names, "PurchaseDate", "BillingCode")}


def _named(fields: Mapping[str, str]) -> str:
    return fields.get("OrderNo", "") or fields.get("OrderId", "")


def _amount(fields: Mapping[str, str]) -> Money | None:
    try:
        return Money(parse_amount(fields.get("OrderCashAmount", "")))
    except InvalidAmount:
        return None


def _origin_or_none(url: str) -> str | None:
    try:
        return origin(url)
    except ValueError:
        return None


provider = PayooProvider()
