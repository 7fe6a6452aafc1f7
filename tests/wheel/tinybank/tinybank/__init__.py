"""TinyBank: pay page by redirect, signed callback, signed status query, CSV statement. One module, one manifest."""

import csv
import hashlib
import hmac
import io
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlencode

from payclear.contract.errors import CallbackMalformed, OutcomeUnknown, ProviderError, SignatureInvalid
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
    StatementEntry,
    StatementFile,
    StatementProblem,
    StatusQuery,
    VerifiedCallback,
)
from payclear.contract.outcomes import CallbackVerdict, EvidenceSource, Outcome
from payclear.contract.provider import Provider
from payclear.kernel.clock import VIETNAM, Clock, SystemClock
from payclear.kernel.money import InvalidAmount, Money, parse_amount
from payclear.kernel.secret import Secret
from providers.statement_drop import statement_transport, take_statement
from providers.transport import Transport
from providers.wire import json_object, member, origin, url_problems

SIGNATURE = "x-tiny-signature"
OUTCOMES = {
    "PAID": Outcome.CONFIRMED,
    "REFUSED": Outcome.REJECTED,
    "CANCELLED": Outcome.REJECTED,
    "OPEN": Outcome.PENDING,
}
STATUSES = {
    CallbackVerdict.ORDER_NOT_FOUND: 404,
    CallbackVerdict.SIGNATURE_INVALID: 401,
    CallbackVerdict.MALFORMED: 400,
    CallbackVerdict.TRY_AGAIN: 503,
}
COLUMNS = ["ref", "number", "amount", "status", "at"]


