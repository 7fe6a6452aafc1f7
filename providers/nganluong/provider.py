"""What NgânLượng's messages mean in payclear's words. Called by the core through the contract; stateless.

It raises contract errors only, and never turns a silence or a status it does not know into a refusal.
"""

import hmac
import math
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from payclear.contract.errors import OutcomeUnknown, ProviderRefused
from payclear.contract.evidence import Evidence
from payclear.contract.manifest import load_manifest
from payclear.contract.messages import (
    Account,
    CheckoutRequest,
    CheckoutResult,
    InboundRequest,
    ReturnHint,
    StatusQuery,
)
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.contract.provider import Provider
from payclear.kernel.money import InvalidAmount, Money, parse_amount
from payclear.kernel.secret import Secret
from providers.nganluong import mapping
from providers.nganluong.client import NganLuongClient
from providers.wire import empty_secret_problems, origin, url_problems

_MERCHANT = re.compile(r"[0-9]{1,12}")
_EMAIL = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9.-]{1,100}")
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,34}")
_TOKEN = re.compile(r"[A-Za-z0-9._-]{1,100}")
_QUERY_LIMIT = 4_096


class NganLuongProvider(Provider):
    """NgânLượng 3.1: hosted page and order query; no callback, no refund."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, client: NganLuongClient | None = None) -> None:
        self._client = client or NganLuongClient()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        where = f"provider account {account.code}"
        merchant, email = (str(account.options.get(name, "")) for name in ("merchant_id", "receiver_email"))
        if merchant and not _MERCHANT.fullmatch(merchant):
            problems.append(f"{where}: option merchant_id must be a number")
        if email and not _EMAIL.fullmatch(email):
            problems.append(f"{where}: option receiver_email must be an e-mail address")
        problems += empty_secret_problems(account, ["merchant_secret"])
        return problems + url_problems(account, ["api_url", "pay_origin"])

    def merchant_account(self, account: Account) -> str:
        """The receiver's address: what an answer names; merchant_id stands in no answer."""
        return account.option("receiver_email")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """The origin of NgânLượng's pay page."""
        return (origin(account.option("pay_origin")),)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Open the payment by SetExpressCheckout; its token is what it can be asked about later."""
        within = self.manifest.amount_min <= request.amount.amount <= self.manifest.amount_max
        if request.amount.currency != "VND" or not within:
            raise ProviderRefused("NgânLượng does not take this amount", field="total_amount")
        if not _REFERENCE.fullmatch(request.attempt_ref):
            raise ProviderRefused("order_code holds characters NgânLượng does not take", field="order_code")
        got = self._client.call(account, _order(account, request))
        code = got.get("error_code", "")
        if code in mapping.REFUSED:
            raise ProviderRefused("NgânLượng refuses the request itself", api_code=code)
        token, url = got.get("token", ""), got.get("checkout_url", "")
        if code != mapping.OK or not _TOKEN.fullmatch(token):
            raise OutcomeUnknown("NgânLượng did not open the payment", reason="api_code", api_code=code[:20])
        if _origin_or_none(url) != origin(account.option("pay_origin")):
            raise OutcomeUnknown("the citizen would be sent to another house", reason="redirect_origin")
        return CheckoutResult(outcome=Outcome.PENDING, redirect_url=url, provider_ref=token, detail_code=code)

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read our own mark in the return address; what NgânLượng adds to it is not signed and proves nothing."""
        fields = dict(parse_qsl(request.query_string[:_QUERY_LIMIT].decode("utf-8", "replace")))
        reference, given = fields.get("attempt_ref", ""), fields.get("tag", "").encode("utf-8")
        holds = [
            hmac.compare_digest(mapping.return_tag(key, reference).encode("ascii"), given)
            for key in _keys(account)
        ]
        known = reference if _REFERENCE.fullmatch(reference) else None
        return ReturnHint(attempt_ref=known, signature_holds=any(holds), says=Outcome.UNKNOWN)

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Ask by GetTransactionDetail.

        Without a token there is no question, and silence stays doubt. A token NgânLượng does not know is
        `not_sent` after the attempt's time; so is an order still unpaid when its time is over by a margin.
        """
        if not query.provider_ref:
            raise OutcomeUnknown("without its token an order can not be asked about", reason="no_token")
        gone = query.asked_at >= query.expires_at
        nowhere = Outcome.NOT_SENT if gone else Outcome.PENDING
        got = self._client.call(account, _question(account, query.provider_ref))
        code, status = got.get("error_code", ""), got.get("transaction_status", "")
        if code == mapping.UNKNOWN_TOKEN:
            return self._evidence(account, query, nowhere, {}, detail_code=f"api-{code}")
        if code != mapping.OK:
            raise OutcomeUnknown(
                "NgânLượng did not answer the question", reason="api_code", api_code=code[:20]
            )
        if (
            got.get("order_code") != query.attempt_ref
            or got.get("token", query.provider_ref) != query.provider_ref
        ):
            raise OutcomeUnknown("NgânLượng answers about something else", reason="other_payment")
        outcome = mapping.outcome_of(status)
        if outcome is Outcome.CONFIRMED and (_amount(got) is None or not got.get("receiver_email")):
            raise OutcomeUnknown("NgânLượng's answer does not say what was paid to whom", reason="amount")
        if status == mapping.UNPAID and query.asked_at >= query.expires_at + mapping.LAPSE_MARGIN:
            outcome = Outcome.NOT_SENT
        return self._evidence(account, query, outcome, got, detail_code=status[:20])

    def _evidence(
        self,
        account: Account,
        query: StatusQuery,
        outcome: Outcome,
        fields: dict[str, str],
        *,
        detail_code: str,
    ) -> Evidence:
        channel, instrument = mapping.channel_and_instrument(fields.get("payment_method", ""))
        # provider_ref stays the token: it is the only key to the order, and transaction_id would overwrite it.
        return Evidence(
            source=EvidenceSource.STATUS_QUERY,
            outcome=outcome,
            provider_account=account.code,
            attempt_ref=query.attempt_ref,
            provider_ref=query.provider_ref,
            amount=_amount(fields),
            merchant_account=fields.get("receiver_email") or None,
            detail_code=detail_code,
            channel=channel,
            instrument=instrument,
        )


def _order(account: Account, request: CheckoutRequest) -> dict[str, str]:
    parts = urlsplit(request.return_url)
    tag = mapping.return_tag(account.secrets["merchant_secret"], request.attempt_ref)
    ours = urlencode({"attempt_ref": request.attempt_ref, "tag": tag})
    back = urlunsplit(parts._replace(query=f"{parts.query}&{ours}" if parts.query else ours))
    minutes = math.ceil((request.expires_at - request.created_at).total_seconds() / 60)
    title = str(account.options.get("contact_name", "")) or account.name_vi
    fields = {
        "function": "SetExpressCheckout",
        "cur_code": "vnd",
        "version": mapping.VERSION,
        "merchant_id": account.option("merchant_id"),
        "receiver_email": account.option("receiver_email"),
        "merchant_password": mapping.merchant_password(account.secrets["merchant_secret"]),
        "order_code": request.attempt_ref,
        "total_amount": str(request.amount.amount),
        "payment_method": str(account.options.get("payment_method", "NL")),
        "bank_code": str(account.options.get("bank_code", "")),
        "payment_type": "1",
        "order_description": request.memo,
        "fee_shipping": "0",
        "discount_amount": "0",
        "return_url": back,
        "cancel_url": back,
        # The office that collects stands for the buyer: NgânLượng need not know the citizen.
        "buyer_fullname": title,
        "buyer_email": str(account.options.get("contact_email", account.option("receiver_email"))),
        "buyer_mobile": str(account.options.get("contact_phone", "")),
        "time_limit": str(max(minutes, 1)),
        "lang_code": "en" if request.locale == "en" else "vi",
    }
    return {name: value for name, value in fields.items() if value}


def _question(account: Account, token: str) -> dict[str, str]:
    return {
        "merchant_id": account.option("merchant_id"),
        "merchant_password": mapping.merchant_password(account.secrets["merchant_secret"]),
        "function": "GetTransactionDetail",
        "token": token,
    }


def _keys(account: Account) -> list[Secret]:
    names = ("merchant_secret", "merchant_secret_previous")
    return [account.secrets[name] for name in names if account.secrets.get(name)]


def _amount(fields: dict[str, str]) -> Money | None:
    try:
        return Money(parse_amount(fields.get("total_amount", "")))
    except InvalidAmount:
        return None


def _origin_or_none(url: str) -> str | None:
    try:
        return origin(url)
    except ValueError:
        return None


provider = NganLuongProvider()
