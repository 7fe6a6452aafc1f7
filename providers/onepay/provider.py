"""What OnePay's messages mean in payclear's words. Called by the core through the contract; stateless.

It raises contract errors only, and never turns a silence or a contradiction into a refusal.
"""

import re
from datetime import date
from pathlib import Path

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
    ReturnHint,
    StatementFile,
    StatusQuery,
    VerifiedCallback,
)
from payclear.contract.outcomes import CallbackVerdict, EvidenceSource, Outcome
from payclear.contract.provider import Provider
from payclear.kernel.money import InvalidAmount, Money
from providers.onepay import mapping, statement
from providers.onepay.client import OnepayClient, active_keys
from providers.wire import empty_secret_problems, origin, url_problems

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_REFERENCE = re.compile(r"[A-Za-z0-9]{1,40}")
_ORDER_INFO = re.compile(r"[A-Za-z0-9]{1,34}")
_CODE = re.compile(r"[0-9]{1,3}")
_TRANSACTION_NO = re.compile(r"[A-Za-z0-9]{1,40}")
_ADDRESS = re.compile(r"[0-9.]{7,15}")
_MERCHANT = re.compile(r"[A-Za-z0-9_]{1,20}")
_UNKNOWN_ADDRESS = "127.0.0.1"
_TITLE = "Thanh toan dich vu cong"


