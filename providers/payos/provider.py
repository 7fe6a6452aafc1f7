"""What payOS's messages mean in payclear's words. Called by the core through the contract; stateless.

It raises contract errors only, and never turns a silence or a contradiction into a refusal.
"""

import json
import re
from pathlib import Path
from typing import Any

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
from payclear.kernel.ids import sha256_hex
from payclear.kernel.money import Money
from providers.payos import mapping
from providers.payos.client import PayosClient, active_keys
from providers.wire import (
    empty_secret_problems,
    form_fields,
    json_object,
    member,
    origin,
    url_problems,
)

BODY_LIMIT = 32_768
DESCRIPTION_MAX = 25

_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,100}")
_LINK_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_REFERENCE = re.compile(r"[A-Za-z0-9._:/-]{1,100}")
_QR_TEXT = re.compile(r"[\x20-\x7e]{20,512}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[1-9][0-9]{0,15}")


class PayosProvider(Provider):
    """payOS: a page and a VietQR code per order, paid by bank transfer; webhook and link query. It gives nothing back."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, client: PayosClient | None = None) -> None:
        self._client = client or PayosClient()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        client_id = str(account.options.get("client_id", ""))
        if client_id and not _CLIENT_ID.fullmatch(client_id):
            problems.append(f"provider account {account.code}: option client_id can not stand in a header")
        problems += empty_secret_problems(account, self.manifest.required_secrets)
        return problems + url_problems(account, ("base_url", "pay_origin"))

    def merchant_account(self, account: Account) -> str:
        """The client id of the payment channel; payOS's messages do not name it, its key stands for it."""
        return account.option("client_id")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """The origin of payOS's pay page, which is not that of its API."""
        return (origin(account.option("pay_origin")),)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Open a payment link; a second call for the same reference is refused there and leaves doubt."""
        longest = int(account.options.get("description_max", DESCRIPTION_MAX))
        fields: dict[str, str | int] = {
            "orderCode": _order_code(request.attempt_ref),
            "amount": self._amount(request.amount),
            "description": request.attempt_ref[-longest:],
            "cancelUrl": request.return_url,
            "returnUrl": request.return_url,
            "expiredAt": int(request.expires_at.timestamp()),
        }
        try:
            got = self._client.create(account, fields)
        except SignatureInvalid as error:
            raise OutcomeUnknown("the answer is not payOS's", reason="signature") from error
        for name in ("orderCode", "amount"):
            if got.get(name) != fields[name]:
                raise OutcomeUnknown("payOS opened another payment", reason="other_payment", field=name)
        url = member(got, "checkoutUrl", OutcomeUnknown)
        if not url.startswith(tuple(f"{page}/" for page in self.page_origins(account))):
            raise OutcomeUnknown("payOS sends the citizen to another house", reason="redirect_origin")
        qr_text = member(got, "qrCode", OutcomeUnknown)
        return CheckoutResult(
            outcome=Outcome.PENDING,
            redirect_url=url,
            qr_text=qr_text if _QR_TEXT.fullmatch(qr_text) else None,
            provider_ref=_link_id(got, "paymentLinkId"),
            detail_code=member(got, "status", OutcomeUnknown)[:20] or None,
        )

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Ask for the link. One payOS does not know is `not_sent` only after the attempt has expired."""
        code = _order_code(query.attempt_ref)
        got = self._client.link(account, code)
        has_expired = query.asked_at >= query.expires_at
        if got is None:
            return Evidence(
                source=EvidenceSource.STATUS_QUERY,
                outcome=Outcome.NOT_SENT if has_expired else Outcome.PENDING,
                provider_account=account.code,
                attempt_ref=query.attempt_ref,
                detail_code=mapping.NOT_FOUND,
            )
        if got.get("orderCode") != code:
            raise OutcomeUnknown("payOS answers about something else", reason="other_payment")
        status, paid = member(got, "status", OutcomeUnknown), mapping.read_amount(got.get("amountPaid"))
        if paid is None:
            raise OutcomeUnknown("payOS does not say how much was paid", reason="amount")
        outcome = mapping.link_outcome(status, paid, has_expired=has_expired)
        paid_at_raw = _last_transfer(got) if outcome is Outcome.CONFIRMED else ""
        return Evidence(
            source=EvidenceSource.STATUS_QUERY,
            outcome=outcome,
            provider_account=account.code,
            attempt_ref=query.attempt_ref,
            provider_ref=_link_id(got, "id"),
            amount=paid if outcome is Outcome.CONFIRMED else None,
            paid_at=mapping.read_time(paid_at_raw),
            paid_at_raw=paid_at_raw[:40] or None,
            detail_code=status[:20] or None,
            channel=self.manifest.channel,
            instrument=self.manifest.instrument,
        )

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read a webhook; raises SignatureInvalid or CallbackMalformed and nothing else.

        Only `data` is signed, so nothing else is read. It tells of one transfer.
        """
        if len(request.body) > BODY_LIMIT:
            raise CallbackMalformed("the webhook is too long", reason="too_long")
        outer = json_object(request.body, CallbackMalformed)
        data, signature = outer.get("data"), member(outer, "signature", CallbackMalformed)
        if not isinstance(data, dict):
            raise CallbackMalformed("the webhook holds no data", field="data")
        key_id = None
        if _SIGNATURE.fullmatch(signature):
            key_id = mapping.signing_key_id(active_keys(account), data, signature)
        if key_id is None:
            raise SignatureInvalid("the signature of the webhook does not hold")
        if mapping.shifts_borders(data):
            raise CallbackMalformed("a value of the webhook could be read as two fields", reason="border")
        return self._told(account, data, key_id)

    def _told(self, account: Account, data: dict[str, Any], key_id: str) -> VerifiedCallback:
        code, amount = data.get("orderCode"), mapping.read_amount(data.get("amount"))
        whole = isinstance(code, int) and not isinstance(code, bool)
        reference = mapping.attempt_ref_of(code) if whole and isinstance(code, int) else None
        if reference is None:
            raise CallbackMalformed("orderCode is missing or malformed", field="orderCode")
        if amount is None or member(data, "currency", CallbackMalformed) not in ("VND", ""):
            raise CallbackMalformed("amount or currency is missing or malformed", field="amount")
        result = member(data, "code", CallbackMalformed)
        paid_at_raw = member(data, "transactionDateTime", CallbackMalformed)
        transfer = member(data, "reference", CallbackMalformed)
        event = transfer if _REFERENCE.fullmatch(transfer) else _digest(data)
        return VerifiedCallback(
            evidence=Evidence(
                source=EvidenceSource.CALLBACK,
                outcome=Outcome.CONFIRMED if result == mapping.OK else Outcome.UNKNOWN,
                provider_account=account.code,
                attempt_ref=reference,
                provider_ref=_link_id(data, "paymentLinkId"),
                amount=amount,
                paid_at=mapping.read_time(paid_at_raw),
                paid_at_raw=paid_at_raw[:40] or None,
                detail_code=result[:20] or None,
                channel=self.manifest.channel,
                instrument=self.manifest.instrument,
            ),
            dedupe_key=f"{code}:{event}",
            key_id=key_id,
            confirm_by_query=self.manifest.confirm_by_query,
        )

    def acknowledge(
        self, account: Account, verdict: CallbackVerdict, request: InboundRequest
    ) -> Acknowledgement:
        """payOS's answer to a webhook: any 2xx ends its calls."""
        status = mapping.ACKNOWLEDGEMENTS[verdict]
        body = json.dumps({"success": status == 200}, separators=(",", ":")).encode("ascii")
        return Acknowledgement(status=status, content_type="application/json", body=body)

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read the browser's return, which payOS does not sign; display only."""
        try:
            fields = form_fields(request.query_string, BODY_LIMIT, CallbackMalformed)
        except CallbackMalformed:
            fields = {}
        code = fields.get("orderCode", "")
        return ReturnHint(
            attempt_ref=mapping.attempt_ref_of(int(code)) if _NUMBER.fullmatch(code) else None,
            signature_holds=False,
            says=mapping.status_outcome(fields.get("status", "")),
        )

    def _amount(self, money: Money) -> int:
        within = self.manifest.amount_min <= money.amount <= self.manifest.amount_max
        if money.currency != "VND" or not within:
            raise ProviderRefused("payOS does not take this amount", field="amount")
        return money.amount


def _order_code(reference: str) -> int:
    code = mapping.order_code(reference)
    if code is None:
        raise ProviderRefused("the reference can not be an orderCode", field="orderCode")
    return code


def _link_id(data: dict[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) and _LINK_ID.fullmatch(value) else None


def _last_transfer(data: dict[str, Any]) -> str:
    """When the last transfer of a link was made, as payOS writes it."""
    transfers = data.get("transactions")
    stamps = [
        transfer["transactionDateTime"]
        for transfer in (transfers if isinstance(transfers, list) else [])
        if isinstance(transfer, dict) and isinstance(transfer.get("transactionDateTime"), str)
    ]
    return max(stamps, default="")


def _digest(data: dict[str, Any]) -> str:
    return sha256_hex(mapping.canonical_data(data).encode("utf-8"))


provider = PayosProvider()
