"""What BIDV's biller messages mean in payclear's words. Called by the core through the contract; stateless.

The bank calls `/getbill` and `/paybill` and waits for our word before it takes the money. HTTP 200 always.
"""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from payclear.contract.channels import Channel, Instrument
from payclear.contract.collection import (
    CollectedBill,
    CollectionAnswer,
    CollectionCall,
    CollectionOperation,
    CollectionVerdict,
)
from payclear.contract.errors import CallbackMalformed, SignatureInvalid
from payclear.contract.manifest import load_manifest
from payclear.contract.messages import (
    Account,
    Acknowledgement,
    InboundRequest,
    ParsedStatement,
    StatementFile,
)
from payclear.contract.provider import Provider
from payclear.kernel.clock import VIETNAM, Clock, SystemClock
from payclear.kernel.money import Money, parse_amount
from payclear.kernel.secret import Secret
from providers.bidv import mapping, statement
from providers.collection_drop import day_file_problems, take_day_file
from providers.statement_drop import statement_transport
from providers.transport import Transport
from providers.wire import empty_secret_problems, url_problems

JSON = "application/json"


def active_keys(account: Account) -> list[Secret]:
    """The secrets that may have signed what the bank sends: the present one and, while it overlaps, the previous."""
    found = (account.secrets.get(name) for name in ("secret_key", "secret_key_previous"))
    return [key for key in found if key]


class BidvProvider(Provider):
    """BIDV biller v1.0: getbill and paybill."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, transport: Transport | None = None, clock: Clock | None = None) -> None:
        self._transport = transport or statement_transport()
        self._clock = clock or SystemClock()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        problems += empty_secret_problems(account, self.manifest.required_secrets)
        problems += day_file_problems(account)
        for option, known in (("channel", Channel), ("instrument", Instrument)):
            word = str(account.options.get(option, ""))
            if word and word not in {each.value for each in known}:
                problems.append(
                    f"provider account {account.code}: option {option} names {word}, which is none"
                )
        return problems + url_problems(account, ["statement_url"])

    def merchant_account(self, account: Account) -> str:
        """Our service at the bank."""
        return account.option("service_id")

    def read_collection(self, account: Account, request: InboundRequest) -> tuple[CollectionCall, ...]:
        """Verify and read a getbill or paybill; raises SignatureInvalid or CallbackMalformed and nothing else.

        The checksum of a payment covers reference and amount alone: the core holds bill, document and amount together.
        """
        message = mapping.read_message(request.path, request.body)
        signed = [mapping.is_signed_by(key, message) for key in active_keys(account)]
        if not any(signed):
            raise SignatureInvalid("the checksum does not hold")
        mapping.require_form(message, service_id=account.option("service_id"))
        fields = message.fields
        if message.operation == mapping.GET_BILL:
            inquiry = CollectionCall(
                operation=CollectionOperation.INQUIRE,
                bank_ref="",
                document_no=fields["customer_id"],
                merchant_account=fields["service_id"],
            )
            return (inquiry,)
        payment = CollectionCall(
            operation=CollectionOperation.PAY,
            bank_ref=fields["trans_id"],
            document_no=fields["customer_id"],
            bill_id=fields["bill_id"],
            amount=Money(parse_amount(fields["amount"])),
            merchant_account=fields["service_id"],
            paid_at=mapping.paid_at(fields["trans_date"], request.received_at),
            paid_at_raw=fields["trans_date"] or None,
            channel=str(account.options.get("channel", Channel.COUNTER_BRANCH)),
            instrument=str(account.options.get("instrument", Instrument.UNSTATED)),
        )
        return (payment,)

    def answer_collection(
        self, account: Account, request: InboundRequest, answers: tuple[CollectionAnswer, ...]
    ) -> Acknowledgement:
        """The reply to a getbill or paybill; it carries no signature in this protocol."""
        answer = answers[0] if answers else CollectionAnswer(verdict=CollectionVerdict.MALFORMED)
        if answer.call is None:
            return _reply(_code_of_unread(account, request, answer.verdict), answer.verdict)
        verdict = answer.verdict
        if verdict is CollectionVerdict.BILL_FOUND and len(answer.bills) != 1:
            verdict = CollectionVerdict.AMBIGUOUS
        if answer.call.operation is not CollectionOperation.INQUIRE:
            return _reply(mapping.CODES[mapping.PAY_BILL][verdict], verdict)
        bills = answer.bills if verdict is CollectionVerdict.BILL_FOUND else ()
        return _reply(
            mapping.CODES[mapping.GET_BILL][verdict], verdict, **_shown(answer.call.document_no, bills)
        )

    def fetch_statement(self, account: Account, business_on: date) -> StatementFile:
        """Fetch the day file of our own layout; raises StatementUnavailable."""
        return take_day_file(
            account,
            self._transport,
            self._clock,
            biller_id=account.option("service_id"),
            business_on=business_on,
        )

    def parse_statement(self, account: Account, file: StatementFile) -> ParsedStatement:
        """Read a day file; never raises, whatever the bytes."""
        return statement.parse(file.content)


def _shown(document_no: str, bills: Sequence[CollectedBill]) -> dict[str, Any]:
    """What a getbill shows at the counter; the address of the citizen is nobody's business there."""
    listed = [
        {
            "period": f"{bill.valid_until.astimezone(VIETNAM):%Y%m}",
            "data": [
                {"bill_id": bill.bill_id, "amount": str(bill.amount.amount), "remark": bill.description}
            ],
        }
        for bill in bills
    ]
    return {
        "customer_id": document_no,
        "customer_name": bills[0].payer_name if bills else "",
        "customer_addr": "",
        "bill_id": bills[0].bill_id if bills else "",
        "type": "1",
        "total_amount": str(sum(bill.amount.amount for bill in bills)),
        "data": listed,
    }


def _code_of_unread(account: Account, request: InboundRequest, verdict: CollectionVerdict) -> str:
    """The code of a message that makes no call: another service has one of its own."""
    code = mapping.CODES[mapping.GET_BILL][verdict]
    if verdict is not CollectionVerdict.MALFORMED:
        return code
    try:
        message = mapping.read_message(request.path, request.body)
    except CallbackMalformed:
        return code
    is_other = message.fields["service_id"] not in ("", account.option("service_id"))
    return mapping.SERVICE if is_other else code


def _reply(code: str, verdict: CollectionVerdict, **more: Any) -> Acknowledgement:
    told = {"result_code": code, "result_desc": mapping.TEXTS[verdict], **more}
    if code == mapping.SERVICE:
        told["result_desc"] = "Sai mã dịch vụ"
    body = json.dumps(told, ensure_ascii=False).encode("utf-8")
    return Acknowledgement(status=200, content_type=JSON, body=body)


provider = BidvProvider()