class OnepayProvider(Provider):
    """OnePay domestic 2: hosted page, IPN, queryDR, settlement workbook."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, client: OnepayClient | None = None) -> None:
        self._client = client or OnepayClient()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        where = f"provider account {account.code}"
        merchant = str(account.options.get("merchant", ""))
        if merchant and not _MERCHANT.fullmatch(merchant):
            problems.append(f"{where}: option merchant must be letters, digits or _")
        problems += empty_secret_problems(account, self.manifest.required_secrets)
        problems += [
            f"{where}: secret {name} must be hexadecimal digits, 32 at least"
            for name, secret in active_keys(account).items()
            if not mapping.is_key(secret)
        ]
        return problems + url_problems(account, ("pay_url", "query_url", "statement_url"))

    def merchant_account(self, account: Account) -> str:
        """The merchant's id."""
        return account.option("merchant")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """The origin of OnePay's pay page."""
        return (origin(account.option("pay_url")),)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Build the signed pay URL; nothing is sent, the citizen's browser carries it."""
        within = self.manifest.amount_min <= request.amount.amount <= self.manifest.amount_max
        if request.amount.currency != "VND" or not within:
            raise ProviderRefused("OnePay does not take this amount", field="vpc_Amount")
        address = request.payer_ip if _ADDRESS.fullmatch(request.payer_ip) else ""
        fields = {
            "Title": str(account.options.get("title", _TITLE)),
            "vpc_Version": mapping.VERSION,
            "vpc_Command": "pay",
            "vpc_AccessCode": account.option("access_code"),
            "vpc_Merchant": account.option("merchant"),
            "vpc_Amount": mapping.amount_text(request.amount),
            "vpc_Currency": request.amount.currency,
            "vpc_Locale": "en" if request.locale == "en" else "vn",
            "vpc_MerchTxnRef": _checked("vpc_MerchTxnRef", request.attempt_ref, _REFERENCE),
            "vpc_OrderInfo": _checked("vpc_OrderInfo", request.order_ref, _ORDER_INFO),
            "vpc_ReturnURL": request.return_url,
            "vpc_TicketNo": address or str(account.options.get("server_ip", "")) or _UNKNOWN_ADDRESS,
        }
        query = mapping.signed_query(fields, account.secrets["hash_secret"])
        return CheckoutResult(outcome=Outcome.PENDING, redirect_url=f"{account.option('pay_url')}?{query}")

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read an IPN; raises SignatureInvalid or CallbackMalformed and nothing else."""
        fields = mapping.read_message(request.query_string, CallbackMalformed)
        key_id = mapping.signing_key_id(active_keys(account), fields)
        if key_id is None:
            raise SignatureInvalid("the signature of the IPN does not hold")
        reference = _field(fields, "vpc_MerchTxnRef", _REFERENCE)
        code = _field(fields, "vpc_TxnResponseCode", _CODE)
        if fields.get("vpc_CurrencyCode", "VND") != "VND":
            raise CallbackMalformed("vpc_CurrencyCode is not VND", field="vpc_CurrencyCode")
        try:
            amount = mapping.read_amount(fields.get("vpc_Amount", ""))
        except InvalidAmount as error:
            raise CallbackMalformed("vpc_Amount is not an amount", field="vpc_Amount") from error
        evidence = self._evidence(account, EvidenceSource.CALLBACK, reference, fields, amount)
        return VerifiedCallback(
            evidence=evidence,
            dedupe_key=f"{reference}:{evidence.provider_ref or ''}:{code}",
            key_id=key_id,
            confirm_by_query=self.manifest.confirm_by_query,
        )

    def acknowledge(
        self, account: Account, verdict: CallbackVerdict, request: InboundRequest
    ) -> Acknowledgement:
        """OnePay's answer to an IPN: HTTP 200 and a line of text; responsecode=1 ends its calls."""
        body = mapping.ACKNOWLEDGEMENTS[verdict].encode("ascii")
        return Acknowledgement(status=200, content_type="text/plain; charset=utf-8", body=body)

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read the browser's return; display only, so anything unreadable is just an empty hint."""
        try:
            fields = mapping.read_message(request.query_string, CallbackMalformed)
        except ProviderError:
            return ReturnHint(attempt_ref=None, signature_holds=False, says=Outcome.UNKNOWN)
        reference = fields.get("vpc_MerchTxnRef", "")
        return ReturnHint(
            attempt_ref=reference if _REFERENCE.fullmatch(reference) else None,
            signature_holds=mapping.signing_key_id(active_keys(account), fields) is not None,
            says=mapping.outcome_of(fields.get("vpc_TxnResponseCode", "")),
        )

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Ask by queryDR.

        "Does not exist" is `not_sent` only after the attempt's time: before that the citizen may still be on the way
        to OnePay's page, and a second provider could become a second payment.
        """
        got = self._client.query(
            account,
            {
                "vpc_Version": mapping.VERSION,
                "vpc_Command": "queryDR",
                "vpc_AccessCode": account.option("access_code"),
                "vpc_Merchant": account.option("merchant"),
                "vpc_MerchTxnRef": query.attempt_ref,
                "vpc_User": account.option("query_user"),
                "vpc_Password": account.secrets["query_password"].reveal(),
            },
        )
        if got["vpc_DRExists"] == "N":
            gone = query.asked_at >= query.expires_at
            return Evidence(
                source=EvidenceSource.STATUS_QUERY,
                outcome=Outcome.NOT_SENT if gone else Outcome.PENDING,
                provider_account=account.code,
                attempt_ref=query.attempt_ref,
                merchant_account=got.get("vpc_Merchant") or None,
                detail_code="dr-n",
            )
        code = got.get("vpc_TxnResponseCode", "")
        try:
            amount = mapping.read_amount(got["vpc_Amount"]) if got.get("vpc_Amount") else None
        except InvalidAmount as error:
            raise OutcomeUnknown("OnePay's answer holds no amount", reason="amount") from error
        if amount is None and mapping.outcome_of(code) is Outcome.CONFIRMED:
            raise OutcomeUnknown("OnePay's answer holds no amount", reason="amount")
        return self._evidence(account, EvidenceSource.STATUS_QUERY, query.attempt_ref, got, amount)

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
        reference: str,
        fields: dict[str, str],
        amount: Money | None,
    ) -> Evidence:
        """OnePay says neither when nor how the citizen paid: domestic cards and accounts of a bank."""
        number = fields.get("vpc_TransactionNo", "")
        code = fields.get("vpc_TxnResponseCode", "")
        return Evidence(
            source=source,
            outcome=mapping.outcome_of(code),
            provider_account=account.code,
            attempt_ref=reference,
            provider_ref=number if _TRANSACTION_NO.fullmatch(number) and number.strip("0") else None,
            amount=amount,
            merchant_account=fields.get("vpc_Merchant") or None,
            detail_code=code[:20] or None,
            channel=self.manifest.channel,
            instrument=self.manifest.instrument,
        )


def _field(fields: dict[str, str], name: str, grammar: re.Pattern[str]) -> str:
    value = fields.get(name, "")
    if not grammar.fullmatch(value):
        raise CallbackMalformed(f"{name} is missing or malformed", field=name)
    return value


def _checked(name: str, value: str, grammar: re.Pattern[str]) -> str:
    if not grammar.fullmatch(value):
        raise ProviderRefused(f"{name} holds characters OnePay does not take", field=name)
    return value


provider = OnepayProvider()