class TinyBank(Provider):
    """The adapter; stateless but for its connections."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, transport: Transport | None = None, clock: Clock | None = None) -> None:
        self._transport = transport or Transport()
        self._statements = transport or statement_transport()
        self._clock = clock or SystemClock()

    def account_problems(self, account: Account) -> list[str]:
        return super().account_problems(account) + url_problems(
            account, ("pay_url", "api_url", "statement_url")
        )

    def merchant_account(self, account: Account) -> str:
        return account.option("merchant")

    def page_origins(self, account: Account) -> tuple[str, ...]:
        return (origin(account.option("pay_url")),)

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        fields = {
            "merchant": account.option("merchant"),
            "ref": request.attempt_ref,
            "amount": str(request.amount.amount),
            "expires": str(int(request.expires_at.timestamp())),
            "back": request.return_url,
            "notify": request.callback_url,
        }
        fields["mac"] = _mac(account.secrets["signing_key"], "|".join(fields.values()).encode())
        url = f"{account.option('pay_url')}?{urlencode(fields)}"
        return CheckoutResult(outcome=Outcome.PENDING, redirect_url=url)

    def query_status(self, account: Account, query: StatusQuery) -> Evidence:
        asked = f"{query.attempt_ref}|{query.request_id}".encode()
        answer = self._transport.send(
            "GET",
            f"{account.option('api_url')}/payments/{query.attempt_ref}?request={query.request_id}",
            headers={SIGNATURE: _mac(account.secrets["signing_key"], asked)},
            allow_insecure_host=str(account.options.get("allow_insecure_host", "")),
            secrets=account.secrets.values(),
        )
        if answer.status != 200:
            raise OutcomeUnknown("the bank answered with an HTTP error", status=answer.status)
        if _key_of(account, answer.body, answer.headers) is None:
            raise SignatureInvalid("the answer is not signed by the bank")
        got = _read(answer.body, OutcomeUnknown)
        if (got["merchant"], got["ref"]) != (account.option("merchant"), query.attempt_ref):
            raise OutcomeUnknown("the bank answers about something else", reason="other_payment")
        if got["status"] == "NONE":
            gone = query.asked_at >= query.expires_at
            got["status"] = "NEVER" if gone else "OPEN"
        evidence = self._evidence(account, EvidenceSource.STATUS_QUERY, got)
        if evidence.outcome is Outcome.CONFIRMED and not (evidence.amount and evidence.provider_ref):
            raise OutcomeUnknown("the bank says paid and not how much", reason="incomplete")
        return evidence

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        key_id = _key_of(account, request.body, request.headers)
        if key_id is None:
            raise SignatureInvalid("the signature of the callback does not hold")
        got = _read(request.body, CallbackMalformed)
        evidence = self._evidence(account, EvidenceSource.CALLBACK, got)
        if evidence.amount is None or not got["ref"].isalnum():
            raise CallbackMalformed("the amount or our reference is missing", field="amount")
        key = f"{got['ref']}:{got['number']}:{got['status']}"
        return VerifiedCallback(evidence=evidence, dedupe_key=key, key_id=key_id)

    def acknowledge(
        self, account: Account, verdict: CallbackVerdict, request: InboundRequest
    ) -> Acknowledgement:
        return Acknowledgement(status=STATUSES.get(verdict, 200), content_type="text/plain", body=b"")

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        found = parse_qs(request.query_string[:1000].decode("ascii", "replace")).get("ref", [""])[0]
        known = found if found.isascii() and found.isalnum() else None
        return ReturnHint(attempt_ref=known, signature_holds=False, says=Outcome.UNKNOWN)

    def fetch_statement(self, account: Account, business_on: date) -> StatementFile:
        name = f"TINYBANK_{business_on:%Y%m%d}.csv"
        content = take_statement(
            account,
            self._statements,
            self._clock,
            name=name,
            asked={"date": f"{business_on:%Y%m%d}"},
            key=account.secrets["signing_key"],
        )
        return StatementFile(name=name, content=content, media_type="text/csv", business_on=business_on)

    def parse_statement(self, account: Account, file: StatementFile) -> ParsedStatement:
        return parse(file.content)

    def _evidence(self, account: Account, source: EvidenceSource, got: Mapping[str, str]) -> Evidence:
        outcome = (
            Outcome.NOT_SENT if got["status"] == "NEVER" else OUTCOMES.get(got["status"], Outcome.UNKNOWN)
        )
        return Evidence(
            source=source,
            outcome=outcome,
            provider_account=account.code,
            attempt_ref=got["ref"],
            provider_ref=got["number"] or None,
            amount=Money(int(got["amount"])) if got["amount"] else None,
            merchant_account=got["merchant"] or None,
            paid_at=_time(got["at"]),
            paid_at_raw=got["at"][:40] or None,
            detail_code=got["status"][:20] or None,
            channel=self.manifest.channel,
            instrument=self.manifest.instrument,
        )


def parse(content: bytes) -> ParsedStatement:
    """A row becomes an entry or a problem; nothing raises."""
    entries: list[StatementEntry] = []
    problems: list[StatementProblem] = []
    trailer: tuple[int, Money] | None = None
    try:
        rows = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        rows = []
    if not rows or rows[0] != COLUMNS:
        problems.append(StatementProblem(line_no=0, code="missing_header", detail=""))
        rows = []
    for line_no, row in enumerate(rows[1:], start=2):
        try:
            if len(row) == len(COLUMNS) and row[0] == "TOTAL":
                trailer = parse_amount(row[1]), Money(parse_amount(row[2]))
            else:
                entries.append(_entry(line_no, row))
        except (InvalidAmount, LookupError, ValueError) as error:
            code = "bad_amount" if isinstance(error, InvalidAmount) else "bad_row"
            problems.append(StatementProblem(line_no=line_no, code=code, detail=",".join(row)[:100]))
    if trailer is None:
        problems.append(StatementProblem(line_no=0, code="missing_trailer", detail=""))
    return ParsedStatement(
        entries=tuple(entries),
        problems=tuple(problems),
        control_count=trailer[0] if trailer else None,
        control_sum=trailer[1] if trailer else None,
        merchant_account=None,
    )


def _entry(line_no: int, row: list[str]) -> StatementEntry:
    reference, number, amount, status, at = row
    if not reference:
        raise ValueError("no reference")
    return StatementEntry(
        line_no=line_no,
        attempt_ref=reference,
        provider_ref=number,
        amount=Money(parse_amount(amount)),
        outcome=OUTCOMES[status],
        kind="payment",
        occurred_at=_time(at),
        occurred_at_raw=at[:40],
        raw=dict(zip(COLUMNS, row, strict=True)),
    )


def _read(body: bytes, refuse: Callable[..., ProviderError]) -> dict[str, str]:
    data = json_object(body, refuse)
    got = {
        name: member(data, name, refuse) for name in ("merchant", "ref", "number", "amount", "status", "at")
    }
    try:
        got["amount"] = str(Money(parse_amount(got["amount"])).amount) if got["amount"] else ""
    except InvalidAmount as error:
        raise refuse("the amount is none", field="amount") from error
    return got


def _time(text: str) -> datetime | None:
    for form in ("%Y%m%d%H%M%S", "%d/%m/%Y %H:%M:%S"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=VIETNAM).astimezone(UTC)
        except ValueError:
            continue
    return None


def _mac(key: Secret, raw: bytes) -> str:
    return hmac.digest(key.reveal().encode(), raw, hashlib.sha256).hex()


def _key_of(account: Account, raw: bytes, headers: Mapping[str, str]) -> str | None:
    given = headers.get(SIGNATURE, "").encode("utf-8", "surrogatepass")
    names = [name for name in ("signing_key", "signing_key_previous") if account.secrets.get(name)]
    holding = [
        name for name in names if hmac.compare_digest(_mac(account.secrets[name], raw).encode(), given)
    ]
    return holding[0] if holding else None


provider = TinyBank()
