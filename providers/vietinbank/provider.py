"""What VietinBank's collection messages mean in payclear's words. Called by the core through the contract; stateless.

The bank calls us and signs with RSA; we answer with HTTP 200 and our own signature. It raises contract errors only.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from payclear.contract.channels import Channel, Instrument
from payclear.contract.collection import (
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
from payclear.kernel.clock import Clock, SystemClock
from payclear.kernel.money import Money
from payclear.security.keyring import KeyUnusable
from payclear.security.signatures import RsaSigner, RsaVerifier
from providers.collection_drop import day_file_problems, take_day_file
from providers.statement_drop import statement_transport
from providers.transport import Transport
from providers.vietinbank import mapping, statement
from providers.wire import empty_secret_problems, member, url_problems

JSON = "application/json"
BANK_KEYS = ("bank_public_key", "bank_public_key_previous")


class VietinBankProvider(Provider):
    """VietinBank "thu hộ": bills asked for (1100), money notified and taken back (1200)."""

    manifest = load_manifest(Path(__file__).with_name("manifest.toml"))

    def __init__(self, transport: Transport | None = None, clock: Clock | None = None) -> None:
        self._transport = transport or statement_transport()
        self._clock = clock or SystemClock()

    def account_problems(self, account: Account) -> list[str]:
        """What is missing or wrong in the account's configuration, in plain sentences."""
        problems = super().account_problems(account)
        problems += empty_secret_problems(account, self.manifest.required_secrets)
        problems += _key_problems(account) + day_file_problems(account)
        length = account.options.get("trans_id_length")
        if length is not None and not (str(length).isdigit() and 8 <= int(length) <= 64):
            problems.append(
                f"provider account {account.code}: option trans_id_length must lie within 8 and 64"
            )
        if account.options.get("balance", mapping.SAME) not in mapping.BALANCES:
            problems.append(
                f"provider account {account.code}: option balance is one of {', '.join(mapping.BALANCES)}"
            )
        for name, known in (("channels", Channel), ("instruments", Instrument)):
            problems += _table_problems(account, name, {word.value for word in known})
        return problems + url_problems(account, ["statement_url"])

    def merchant_account(self, account: Account) -> str:
        """The biller's number at the bank."""
        return account.option("merchant_id")

    def read_collection(self, account: Account, request: InboundRequest) -> tuple[CollectionCall, ...]:
        """Verify and read a 1100 or 1200; raises SignatureInvalid or CallbackMalformed and nothing else.

        A record of a genuine notification that can not be acted on makes no call; `answer_collection` refuses it by
        itself, so that it does not take the others with it.
        """
        message = mapping.read_message(request.body)
        if message.type == mapping.INQ_BILL:
            _require_signature(account, message, mapping.inquiry_text(message.data))
            _require_ours(account, message)
            reference, document_no = mapping.read_inquiry(message.data, _rules(account, request))
            inquiry = CollectionCall(
                operation=CollectionOperation.INQUIRE,
                bank_ref=reference,
                document_no=document_no,
                merchant_account=account.option("merchant_id"),
            )
            return (inquiry,)
        if message.type != mapping.NOTIFY_TRANS:
            raise CallbackMalformed("a message that we do not offer", field="msgType")
        records = message.records()
        _require_signature(account, message, mapping.notice_text(records))
        _require_ours(account, message)
        read = _read_records(account, request, records)
        calls = tuple(_call(account, record) for record in read if isinstance(record, mapping.Record))
        if not calls:
            field = next(record.field for record in read if isinstance(record, mapping.Unreadable))
            raise CallbackMalformed("no record can be acted on", field=field)
        return calls

    def answer_collection(
        self, account: Account, request: InboundRequest, answers: tuple[CollectionAnswer, ...]
    ) -> Acknowledgement:
        """The 1110, 1210 or 1310. An answer to a message that was not read repeats nothing of it.

        We sign what a stranger wrote only after the bank's own signature held: else we would sign anything for anybody.
        """
        if not answers or answers[0].call is None:
            verdict = answers[0].verdict if answers else CollectionVerdict.MALFORMED
            return _reply_to_unread(account, request, verdict)
        message = mapping.read_message(request.body)
        if message.type == mapping.INQ_BILL:
            return _inquiry_reply(account, request, message, answers[0])
        return _notice_reply(account, request, message, answers)

    def fetch_statement(self, account: Account, business_on: date) -> StatementFile:
        """Fetch the day file of our own layout; raises StatementUnavailable."""
        return take_day_file(
            account,
            self._transport,
            self._clock,
            biller_id=account.option("merchant_id"),
            business_on=business_on,
        )

    def parse_statement(self, account: Account, file: StatementFile) -> ParsedStatement:
        """Read a day file; never raises, whatever the bytes."""
        return statement.parse(file.content)


