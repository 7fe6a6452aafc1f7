"""What KeyPay's messages mean in payclear's words. Called by the core through the contract; stateless.

It raises contract errors only, and never turns a silence or a contradiction into a refusal.
"""

import json
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
    RefundQuery,
    RefundRequest,
    RefundResult,
    ReturnHint,
    StatusQuery,
    VerifiedCallback,
)
from payclear.contract.outcomes import CallbackVerdict, EvidenceSource, Outcome
from payclear.contract.provider import Provider
from payclear.kernel.money import InvalidAmount, Money, parse_amount
from providers.keypay import mapping
from providers.keypay.bill import bill_info
from providers.keypay.client import KeypayClient, inbound_keys
from providers.wire import (
    Refuse,
    empty_secret_problems,
    form_fields,
    json_object,
    origin,
    url_problems,
)

_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,20}")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,60}")
_STATUS = re.compile(r"[A-Za-z0-9_-]{1,30}")
_CLIENT = re.compile(r"[A-Za-z0-9_-]{1,50}")
_SAFE_TEXT = re.compile(r"[A-Za-z0-9 .:_-]{1,200}")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:-]{1,250}")
_QUERY_LIMIT = 8_192
_REFUND_COMMAND, _REFUND_DETAIL_COMMAND = "REFUND", "REFUND_DETAIL"


