"""What a NAPAS QR and the transfer that answers it mean in payclear's words. Called through the contract; stateless.

Nobody can be asked about a QR: the notification of the credit and the bank statement are the only evidence.
"""

import json
import re
from datetime import date
from pathlib import Path

from payclear.contract.errors import ProviderRefused, SignatureInvalid
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
    VerifiedCallback,
)
from payclear.contract.outcomes import CallbackVerdict, EvidenceSource, Outcome
from payclear.contract.provider import Provider
from payclear.kernel.clock import Clock, SystemClock
from providers import transfers
from providers.statement_drop import statement_transport, take_statement
from providers.transport import Transport
from providers.vietqr import mapping, statement, tlv
from providers.wire import empty_secret_problems, url_problems

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_BIN = re.compile(r"[0-9]{6}")
_ACCOUNT = re.compile(r"[A-Za-z0-9]{1,19}")
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,25}")


class VietQrProvider(Provider):
    """A QR per order to our own bank account; the money is recognised by its memo."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, statements: Transport | None = None, clock: Clock | None = None) -> None:
        self._statements = statements or statement_transport()
        self._clock = clock or SystemClock()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        where = f"provider account {account.code}"
        if not _BIN.fullmatch(str(account.options.get("bank_bin", "000000"))):
            problems.append(f"{where}: option bank_bin must be six digits")
        if not _ACCOUNT.fullmatch(str(account.options.get("account_number", "0"))):
            problems.append(f"{where}: option account_number must be at most 19 letters and digits")
        problems += empty_secret_problems(account, ["notification_secret"])
        return problems + url_problems(account, ["statement_url"])

    def merchant_account(self, account: Account) -> str:
        """The bank account that is credited, or the virtual one in front of it."""
        return account.option("account_number")

    def start_checkout(self, account: Account, request: CheckoutRequest) -> CheckoutResult:
        """Build the QR of an attempt; nothing is sent. The same attempt gives the same QR."""
        within = self.manifest.amount_min <= request.amount.amount <= self.manifest.amount_max
        if request.amount.currency != "VND" or not within:
            raise ProviderRefused("a transfer at once does not take this amount", field="54")
        if not _REFERENCE.fullmatch(request.attempt_ref):
            raise ProviderRefused("the reference would not survive a bank memo", field="62")
        qr = tlv.TransferQr(
            bank_bin=account.option("bank_bin"),
            account_number=account.option("account_number"),
            amount=request.amount.amount,
            purpose=mapping.purpose_of(request.attempt_ref, request.memo),
        )
        try:
            text = tlv.build(qr)
        except tlv.QrMalformed as error:
            raise ProviderRefused(str(error), field="38") from error
        return CheckoutResult(outcome=Outcome.PENDING, qr_text=text)

    def verify_callback(self, account: Account, request: InboundRequest) -> VerifiedCallback:
        """Verify and read the notification of a transfer; raises SignatureInvalid or CallbackMalformed only.

        A memo that names no reference of ours gives evidence under the notification's own number: it is kept and
        matches no attempt. Where only a payment code or an order reference is left, that stands in `attempt_ref`.
        """
        key_id = transfers.signing_key_id(mapping.active_keys(account), request.headers, request.body)
        if key_id is None or not transfers.is_fresh(request.headers, request.received_at):
            raise SignatureInvalid("the signature of the notification does not hold")
        notice = transfers.read_notice(request.body)
        evidence = Evidence(
            source=EvidenceSource.CALLBACK,
            outcome=mapping.OUTCOMES[notice.is_incoming],
            provider_account=account.code,
            attempt_ref=mapping.reference_of(notice),
            provider_ref=notice.bank_ref or notice.id,
            amount=notice.amount,
            merchant_account=mapping.named_account(notice, account.option("account_number")),
            paid_at=notice.at,
            paid_at_raw=notice.at_raw or None,
            detail_code="in" if notice.is_incoming else "out",
            channel=self.manifest.channel,
            instrument=self.manifest.instrument,
        )
        return VerifiedCallback(evidence=evidence, dedupe_key=notice.id, key_id=key_id)

    def acknowledge(
        self, account: Account, verdict: CallbackVerdict, request: InboundRequest
    ) -> Acknowledgement:
        """`{"success": true}` with 200 ends the repetitions; the HTTP status counts."""
        status = mapping.ACKNOWLEDGEMENTS[verdict]
        body = json.dumps({"success": status == 200}).encode("ascii")
        return Acknowledgement(status=status, content_type="application/json", body=body)

    def read_return(self, account: Account, request: InboundRequest) -> ReturnHint:
        """No browser comes back from a QR."""
        return ReturnHint(attempt_ref=None, signature_holds=False, says=Outcome.UNKNOWN)

    def fetch_statement(self, account: Account, business_on: date) -> StatementFile:
        """Fetch the bank's statement of a day; raises StatementUnavailable."""
        number = account.option("account_number")
        name = f"BANK_{number}_{business_on:%Y%m%d}.xlsx"
        asked = {"account": number, "date": f"{business_on:%Y%m%d}"}
        key = account.secrets["notification_secret"]
        content = take_statement(account, self._statements, self._clock, name=name, asked=asked, key=key)
        return StatementFile(name=name, content=content, media_type=XLSX, business_on=business_on)

    def parse_statement(self, account: Account, file: StatementFile) -> ParsedStatement:
        """Read a bank's statement workbook; never raises, whatever the bytes."""
        return statement.parse(file.content)


provider = VietQrProvider()
