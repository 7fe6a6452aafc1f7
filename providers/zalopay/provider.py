"""What ZaloPay's messages mean in payclear's words. Called by the core through the contract; stateless.

It raises contract errors only, and never turns a silence or a contradiction into a refusal.
"""

import json
import re
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
from providers.wire import (
    empty_secret_problems,
    form_fields,
    json_object,
    member,
    origin,
    url_problems,
)
from providers.zalopay import mapping, statement
from providers.zalopay.client import APP_ID, ZaloPayAnswer, ZaloPayClient, callback_keys

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BODY_LIMIT = 32_768
ORDER_CALLBACK = "1"
LIVES_AT_LEAST_S, LIVES_AT_MOST_S = 300, 2_592_000

_REFERENCE = re.compile(r"[A-Za-z0-9]{1,32}")
_TRANSACTION = re.compile(r"[1-9][0-9]{0,18}")
_SAFE_TEXT = re.compile(r"[A-Za-z0-9 .:_-]{1,256}")
_MAC = re.compile(r"[0-9a-f]{64}")


class ZaloPayProvider(Provider):
    """ZaloPay v2: order page, callback, query, refund, settlement workbook."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, client: ZaloPayClient | None = None) -> None:
        self._client = client or ZaloPayClient()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        app_id = str(account.options.get("app_id", ""))
        if app_id and not APP_ID.fullmatch(app_id):
            problems.append(f"provider account {account.code}: option app_id is not a number")
        problems += empty_secret_problems(account, self.manifest.required_secrets)
        return problems + url_problems(account, ("base_url", "pay_origin", "statement_url"))

    def merchant_account(self, account: Account) -> str:
        """The application's number."""
        return account.option("app_id")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """The origin of ZaloPay's gateway page, which is not that of its API."""
        return (origin(account.option("pay_origin")),)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Open the payment at ZaloPay; a second call for the same reference is refused there and leaves doubt."""
        lives_s = int((request.expires_at - request.created_at).total_seconds())
        fields = {
            "app_id": account.option("app_id"),
            "app_user": str(account.options.get("app_user", "payclear")),
            "app_trans_id": mapping.app_trans_id(
                _checked("attempt_ref", request.attempt_ref, _REFERENCE), request.created_at
            ),
            "app_time": mapping.milliseconds(request.created_at),
            "expire_duration_seconds": str(min(max(lives_s, LIVES_AT_LEAST_S), LIVES_AT_MOST_S)),
            "amount": self._amount(request.amount),
            "description": _checked("description", request.memo, _SAFE_TEXT),
            "item": "[]",
            "embed_data": json.dumps({"redirecturl": request.return_url}, separators=(",", ":")),
            "bank_code": "",
            "callback_url": request.callback_url,
        }
        got = self._client.call(account, "create", fields)
        if got.code == 2 and got.sub_code in mapping.NOT_OPENED:
            return CheckoutResult(outcome=Outcome.REJECTED, detail_code=got.detail)
        if got.code != 1:
            raise OutcomeUnknown("ZaloPay did not open the payment clearly", reason="result", code=got.detail)
        url = got.fields["order_url"]
        if not url.startswith(tuple(f"{page}/" for page in self.page_origins(account))):
            raise OutcomeUnknown("ZaloPay sends the citizen to another house", reason="redirect_origin")
        return CheckoutResult(outcome=Outcome.PENDING, redirect_url=url, detail_code=got.detail)

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Ask what became of an attempt. "Not found" is `not_sent` only after the attempt has expired."""
        fields = {
            "app_id": account.option("app_id"),
            "app_trans_id": mapping.app_trans_id(query.attempt_ref, query.created_at),
        }
        got = self._client.call(account, "query", fields)
        outcome = mapping.payment_outcome(got.code, got.sub_code)
        if got.code == 2 and got.sub_code == mapping.TRANSACTION_NOT_FOUND:
            outcome = Outcome.NOT_SENT if query.asked_at >= query.expires_at else Outcome.PENDING
        return self._queried(account, query, outcome, got)

    def _queried(
        self, account: Account, query: StatusQuery, outcome: Outcome, got: ZaloPayAnswer
    ) -> Evidence:
        amount = mapping.read_amount(got.fields["amount"])
        transaction = _transaction(got.fields["zp_trans_id"])
        paid = outcome is Outcome.CONFIRMED
        if paid and (amount is None or transaction is None):
            raise OutcomeUnknown(
                "ZaloPay says paid and not how much or under which number", reason="incomplete"
            )
        paid_at_raw = got.fields["server_time"] if paid else ""
        return Evidence(
            source=EvidenceSource.STATUS_QUERY,
            outcome=outcome,
            provider_account=account.code,
            attempt_ref=query.attempt_ref,
            provider_ref=transaction,
            amount=amount if paid else None,
            paid_at=mapping.read_time(paid_at_raw),
            paid_at_raw=paid_at_raw[:40] or None,
            detail_code=got.detail,
            channel=self.manifest.channel,
            instrument=self.manifest.instrument,
        )

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read a callback; raises SignatureInvalid or CallbackMalformed and nothing else.

        The mac is over the exact string in `data`, and covers nothing else; ZaloPay calls only about successes.
        """
        if len(request.body) > BODY_LIMIT:
            raise CallbackMalformed("the callback is too long", reason="too_long")
        outer = json_object(request.body, CallbackMalformed)
        text, mac = (member(outer, name, CallbackMalformed) for name in ("data", "mac"))
        key_id = mapping.signing_key_id(callback_keys(account), text, mac) if _MAC.fullmatch(mac) else None
        if key_id is None:
            raise SignatureInvalid("the mac of the callback does not hold")
        if member(outer, "type", CallbackMalformed) != ORDER_CALLBACK:
            raise CallbackMalformed("the callback is not about an order", field="type")
        data = json_object(text.encode("utf-8"), CallbackMalformed)
        fields = {
            name: member(data, name, CallbackMalformed)
            for name in ("app_id", "app_trans_id", "amount", "zp_trans_id", "server_time")
        }
        reference = mapping.attempt_ref_of(fields["app_trans_id"])
        transaction = _transaction(fields["zp_trans_id"])
        amount = mapping.read_amount(fields["amount"])
        for name, value in (("app_trans_id", reference), ("zp_trans_id", transaction), ("amount", amount)):
            if value is None:
                raise CallbackMalformed(f"{name} is missing or malformed", field=name)
        if not APP_ID.fullmatch(fields["app_id"]):
            raise CallbackMalformed("app_id is missing or malformed", field="app_id")
        evidence = Evidence(
            source=EvidenceSource.CALLBACK,
            outcome=Outcome.CONFIRMED,
            provider_account=account.code,
            attempt_ref=reference or "",
            provider_ref=transaction,
            amount=amount,
            merchant_account=fields["app_id"],
            paid_at=mapping.read_time(fields["server_time"]),
            paid_at_raw=fields["server_time"][:40] or None,
            detail_code="1",
            channel=self.manifest.channel,
            instrument=self.manifest.instrument,
        )
        return VerifiedCallback(
            evidence=evidence,
            dedupe_key=f"{fields['app_trans_id']}:{transaction}",
            key_id=key_id,
            confirm_by_query=self.manifest.confirm_by_query,
        )

    def acknowledge(
        self, account: Account, verdict: CallbackVerdict, request: InboundRequest
    ) -> Acknowledgement:
        """ZaloPay's answer to a callback: always HTTP 200, the verdict in return_code."""
        code, message = mapping.ACKNOWLEDGEMENTS[verdict]
        body = json.dumps({"return_code": code, "return_message": message}, separators=(",", ":"))
        return Acknowledgement(status=200, content_type="application/json", body=body.encode("ascii"))

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read the browser's return, signed with key2; display only."""
        try:
            fields = form_fields(request.query_string, BODY_LIMIT, CallbackMalformed)
        except CallbackMalformed:
            return ReturnHint(attempt_ref=None, signature_holds=False, says=Outcome.UNKNOWN)
        checksum = fields.get("checksum", "")
        text = mapping.canonical(fields, mapping.RETURN_FIELDS)
        holds = _MAC.fullmatch(checksum) and mapping.signing_key_id(callback_keys(account), text, checksum)
        return ReturnHint(
            attempt_ref=mapping.attempt_ref_of(fields.get("apptransid", "")),
            signature_holds=bool(holds),
            says=Outcome.CONFIRMED if fields.get("status") == "1" else Outcome.UNKNOWN,
        )

    def refund(self, account: Account, request: RefundRequest) -> RefundResult:
        """Ask for money back; ZaloPay works on it later, and a reference it has seen is asked about instead.

        `asked_at` is part of ZaloPay's reference: the same refund must come with the same day again.
        """
        app_id, stamp = account.option("app_id"), mapping.milliseconds(request.asked_at)
        reference = mapping.m_refund_id(
            app_id, _checked("refund_ref", request.refund_ref, _REFERENCE), request.asked_at
        )
        fields = {
            "app_id": app_id,
            "m_refund_id": reference,
            "zp_trans_id": _checked("zp_trans_id", request.provider_ref or "", _TRANSACTION),
            "amount": self._amount(request.amount),
            "timestamp": stamp,
            "description": f"Hoan tien {request.attempt_ref}",
        }
        got = self._client.call(account, "refund", fields)
        if got.code == 2 and got.sub_code == mapping.REFUND_KNOWN:
            return self._refund_state(account, reference, stamp)
        return RefundResult(
            outcome=mapping.refund_outcome(got.code, got.sub_code),
            provider_ref=_transaction(got.fields["refund_id"]),
            detail_code=got.detail,
        )

    def query_refund(self, account: Account, query: RefundQuery) -> RefundResult:
        """Ask by the reference the refund was first sent with, its day included."""
        refund_ref = _checked("refund_ref", query.refund.refund_ref, _REFERENCE)
        reference = mapping.m_refund_id(account.option("app_id"), refund_ref, query.refund.asked_at)
        return self._refund_state(account, reference, mapping.milliseconds(query.asked_at))

    def _refund_state(self, account: Account, reference: str, stamp: str) -> RefundResult:
        asked = {"app_id": account.option("app_id"), "m_refund_id": reference, "timestamp": stamp}
        got = self._client.call(account, "query_refund", asked)
        outcome = mapping.refund_outcome(got.code, got.sub_code)
        not_found = mapping.read_code(str(account.options.get("refund_not_found_code", "")))
        if got.code == 2 and not_found is not None and got.sub_code == not_found:
            outcome = Outcome.NOT_SENT
        return RefundResult(
            outcome=outcome, provider_ref=_transaction(got.fields["refund_id"]), detail_code=got.detail
        )

    def fetch_statement(self, account: Account, business_on: date) -> StatementFile:
        """Fetch the settlement workbook of a business day; raises StatementUnavailable."""
        name, content = self._client.fetch_statement(account, business_on)
        return StatementFile(name=name, content=content, media_type=XLSX, business_on=business_on)

    def parse_statement(self, account: Account, file: StatementFile) -> ParsedStatement:
        """Read a settlement workbook; never raises, whatever the bytes."""
        return statement.parse(file.content)

    def _amount(self, money: Money) -> str:
        within = self.manifest.amount_min <= money.amount <= self.manifest.amount_max
        if money.currency != "VND" or not within:
            raise ProviderRefused("ZaloPay does not take this amount", field="amount")
        return str(money.amount)


def _checked(name: str, value: str, grammar: re.Pattern[str]) -> str:
    if not grammar.fullmatch(value):
        raise ProviderRefused(f"{name} is nothing ZaloPay takes", field=name)
    return value


def _transaction(number: str) -> str | None:
    return number if _TRANSACTION.fullmatch(number) else None


provider = ZaloPayProvider()