def _rules(account: Account, request: InboundRequest) -> mapping.Rules:
    return mapping.Rules(
        trans_id_length=int(account.options["trans_id_length"]),
        account_number=account.option("account_number"),
        virtual_account_prefix=str(account.options.get("virtual_account_prefix", "")),
        balance=str(account.options.get("balance", mapping.SAME)),
        received_at=request.received_at,
    )


def _require_signature(account: Account, message: mapping.Message, text: bytes) -> None:
    try:
        given = base64.b64decode(message.header["signature"], validate=True)
    except (ValueError, binascii.Error) as error:
        raise SignatureInvalid("the signature is no base64") from error
    keys = [account.option(name) for name in BANK_KEYS if account.options.get(name)]
    held = [RsaVerifier.from_pem(key).verify(text, given) for key in keys]
    if not any(held):
        raise SignatureInvalid("the signature of the message does not hold")


def _require_ours(account: Account, message: mapping.Message) -> None:
    """What the header says besides is not signed: it may be left out, but it may not name somebody else."""
    for name, option in (("providerId", "provider_id"), ("merchantId", "merchant_id")):
        if message.header[name] not in ("", account.option(option)):
            raise CallbackMalformed(f"{name} names another biller", field=name)


def _read_records(
    account: Account, request: InboundRequest, records: list[dict[str, Any]]
) -> list[mapping.Record | mapping.Unreadable]:
    rules = _rules(account, request)
    return [mapping.read_record(record, rules) for record in records]


def _call(account: Account, record: mapping.Record) -> CollectionCall:
    is_reversal = record.is_reversal
    return CollectionCall(
        operation=CollectionOperation.REVERSE if is_reversal else CollectionOperation.PAY,
        bank_ref=record.trans_id,
        document_no=record.document_no,
        bill_id=record.bill_id,
        amount=Money(record.amount),
        original_ref=record.original_id,
        money_moved=True,  # the bank notifies of what it has done
        merchant_account=account.option("merchant_id"),
        paid_at=record.paid_at,
        paid_at_raw=record.paid_at_raw,
        channel=_word(account, "channels", record.channel, Channel.COUNTER_BRANCH),
        instrument=_word(account, "instruments", record.payment_method, Instrument.UNSTATED),
    )


def _word(account: Account, option: str, value: str, otherwise: str) -> str:
    return mapping.words(str(account.options.get(option, ""))).get(value, otherwise)


def _inquiry_reply(
    account: Account, request: InboundRequest, message: mapping.Message, answer: CollectionAnswer
) -> Acknowledgement:
    verdict = answer.verdict
    if verdict is CollectionVerdict.BILL_FOUND and len(answer.bills) != 1:
        verdict = CollectionVerdict.AMBIGUOUS  # the reply has room for one bill
    bill = answer.bills[0] if verdict is CollectionVerdict.BILL_FOUND else None
    details = {
        name: member(message.data, name, CallbackMalformed) for name in ("transId", "transTime", "custCode")
    } | {
        "custName": bill.payer_name if bill else "",
        "billId": bill.bill_id if bill else "",
        "amount": str(bill.amount.amount) if bill else "",
        "amountMin": str(bill.amount.amount) if bill else "",
        "currencyCode": bill.amount.currency if bill else "VND",
    }
    code = mapping.CODES[verdict]
    text = mapping.inquiry_reply_text(details, channel_id=message.header["channelId"], code=code)
    return _signed(account, request, message.header, {"details": details, "errors": _errors(verdict)}, text)


