"""What the national platform's messages mean in payclear's words. Called by the core through the contract; stateless.

It raises contract errors only, and never turns a silence or a code it does not know into a refusal.
"""

import hmac
import json
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from payclear.contract.channels import Channel
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
from payclear.kernel.money import InvalidAmount, Money
from providers.outbound import OutboundRefused, check_url
from providers.paymentplatform import mapping
from providers.paymentplatform.client import PaymentPlatformClient, active_keys
from providers.wire import empty_secret_problems, origin, url_problems

_PARTNER = re.compile(r"[A-Za-z0-9._-]{1,50}")
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,100}")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,20}")
_MESSAGE = re.compile(r"[A-Za-z_]{1,50}")
_TRANSACTION = re.compile(r"[A-Za-z0-9._-]{0,100}")
_ECHOED = ("MaDoiTac", "MaThamChieu", "ThoiGianGD", "MaXacThuc")
_ECHO_LIMIT = 255
_QUERY_LIMIT = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformReceipt:
    """The state's receipt of a payment as the platform gives it: an address or the PDF itself; neither: not there yet."""

    url: str | None
    pdf: bytes | None
    detail_code: str


class PaymentPlatformProvider(Provider):
    """The platform of the National Public Service Portal: INIT, CONFIRM, QUERY, GET_BILL."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, client: PaymentPlatformClient | None = None) -> None:
        self._client = client or PaymentPlatformClient()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        where = f"provider account {account.code}"
        partner = str(account.options.get("partner_code", ""))
        if partner and not _PARTNER.fullmatch(partner):
            problems.append(f"{where}: option partner_code must be letters, digits and dots")
        problems += empty_secret_problems(account, ["hash_secret"])
        return problems + url_problems(account, ["api_url", "pay_origin"])

    def merchant_account(self, account: Account) -> str:
        """The partner code (MaDoiTac)."""
        return account.option("partner_code")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        """The origin of the platform's pay page."""
        return (origin(account.option("pay_origin")),)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Open the payment by INIT with its receipt block; the citizen chooses the bank on the platform's page."""
        within = self.manifest.amount_min <= request.amount.amount <= self.manifest.amount_max
        if request.amount.currency != "VND" or not within:
            raise ProviderRefused("the platform does not take this amount", field="SoTien")
        if request.bill is None:
            raise ProviderRefused(
                "the platform needs the receipt block of the payment", field="ThongTinBienLai"
            )
        if "|" in request.memo or "|" in request.payer_ip or not _REFERENCE.fullmatch(request.attempt_ref):
            raise ProviderRefused("a field holds what the signed string can not", field="MaThamChieu")
        fields = {
            "LoaiBanTin": "INIT",
            "PhienBan": mapping.VERSION,
            "MaDoiTac": account.option("partner_code"),
            "MaThamChieu": request.attempt_ref,
            "SoTien": str(request.amount.amount),
            "LoaiHinhThanhToan": "PAY",
            "MaKenhThanhToan": "1",
            "MaThietBi": "1",
            "NgonNgu": "vi-VN",
            "MaTienTe": request.amount.currency,
            "MaNganHang": "PAYMENT",
            "ThongTinGiaoDich": request.memo,
            "ThoiGianGD": mapping.time_text(request.created_at),
            "Ip": request.payer_ip,
            "return_url": _with_tag(account, request),
        }
        got = self._client.init(account, fields, mapping.receipt_block(request.bill, request.amount))
        code = got.get("MaLoi", "")
        if code != "00":
            raise OutcomeUnknown("INIT was not accepted", reason="api_code", api_code=code[:20])
        url = got.get("UrlThanhToan", "")
        if _origin_or_none(url) != origin(account.option("pay_origin")):
            raise OutcomeUnknown("the citizen would be sent to another house", reason="redirect_origin")
        return CheckoutResult(outcome=Outcome.PENDING, redirect_url=url, detail_code=code)

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read a CONFIRM; raises SignatureInvalid or CallbackMalformed and nothing else.

        It only triggers a query: its plain hash is no proof (manifest, confirm_by_query).
        """
        fields = mapping.flat_fields(request.body)
        key_id = mapping.signing_key_id(active_keys(account), fields, "CONFIRM")
        if key_id is None:
            raise SignatureInvalid("MaXacThuc of the confirmation does not hold")
        message = _field(fields, "LoaiBanTin", _MESSAGE)
        if message.upper() in mapping.OWN_MESSAGES:
            raise CallbackMalformed("one of our own messages came back", field="LoaiBanTin")
        reference = _field(fields, "MaThamChieu", _REFERENCE)
        code = _field(fields, "MaLoi", _CODE)
        transaction = _field({"MaGiaoDich": "", **fields}, "MaGiaoDich", _TRANSACTION)
        amount = _amount(fields)
        if amount is None:
            raise CallbackMalformed("SoTien or MaTienTe is not an amount of đồng", field="SoTien")
        evidence = self._evidence(
            account,
            EvidenceSource.CALLBACK,
            mapping.confirm_outcome(code),
            reference,
            fields,
            detail_code=code,
        )
        return VerifiedCallback(
            evidence=evidence,
            dedupe_key=f"{reference}:{transaction}:{code}",
            key_id=key_id,
            confirm_by_query=self.manifest.confirm_by_query,
        )

    def acknowledge(
        self, account: Account, verdict: CallbackVerdict, request: InboundRequest
    ) -> Acknowledgement:
        """HTTP 200 always; MaLoi 00 or 99, and the names and MaXacThuc of the request echoed."""
        try:
            fields = mapping.flat_fields(request.body)
        except CallbackMalformed:
            fields = {}
        code, words = mapping.ACKNOWLEDGEMENTS[verdict]
        echo = {name: fields.get(name, "")[:_ECHO_LIMIT] for name in _ECHOED}
        body = json.dumps({"MaLoi": code, "MoTaLoi": words, **echo}, ensure_ascii=False)
        return Acknowledgement(status=200, content_type="application/json", body=body.encode("utf-8"))

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """Read our own mark in the return address; what the platform adds to it proves nothing."""
        text = request.query_string[:_QUERY_LIMIT].decode("utf-8", "replace")
        fields = dict(parse_qsl(text))
        reference, given = fields.get("attempt_ref", ""), fields.get("tag", "").encode("utf-8")
        holds = [
            hmac.compare_digest(mapping.return_tag(key, reference).encode("ascii"), given)
            for key in active_keys(account).values()
        ]
        known = reference if _REFERENCE.fullmatch(reference) else None
        return ReturnHint(attempt_ref=known, signature_holds=any(holds), says=Outcome.UNKNOWN)

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        """Ask by QUERY. Only TrangThaiGD 4 refuses; an answer without a state leaves doubt.

        The code that says "no such reference" is the account's option `not_found_code`, for it is not published.
        """
        fields = _question(account, "QUERY", query.attempt_ref, query.created_at)
        got = self._client.query(account, fields)
        code, status = got.get("MaLoi", ""), got.get("TrangThaiGD", "")
        not_found = str(account.options.get("not_found_code", ""))
        if not_found and code == not_found and not status:
            gone = query.asked_at >= query.expires_at
            outcome = Outcome.NOT_SENT if gone else Outcome.PENDING
            return self._evidence(
                account,
                EvidenceSource.STATUS_QUERY,
                outcome,
                query.attempt_ref,
                {},
                detail_code=f"api-{code}",
            )
        if not status:
            raise OutcomeUnknown(
                "the platform did not answer the question", reason="api_code", api_code=code[:20]
            )
        outcome = mapping.query_outcome(code, status)
        if outcome is Outcome.CONFIRMED and _amount(got) is None:
            raise OutcomeUnknown("the platform's answer holds no amount", reason="amount")
        return self._evidence(
            account,
            EvidenceSource.STATUS_QUERY,
            outcome,
            query.attempt_ref,
            got,
            detail_code=f"{code}/{status}"[:40],
        )

    def get_bill(self, account: Account, *, attempt_ref: str, created_at: datetime) -> PlatformReceipt:
        """Fetch the state's receipt of a paid attempt (GET_BILL); raises the errors of a query."""
        got = self._client.get_bill(account, _question(account, "GET_BILL", attempt_ref, created_at))
        if isinstance(got, bytes):
            return PlatformReceipt(url=None, pdf=got, detail_code="00")
        url = got.get("UrlBienLai", "")
        try:
            if url:
                allowed = str(account.options.get("allow_insecure_host", ""))
                check_url(url, allow_insecure_host=allowed)
        except OutboundRefused as error:
            raise OutcomeUnknown("the receipt's address is no plain https address", reason="url") from error
        return PlatformReceipt(url=url or None, pdf=None, detail_code=got.get("MaLoi", "")[:20])

    def _evidence(
        self,
        account: Account,
        source: EvidenceSource,
        outcome: Outcome,
        reference: str,
        fields: dict[str, str],
        *,
        detail_code: str,
    ) -> Evidence:
        paid_at_raw = fields.get("ThoiGianGD", "")[:40]
        return Evidence(
            source=source,
            outcome=outcome,
            provider_account=account.code,
            attempt_ref=reference,
            provider_ref=fields.get("MaGiaoDich", "")[:100] or None,
            amount=_amount(fields),
            merchant_account=fields.get("MaDoiTac") or None,
            paid_at=mapping.read_time(paid_at_raw),
            paid_at_raw=paid_at_raw or None,
            detail_code=detail_code,
            channel=Channel.EBANKING if fields.get("MaNganHang") else self.manifest.channel,
            instrument=self.manifest.instrument,
        )


