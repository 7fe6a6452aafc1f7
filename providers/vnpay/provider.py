"""What VNPAY's messages mean in payclear's words. Called by the core through the contract; stateless.

It raises contract errors only, and never turns a silence or a contradiction into a refusal.
"""

import json
import re
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

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
from payclear.kernel.money import InvalidAmount, Money
from providers.outbound import OutboundRefused, check_url
from providers.vnpay import mapping, statement
from providers.vnpay.client import TERMINAL, VnpayClient, active_keys

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_REFERENCE = re.compile(r"[A-Za-z0-9]{1,100}")
_CODE = re.compile(r"[0-9]{2}")
_TRANSACTION_NO = re.compile(r"[0-9]{1,15}")
_SAFE_TEXT = re.compile(r"[A-Za-z0-9 .:_-]{1,255}")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{7,45}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9 .:_-]")
_UNKNOWN_ADDRESS = "127.0.0.1"


class VnpayProvider(Provider):
    """VNPAY 2.1.0: hosted page, IPN, querydr, refund, settlement workbook."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, client: VnpayClient | None = None) -> None:
        self._client = client or VnpayClient()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        where = f"provider account {account.code}"
        terminal = str(account.options.get("tmn_code", ""))
        if terminal and not TERMINAL.fullmatch(terminal):
            problems.append(f"{where}: option tmn_code must be 8 letters or digits")
        if "hash_secret" in account.secrets and not account.secrets["hash_secret"]:
            problems.append(f"{where}: secret hash_secret is empty")
        allowed = str(account.options.get("allow_insecure_host", ""))
        for name in ("pay_url", "api_url", "statement_url"):
            url = str(account.options.get(name, ""))
            try:
                if url:
                    check_url(url, allow_insecure_host=allowed)
            except OutboundRefused as error:
                problems.append(f"{where}: option {name}: {error}")
        return problems

    def merchant_account(self, account: Account) -> str:
        """The terminal code."""
        return account.option("tmn_code")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """The origin of VNPAY's pay page."""
        parts = urlsplit(account.option("pay_url"))
        return (f"{parts.scheme}://{parts.netloc}",)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Build the signed pay URL; nothing is sent, the citizen's browser carries it (document: PAY,
        2.1.0).
        """
        fields = {
            "vnp_Version": mapping.VERSION,
            "vnp_Command": "pay",
            "vnp_TmnCode": account.option("tmn_code"),
            "vnp_Amount": self._amount(request.amount),
            "vnp_CreateDate": mapping.time_text(request.created_at),
            "vnp_ExpireDate": mapping.time_text(request.expires_at),
            "vnp_CurrCode": request.amount.currency,
            "vnp_IpAddr": self._address(request.payer_ip, account),
            "vnp_Locale": "en" if request.locale == "en" else "vn",
            "vnp_OrderInfo": _checked("vnp_OrderInfo", request.memo, _SAFE_TEXT),
            "vnp_OrderType": "other",
            "vnp_ReturnUrl": request.return_url,
            "vnp_TxnRef": _checked("vnp_TxnRef", request.attempt_ref, _REFERENCE),
        }
        canonical = mapping.canonical_query(fields)
        signature = mapping.sign(account.secrets["hash_secret"], canonical)
        url = f"{account.option('pay_url')}?{canonical}&{mapping.SECURE_HASH}={signature}"
        return CheckoutResult(outcome=Outcome.PENDING, redirect_url=url)

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read an IPN; raises SignatureInvalid or CallbackMalformed and nothing else."""
        fields = mapping.decode_query(request.query_string)
        key_id = self._signing_key(account, fields)
        if key_id is None:
            raise SignatureInvalid("the signature of the IPN does not hold")
        reference = _field(fields, "vnp_TxnRef", _REFERENCE)
        response_code = _field(fields, "vnp_ResponseCode", _CODE)
        status = _field(fields, "vnp_TransactionStatus", _CODE)
        transaction_no = fields.get("vnp_TransactionNo", "")
        if transaction_no and not _TRANSACTION_NO.fullmatch(transaction_no):
            raise CallbackMalformed("vnp_TransactionNo is not a number", field="vnp_TransactionNo")
        try:
            amount = mapping.read_amount(fields.get("vnp_Amount", ""))
        except InvalidAmount as error:
            raise CallbackMalformed("vnp_Amount is not an amount", field="vnp_Amount") from error
        return VerifiedCallback(
            evidence=self._evidence(
                account,
                source=EvidenceSource.CALLBACK,
                outcome=mapping.payment_outcome(response_code, status),
                reference=reference,
                fields=fields,
                amount=amount,
                detail_code=mapping.detail_code(response_code, status),
            ),
            dedupe_key=f"{reference}:{transaction_no}:{status}:{response_code}:{amount.amount}",
            key_id=key_id,
            confirm_by_query=self.manifest.confirm_by_query,
        )

    def acknowledge(
        self, account: Account, verdict: CallbackVerdict, request: InboundRequest
    ) -> Acknowledgement:
        """VNPAY's answer to an IPN: always HTTP 200, the verdict in RspCode; 00 and 02 end its retries."""
        code, message = mapping.ACKNOWLEDGEMENTS[verdict]
        body = json.dumps({"RspCode": code, "Message": message}, separators=(",", ":")).encode("ascii")
        return Acknowledgement(status=200, content_type="application/json", body=body)

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read the browser's return; display only, so anything unreadable is just an empty hint."""
        try:
            fields = mapping.decode_query(request.query_string)
        except ProviderError:
            return ReturnHint(attempt_ref=None, signature_holds=False, says=Outcome.UNKNOWN)
        reference = fields.get("vnp_TxnRef", "")
        codes = (fields.get("vnp_ResponseCode", ""), fields.get("vnp_TransactionStatus", ""))
        return ReturnHint(
            attempt_ref=reference if _REFERENCE.fullmatch(reference) else None,
            signature_holds=self._signing_key(account, fields) is not None,
            says=mapping.payment_outcome(*codes),
        )

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Ask by querydr (document: querydr&refund, 2.1.0).

        "Not found" (91) is `not_sent` only after the pay URL has expired: before that the citizen may still
        be on the way to VNPAY's page with it, and a second provider could become a second payment.
        """
        fields = {
            "vnp_RequestId": query.request_id,
            "vnp_Version": mapping.VERSION,
            "vnp_Command": "querydr",
            "vnp_TmnCode": account.option("tmn_code"),
            "vnp_TxnRef": query.attempt_ref,
            "vnp_OrderInfo": f"Truy van {query.attempt_ref}",
            "vnp_TransactionDate": mapping.time_text(query.created_at),
            "vnp_CreateDate": mapping.time_text(query.asked_at),
            "vnp_IpAddr": self._address("", account),
        }
        if query.provider_ref:
            fields["vnp_TransactionNo"] = query.provider_ref
        got = self._client.call(account, fields)
        api_code = got["vnp_ResponseCode"]
        if api_code == "91":
            gone = query.asked_at >= query.expires_at
            outcome = Outcome.NOT_SENT if gone else Outcome.PENDING
            return self._evidence(
                account,
                source=EvidenceSource.STATUS_QUERY,
                outcome=outcome,
                reference=query.attempt_ref,
                fields={"vnp_TmnCode": got["vnp_TmnCode"]},
                amount=None,
                detail_code="api-91",
            )
        if api_code != "00":
            raise OutcomeUnknown("VNPAY did not answer the question", reason="api_code", api_code=api_code)
        status = got.get("vnp_TransactionStatus", "")
        try:
            amount = mapping.read_amount(got.get("vnp_Amount", ""))
        except InvalidAmount as error:
            raise OutcomeUnknown("VNPAY's answer holds no amount", reason="amount") from error
        return self._evidence(
            account,
            source=EvidenceSource.STATUS_QUERY,
            outcome=mapping.query_outcome(status),
            reference=query.attempt_ref,
            fields=got,
            amount=amount,
            detail_code=mapping.detail_code("00", status),
        )

    def refund(self, account: Account, request: RefundRequest) -> RefundResult:
        """Ask for money back: type 02 the whole, 03 a part.

        An answer that can not be trusted leaves doubt.
        """
        full = request.amount == request.captured
        fields = {
            "vnp_RequestId": request.refund_ref,
            "vnp_Version": mapping.VERSION,
            "vnp_Command": "refund",
            "vnp_TmnCode": account.option("tmn_code"),
            "vnp_TransactionType": "02" if full else "03",
            "vnp_TxnRef": request.attempt_ref,
            "vnp_Amount": self._amount(request.amount),
            "vnp_OrderInfo": f"Hoan tien {request.attempt_ref}",
            "vnp_TransactionNo": request.provider_ref or "0",
            "vnp_TransactionDate": mapping.time_text(request.paid_created_at),
            "vnp_CreateBy": _NOT_IN_NAMES.sub("", request.asked_by)[:245] or "payclear",
            "vnp_CreateDate": mapping.time_text(request.asked_at),
            "vnp_IpAddr": self._address("", account),
        }
        try:
            got = self._client.call(account, fields)
        except SignatureInvalid as error:
            raise OutcomeUnknown("the answer to the refund is not VNPAY's", reason="signature") from error
        api_code, status = got["vnp_ResponseCode"], got.get("vnp_TransactionStatus", "")
        return RefundResult(
            outcome=mapping.refund_outcome(api_code, status),
            provider_ref=_transaction_no(got),
            detail_code=mapping.detail_code("00", status) if api_code == "00" else f"api-{api_code}",
        )

    def fetch_statement(self, account: Account, business_on: date) -> StatementFile:
        """Fetch the settlement workbook of a business day; raises StatementUnavailable."""
        name, content = self._client.fetch_statement(account, business_on)
        return StatementFile(name=name, content=content, media_type=XLSX, business_on=business_on)

    def parse_statement(self, account: Account, file: StatementFile) -> ParsedStatement:
        """Read a settlement workbook; never raises, whatever the bytes."""
        return statement.parse(file.content)

    def _signing_key(self, account: Account, fields: dict[str, str]) -> str | None:
        canonical = mapping.canonical_query(fields)
        return mapping.signing_key_id(active_keys(account), canonical, fields.get(mapping.SECURE_HASH, ""))

    def _amount(self, money: Money) -> str:
        within = self.manifest.amount_min <= money.amount <= self.manifest.amount_max
        if money.currency != "VND" or not within:
            raise ProviderRefused("VNPAY does not take this amount", field="vnp_Amount")
        return mapping.amount_text(money)

    def _address(self, given: str, account: Account) -> str:
        for address in (given, str(account.options.get("server_ip", ""))):
            if _ADDRESS.fullmatch(address):
                return address
        return _UNKNOWN_ADDRESS

    def _evidence(
        self,
        account: Account,
        *,
        source: EvidenceSource,
        outcome: Outcome,
        reference: str,
        fields: dict[str, str],
        amount: Money | None,
        detail_code: str,
    ) -> Evidence:
        paid_at_raw = fields.get("vnp_PayDate", "")
        channel, instrument = mapping.channel_and_instrument(
            fields.get("vnp_BankCode", ""), fields.get("vnp_CardType", "")
        )
        return Evidence(
            source=source,
            outcome=outcome,
            provider_account=account.code,
            attempt_ref=reference,
            provider_ref=_transaction_no(fields),
            amount=amount,
            merchant_account=fields.get("vnp_TmnCode") or None,
            paid_at=mapping.read_time(paid_at_raw),
            paid_at_raw=paid_at_raw or None,
            detail_code=detail_code,
            channel=channel,
            instrument=instrument,
        )


def _field(fields: dict[str, str], name: str, grammar: re.Pattern[str]) -> str:
    value = fields.get(name, "")
    if not grammar.fullmatch(value):
        raise CallbackMalformed(f"{name} is missing or malformed", field=name)
    return value


def _checked(name: str, value: str, grammar: re.Pattern[str]) -> str:
    if not grammar.fullmatch(value):
        raise ProviderRefused(f"{name} holds characters VNPAY does not take", field=name)
    return value


def _transaction_no(fields: dict[str, str]) -> str | None:
    """VNPAY writes 0 when there is no transaction; that names nothing."""
    number = fields.get("vnp_TransactionNo", "")
    return number if _TRANSACTION_NO.fullmatch(number) and number.strip("0") else None


provider = VnpayProvider()