def _notice_reply(
    account: Account,
    request: InboundRequest,
    message: mapping.Message,
    answers: tuple[CollectionAnswer, ...],
) -> Acknowledgement:
    """Each record comes back with our answer as its status; the whole is `00` only when every record is."""
    records = message.records()
    waiting = iter(answers)
    verdicts = [
        next(waiting).verdict if isinstance(read, mapping.Record) else CollectionVerdict.MALFORMED
        for read in _read_records(account, request, records)
    ]
    told = [
        {**record, "status": {"code": mapping.CODES[verdict], "message": mapping.TEXTS[verdict]}}
        for record, verdict in zip(records, verdicts, strict=True)
    ]
    whole = next((verdict for verdict in verdicts if mapping.CODES[verdict] != mapping.RECEIVED), verdicts[0])
    text = mapping.notice_reply_text(told, code=mapping.CODES[whole])
    return _signed(account, request, message.header, {"records": told, "errors": _errors(whole)}, text)


def _reply_to_unread(
    account: Account, request: InboundRequest, verdict: CollectionVerdict
) -> Acknowledgement:
    try:
        header = mapping.read_message(request.body).header
    except CallbackMalformed:
        header = dict.fromkeys(mapping.HEADER_FIELDS, "")
    known = {"msgId": header["msgId"], "msgType": header["msgType"]}
    data = {"errors": _errors(verdict)}
    return _signed(account, request, known, data, mapping.signed_text(mapping.CODES[verdict]))


def _errors(verdict: CollectionVerdict) -> dict[str, str]:
    return {"errorCode": mapping.CODES[verdict], "errorDesc": mapping.TEXTS[verdict]}


def _signed(
    account: Account, request: InboundRequest, asked: Mapping[str, str], data: Mapping[str, Any], text: bytes
) -> Acknowledgement:
    signature = RsaSigner.from_pem(account.secrets["private_key"]).sign(text)
    header = {name: asked.get(name, "") for name in mapping.HEADER_FIELDS} | {
        "msgType": mapping.REPLIES.get(asked.get("msgType", ""), ""),
        "providerId": account.option("provider_id"),
        "merchantId": account.option("merchant_id"),
        "timestamp": mapping.time_text(request.received_at),
        "signature": base64.b64encode(signature).decode("ascii"),
    }
    body = json.dumps({"header": header, "data": data}, ensure_ascii=False).encode("utf-8")
    return Acknowledgement(status=200, content_type=JSON, body=body)


def _key_problems(account: Account) -> list[str]:
    problems = []
    for name in BANK_KEYS:
        try:
            if account.options.get(name):
                RsaVerifier.from_pem(account.option(name))
        except KeyUnusable as error:
            problems.append(f"provider account {account.code}: option {name}: {error}")
    try:
        if account.secrets.get("private_key"):
            RsaSigner.from_pem(account.secrets["private_key"])
    except KeyUnusable as error:
        problems.append(f"provider account {account.code}: secret private_key: {error}")
    return problems


def _table_problems(account: Account, option: str, known: set[str]) -> list[str]:
    try:
        found = mapping.words(str(account.options.get(option, "")))
    except ValueError as error:
        return [f"provider account {account.code}: option {option} is {error}"]
    odd = sorted(set(found.values()) - known)
    return [f"provider account {account.code}: option {option} names {word}, which is none" for word in odd]


provider = VietinBankProvider()