def _question(account: Account, message: str, attempt_ref: str, created_at: datetime) -> dict[str, str]:
    return {
        "LoaiBanTin": message,
        "PhienBan": mapping.VERSION,
        "MaDoiTac": account.option("partner_code"),
        "MaThamChieu": attempt_ref,
        "ThoiGianGD": mapping.time_text(created_at),
    }


def _amount(fields: dict[str, str]) -> Money | None:
    if fields.get("MaTienTe", "") != "VND":
        return None
    try:
        return mapping.read_amount(fields.get("SoTien", ""))
    except InvalidAmount:
        return None


def _field(fields: dict[str, str], name: str, grammar: re.Pattern[str]) -> str:
    value = fields.get(name, "")
    if not grammar.fullmatch(value):
        raise CallbackMalformed(f"{name} is missing or malformed", field=name)
    return value


def _with_tag(account: Account, request: CheckoutRequest) -> str:
    parts = urlsplit(request.return_url)
    tag = mapping.return_tag(account.secrets["hash_secret"], request.attempt_ref)
    ours = urlencode({"attempt_ref": request.attempt_ref, "tag": tag})
    return urlunsplit(parts._replace(query=f"{parts.query}&{ours}" if parts.query else ours))


def _origin_or_none(url: str) -> str | None:
    try:
        return origin(url)
    except ValueError:
        return None


provider = PaymentPlatformProvider()