class KeypayProvider(Provider):
    """KeyPay 3.0: hosted page, callback that only triggers the detail call, detail, refund."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, client: KeypayClient | None = None) -> None:
        self._client = client or KeypayClient()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        where = f"provider account {account.code}"
        client_id = str(account.options.get("client_id", ""))
        if client_id and not _CLIENT.fullmatch(client_id):
            problems.append(f"{where}: option client_id must be letters, digits, _ or -")
        page = str(account.options.get("page_origin", ""))
        if page and not _ORIGIN.fullmatch(page):
            problems.append(f"{where}: option page_origin is a scheme and a host, without a path")
        for name in ("refusal_statuses", "refund_refusal_statuses", "not_found_errors"):
            if mapping.codes(str(account.options.get(name, ""))) is None:
                problems.append(f"{where}: option {name} is a list like 1,expired without 0")
        problems += empty_secret_problems(account, self.manifest.required_secrets)
        addresses = ("create_url", "detail_url", "refund_url", "refund_detail_url", "page_origin")
        return problems + url_problems(account, addresses)

    def merchant_account(self, account: Account) -> str:
        """The client id."""
        return account.option("client_id")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """The origin of KeyPay's pay pages."""
        return (account.option("page_origin"),)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Open the payment at KeyPay; an unreadable answer leaves doubt.

        Without an error the payer is sent to KeyPay's page; an error says that no page was opened.
        """
        fields = {
            "client_id": account.option("client_id"),
            "transaction_id": _checked("transaction_id", request.attempt_ref, _REFERENCE),
            "trans_amount": str(self._money(request.amount).amount),
            "command": mapping.COMMAND,
            "version": mapping.VERSION,
            "addition_fee": "0",
        }
        more: dict[str, Any] = {
            "description": _checked("description", request.memo, _SAFE_TEXT),
            "locale": "en" if request.locale == "en" else "vn",
            "country_code": "vi",
            "currency_code": request.amount.currency,
            "environment": "1",
            "return_url": request.return_url,
        }
        if request.bill is not None:
            more["bill_info"] = bill_info(request.bill)
        got = self._client.create(account, fields, more)
        if got["error"] != mapping.ERROR_NONE:
            raise ProviderRefused("KeyPay refuses to open the payment", error=got["error"][:20])
        url = got.get("payment_url") or got.get("url_pay", "")
        if origin(url) != account.option("page_origin"):
            raise OutcomeUnknown("KeyPay sends the citizen to another house", reason="redirect_origin")
        return CheckoutResult(outcome=Outcome.PENDING, redirect_url=url, provider_ref=_transaction_code(got))

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read a callback; raises SignatureInvalid or CallbackMalformed and nothing else.

        The checksum does not cover the status, so what is read is a hint: KeyPay is asked before anything is
        believed.
        """
        fields = mapping.flat(json_object(request.body, CallbackMalformed), CallbackMalformed)
        key_id = mapping.signing_key_id(
            inbound_keys(account), fields, mapping.PAYMENT, fields.get("check_sum", "")
        )
        if key_id is None:
            raise SignatureInvalid("the checksum of the callback does not hold")
        reference = _field(fields, "transaction_id", _REFERENCE)
        status = _field(fields, "status", _STATUS)
        evidence = _evidence(
            account,
            EvidenceSource.CALLBACK,
            reference,
            fields,
            amount=_amount(fields, CallbackMalformed),
            outcome=mapping.outcome_of(status, _codes(account, "refusal_statuses")),
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
        """KeyPay's answer to a callback: always HTTP 200, the verdict in return_code."""
        code, message = mapping.ACKNOWLEDGEMENTS[verdict]
        body = json.dumps({"return_code": code, "return_msg": message}, separators=(",", ":"))
        return Acknowledgement(status=200, content_type="application/json", body=body.encode("ascii"))

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read the browser's return; display only, so anything unreadable is just an empty hint."""
        try:
            fields = form_fields(request.query_string, _QUERY_LIMIT, CallbackMalformed)
        except ProviderError:
            return ReturnHint(attempt_ref=None, signature_holds=False, says=Outcome.UNKNOWN)
        reference = fields.get("transaction_id", "")
        key_id = mapping.signing_key_id(
            inbound_keys(account), fields, mapping.PAYMENT, fields.get("check_sum", "")
        )
        return ReturnHint(
            attempt_ref=reference if _REFERENCE.fullmatch(reference) else None,
            signature_holds=key_id is not None,
            says=mapping.outcome_of(fields.get("status", ""), _codes(account, "refusal_statuses")),
        )

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Ask by the detail call.

        An error that the contract names "not known" is `not_sent` only after the attempt's time; any other error
        answers nothing.
        """
        reference = _checked("transaction_id", query.attempt_ref, _REFERENCE)
        asked = {
            "client_id": account.option("client_id"),
            "command": mapping.COMMAND,
            "transaction_id": reference,
        }
        got = self._client.ask(account, "detail_url", asked, mapping.DETAIL)
        error = got["error"]
        if error in _codes(account, "not_found_errors"):
            gone = query.asked_at >= query.expires_at
            return Evidence(
                source=EvidenceSource.STATUS_QUERY,
                outcome=Outcome.NOT_SENT if gone else Outcome.PENDING,
                provider_account=account.code,
                attempt_ref=reference,
                merchant_account=got.get("client_id") or None,
                detail_code=f"error-{error}"[:40],
            )
        if error != mapping.ERROR_NONE:
            raise OutcomeUnknown("KeyPay did not answer the question", reason="error", error=error[:20])
        outcome = mapping.outcome_of(got.get("status", ""), _codes(account, "refusal_statuses"))
        amount = _amount(got, OutcomeUnknown) if got.get("trans_amount") else None
        if amount is None and outcome is Outcome.CONFIRMED:
            raise OutcomeUnknown("KeyPay's answer holds no amount", reason="amount")
        return _evidence(account, EvidenceSource.STATUS_QUERY, reference, got, amount=amount, outcome=outcome)

    def refund(self, account: Account, request: RefundRequest) -> RefundResult:
        """Ask for money back; an answer without error means that KeyPay has taken it in work."""
        asked = {
            "client_id": account.option("client_id"),
            "transaction_id": _checked("transaction_id", request.attempt_ref, _REFERENCE),
            "command": str(account.options.get("refund_command", _REFUND_COMMAND)),
            "amount": str(self._money(request.amount).amount),
            "reason": f"Hoan tien {request.refund_ref}",
        }
        try:
            got = self._client.ask(account, "refund_url", asked, mapping.REFUND)
        except SignatureInvalid as error:
            raise OutcomeUnknown("the answer to the refund is not KeyPay's", reason="signature") from error
        number = got.get("transaction_refund_code", "")
        taken = got["error"] == mapping.ERROR_NONE
        return RefundResult(
            outcome=Outcome.PENDING if taken else Outcome.UNKNOWN,
            provider_ref=number if _CODE.fullmatch(number) else None,
            detail_code=got["error"][:20],
        )

    def query_refund(self, account: Account, query: RefundQuery) -> RefundResult:
        """Ask by KeyPay's own number of the refund; without it nobody can be asked, and the doubt stays."""
        number = query.provider_ref or ""
        if not _CODE.fullmatch(number):
            raise OutcomeUnknown("KeyPay's number of the refund is not known", reason="no_refund_code")
        asked = {
            "client_id": account.option("client_id"),
            "command": str(account.options.get("refund_detail_command", _REFUND_DETAIL_COMMAND)),
            "transaction_refund_code": number,
        }
        got = self._client.ask(account, "refund_detail_url", asked, mapping.REFUND_DETAIL)
        if got["error"] != mapping.ERROR_NONE:
            raise OutcomeUnknown(
                "KeyPay did not answer the question", reason="error", error=got["error"][:20]
            )
        status = got.get("status", "")
        return RefundResult(
            outcome=mapping.outcome_of(status, _codes(account, "refund_refusal_statuses")),
            provider_ref=number,
            detail_code=status[:20] or None,
        )

    def _money(self, money: Money) -> Money:
        if (
            money.currency != "VND"
            or not self.manifest.amount_min <= money.amount <= self.manifest.amount_max
        ):
            raise ProviderRefused("KeyPay does not take this amount", field="trans_amount")
        return money


def _codes(account: Account, option: str) -> frozenset[str]:
    return mapping.codes(str(account.options.get(option, ""))) or frozenset()


def _evidence(
    account: Account,
    source: EvidenceSource,
    reference: str,
    fields: Mapping[str, str],
    *,
    amount: Money | None,
    outcome: Outcome,
) -> Evidence:
    """KeyPay says neither when nor by which means the citizen paid."""
    return Evidence(
        source=source,
        outcome=outcome,
        provider_account=account.code,
        attempt_ref=reference,
        provider_ref=_transaction_code(fields),
        amount=amount,
        merchant_account=fields.get("client_id") or None,
        detail_code=fields.get("status", "")[:30] or None,
        channel=KeypayProvider.manifest.channel,
        instrument=KeypayProvider.manifest.instrument,
    )


def _amount(fields: Mapping[str, str], refuse: Refuse) -> Money:
    if fields.get("currency_code") not in (None, "", "VND"):
        raise refuse("the message is not in VND", field="currency_code")
    try:
        return Money(parse_amount(fields.get("trans_amount", "")))
    except InvalidAmount as error:
        raise refuse("trans_amount is not an amount", field="trans_amount") from error


def _transaction_code(fields: Mapping[str, str]) -> str | None:
    code = fields.get("transaction_code", "")
    return code if _CODE.fullmatch(code) else None


def _field(fields: Mapping[str, str], name: str, grammar: re.Pattern[str]) -> str:
    value = fields.get(name, "")
    if not grammar.fullmatch(value):
        raise CallbackMalformed(f"{name} is missing or malformed", field=name)
    return value


def _checked(name: str, value: str, grammar: re.Pattern[str]) -> str:
    if not grammar.fullmatch(value):
        raise ProviderRefused(f"{name} holds characters KeyPay does not take", field=name)
    return value


provider = KeypayProvider()
