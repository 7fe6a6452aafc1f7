import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payclear.contract.collection import (
    CollectedBill,
    CollectionAnswer,
    CollectionOperation,
    CollectionVerdict,
)
from payclear.contract.errors import CallbackMalformed, SignatureInvalid
from payclear.kernel.money import Money
from payclear.security.signatures import RsaVerifier
from providers.transcript import scrub
from providers.vietinbank import mapping, provider
from tests.providers.factories import NOW
from tests.providers.vietinbank.factories import (
    BILL,
    CODE,
    OTHER_PRIVATE,
    OTHER_PUBLIC,
    PERSON,
    PRIVATE,
    PUBLIC,
    REF,
    VECTORS,
    account,
    inbound,
    inquiry,
    message,
    notice,
    record,
    record_text,
    secrets,
    signed,
)

ACCOUNT = account()
SHOWN = CollectedBill(
    bill_id=BILL,
    document_no=CODE,
    payer_name="NGUYEN V. A.",
    description=f"Quyết định xử phạt {CODE}",
    amount=Money(1_250_000),
    valid_until=NOW + timedelta(hours=13),
)


def read(body, given=ACCOUNT):
    return provider.read_collection(given, inbound(body))


def answered(body, *verdicts, bills=(), given=ACCOUNT):
    """The reply to a message that was read, its calls answered by these verdicts."""
    calls = provider.read_collection(given, inbound(body))
    answers = tuple(
        CollectionAnswer(verdict=verdict, call=call, bills=tuple(bills))
        for verdict, call in zip(verdicts, calls, strict=True)
    )
    return opened(provider.answer_collection(given, inbound(body), answers))


def unread(body, verdict):
    return opened(provider.answer_collection(ACCOUNT, inbound(body), (CollectionAnswer(verdict=verdict),)))


def opened(acknowledgement):
    assert acknowledgement.status == 200
    return json.loads(acknowledgement.body)


def holds(reply, text):
    given = base64.b64decode(reply["header"]["signature"], validate=True)
    return RsaVerifier.from_pem(PUBLIC).verify(text.encode(), given)


# What is no message.


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"<html></html>",
        b'{"header":{},"data":{}}',
        b'{"header":[],"data":{}}',
        b'{"header":{"msgType":"1200"},"data":[]}',
        b'{"header":{"msgType":true},"data":{}}',
        b'{"header":{"msgType":"1200","msgId":{}},"data":{}}',
        b'{"data":{"records":[]}}',
        b'{"header":{"msgType":"1200"},"header":{"msgType":"1100"},"data":{}}',
        b'{"a":' * 5_000,
        b"9" * 10_000_000,
    ],
)
def test_read_bytes_that_are_no_message_are_malformed(body):
    with pytest.raises(CallbackMalformed):
        read(body)
    reply = unread(body, CollectionVerdict.MALFORMED)
    assert reply["data"]["errors"]["errorCode"] == "99"
    assert holds(reply, "99")


@pytest.mark.parametrize("kind", ["1300", "1110", "1210", "", "9999"])
def test_read_other_message_is_refused_politely(kind):
    body = message(kind, {"transId": REF}, REF)
    with pytest.raises(CallbackMalformed):
        read(body)
    reply = unread(body, CollectionVerdict.MALFORMED)
    assert reply["data"]["errors"]["errorCode"] == "99"
    assert reply["header"]["msgType"] == ("1310" if kind == "1300" else "")


@pytest.mark.parametrize(
    "data",
    [
        {"records": []},
        {"records": {}},
        {"records": None},
        {"records": ["x"]},
        {"records": [record(), 1]},
        {},
    ],
)
def test_read_notice_without_records_is_malformed(data):
    with pytest.raises(CallbackMalformed):
        read(message("1200", data, "", recordNum=""))


@pytest.mark.parametrize("count", ["0", "2", "999999999999999999999", "-1", "x", 7])
def test_read_notice_whose_count_is_wrong_is_malformed(count):
    with pytest.raises(CallbackMalformed):
        read(notice(recordNum=count))


def test_read_notice_with_too_many_records_is_malformed():
    with pytest.raises(CallbackMalformed):
        read(notice(*[record(remark="x")] * 201))


@pytest.mark.parametrize("signature", [None, "", "x", "====", "A" * 344, 7])
def test_read_signature_that_is_none_does_not_hold(signature):
    with pytest.raises(SignatureInvalid):
        read(notice(signature=signature))


def test_read_signature_of_another_key_does_not_hold():
    for body in (notice(private=OTHER_PRIVATE), inquiry(private=OTHER_PRIVATE)):
        with pytest.raises(SignatureInvalid):
            read(body)
        reply = unread(body, CollectionVerdict.SIGNATURE_INVALID)
        assert reply["data"]["errors"]["errorCode"] == "01"


def test_answer_to_an_unread_message_repeats_nothing_that_would_be_signed():
    """Or else a stranger could have us sign a reply of his making."""
    body = notice(record(transId="99999999999999"), private=OTHER_PRIVATE)
    reply = unread(body, CollectionVerdict.SIGNATURE_INVALID)
    assert holds(reply, "01")
    assert reply["data"].keys() == {"errors"}
    assert "99999999999999" not in json.dumps(reply)


@pytest.mark.parametrize("field", ["providerId", "merchantId"])
def test_read_message_for_another_biller_is_malformed(field):
    for body in (notice(**{field: "OTHER"}), inquiry(header={field: "OTHER"})):
        with pytest.raises(CallbackMalformed):
            read(body)


# Fields run together: one signature fits several readings, one of them is taken.


@pytest.mark.parametrize(
    "changes",
    [
        {"transId": ""},
        {"transId": "2026112100000"},
        {"transId": "202611210000010"},
        {"transId": "2026112100000/"},
        {"transTime": "20261321103000"},
        {"transTime": "2026112110300"},
        {"transTime": "20241121103000"},
        {"transTime": "20261123103000"},
        {"transTime": "٢٠٢٦١١٢١١٠٣٠٠٠"},
        {"custCode": ""},
        {"custCode": "A" * 65},
        {"custCode": "VPHC 0123"},
        {"custCode": "VPHC\n0123"},
        {"custCode": "|"},
    ],
)
def test_read_inquiry_with_a_field_not_of_its_form_is_malformed(changes):
    with pytest.raises(CallbackMalformed):
        read(inquiry(**changes))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("transId", "2026112100000"),
        ("transId", ""),
        ("originalId", "1"),
        ("originalId", "20261121000001"),  # with transType C
        ("transType", "D"),  # without originalId
        ("transType", "X"),
        ("transTime", "20261121250000"),
        ("custCode", ""),
        ("custName", "9 LIVES"),
        ("custAcct", "9639OTHER"),
        ("amount", "0"),
        ("amount", "-1250000"),
        ("amount", "01250000"),
        ("amount", "1250000.0"),
        ("amount", "1e6"),
        ("amount", 1250000.5),
        ("amount", "9" * 40),
        ("amount", ""),
        ("balance", "x"),
        ("balance", ""),
        ("balance", "1250001"),
        ("status", {"code": "01", "message": ""}),
        ("status", {"code": "", "message": ""}),
        ("bankTransId", "a b"),
        ("remark", "a\nb"),
        ("billId", "../x"),
        ("currencyCode", "USD"),
    ],
)
def test_read_record_that_can_not_be_acted_on_is_refused_alone(field, value):
    """It answers 99 by itself; the record beside it is taken."""
    bad = record(**{field: value})
    with pytest.raises(CallbackMalformed):
        read(notice(bad))
    good = record(transId="20261121000003")
    body = notice(bad, good)
    (call,) = read(body)
    assert call.bank_ref == "20261121000003"
    reply = answered(body, CollectionVerdict.ACCEPTED)
    assert [each["status"]["code"] for each in reply["data"]["records"]] == ["99", "00"]
    assert reply["data"]["errors"]["errorCode"] == "99"


@pytest.mark.parametrize("status", ["00", ["00"], 0, {"code": True}])
def test_read_record_whose_status_is_of_another_kind_is_malformed(status):
    with pytest.raises(CallbackMalformed):
        read(message("1200", {"records": [record(status=status)]}, "x"))


def test_read_reversal_shifted_into_a_payment_is_not_taken():
    """`transType` is not signed: the digits of originalId moved elsewhere keep the signature and mean a payment."""
    genuine = record(transId="20261121000009", originalId=REF, transType="D")
    assert read(notice(genuine))[0].operation is CollectionOperation.REVERSE
    for changes in (
        {"transId": "20261121000009" + REF, "originalId": ""},
        {"originalId": "", "transTime": REF, "custCode": "20261121103045" + CODE},
    ):
        shifted = genuine | {"transType": "C"} | changes
        assert record_text(shifted) == record_text(genuine)
        try:
            calls = read(notice(shifted))
        except CallbackMalformed:
            continue
        assert calls[0].document_no != CODE  # the bill was never handed out for this


def test_read_amount_shifted_into_the_account_is_not_taken():
    genuine = record()
    shifted = genuine | {"custAcct": genuine["custAcct"] + "1", "amount": "250000"}
    assert record_text(shifted) == record_text(genuine)
    with pytest.raises(CallbackMalformed):
        read(notice(shifted))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_read_any_other_split_of_the_signed_text_is_never_a_payment_of_another_amount_for_this_bill(data):
    """Cut the same text anew at any two neighbours: refused, or document and amount still hang together."""
    genuine = record()
    names = ["transId", "originalId", "transTime", "custCode", "custName", "custAcct", "amount", "balance"]
    at = data.draw(st.integers(0, len(names) - 2))
    joined = genuine[names[at]] + genuine[names[at + 1]]
    cut = data.draw(st.integers(0, len(joined)))
    shifted = genuine | {names[at]: joined[:cut], names[at + 1]: joined[cut:]}
    shifted["transType"] = data.draw(st.sampled_from(["C", "D"]))
    assert record_text(shifted) == record_text(genuine)
    try:
        (call,) = read(notice(shifted))
    except CallbackMalformed:
        return
    assert call.document_no == CODE
    assert (call.bank_ref, call.amount, call.operation) == (REF, Money(1_250_000), CollectionOperation.PAY)


# Genuine messages.


def test_read_inquiry_asks_for_the_document():
    (call,) = read(inquiry())
    assert call.operation is CollectionOperation.INQUIRE
    assert (call.bank_ref, call.document_no) == ("20261121000001", CODE)
    assert call.merchant_account == provider.merchant_account(ACCOUNT) == "DVC01"


@pytest.mark.parametrize(
    "code", ["100000000000142", "H00.14-261121-0001", "0000001/QĐ-XPHC", "0000001/QD-XPHC", "A"]
)
def test_read_inquiry_takes_every_kind_of_number(code):
    assert read(inquiry(custCode=code))[0].document_no == code


def test_read_notice_is_money_that_has_moved():
    (call,) = read(notice())
    assert call.operation is CollectionOperation.PAY
    assert call.money_moved
    assert (call.bank_ref, call.bill_id, call.document_no) == (REF, BILL, CODE)
    assert (call.amount, call.paid_at) == (Money(1_250_000), datetime(2026, 11, 21, 3, 30, 45, tzinfo=UTC))
    assert (call.channel, call.instrument, call.paid_at_raw) == ("COUNTER_BRANCH", "CASH", "20261121103045")


def test_read_notice_whose_amounts_are_numbers_is_the_same():
    assert read(notice(record(amount=1_250_000, balance=1_250_000)))[0].amount == Money(1_250_000)


@pytest.mark.parametrize(
    ("option", "balance", "is_read"),
    [
        ("amount", "1250000", True),
        ("amount", "", False),
        ("empty", "", True),
        ("empty", "1250000", False),
        ("running", "", True),
        ("running", "0", True),
        ("running", "99000000", True),
        ("running", "-1", False),
        ("running", "x", False),
    ],
)
def test_read_balance_is_what_the_account_says_it_is(option, balance, is_read):
    """Else amount and balance, signed with nothing between them, could be cut anew."""
    given = account(options={"balance": option})
    body = notice(record(balance=balance))
    if is_read:
        assert read(body, given)[0].amount == Money(1_250_000)
    else:
        with pytest.raises(CallbackMalformed):
            read(body, given)


def test_read_notice_of_unknown_channel_is_the_counter_and_an_unstated_instrument():
    (call,) = read(notice(record(channelId="777", paymentMethod="777")))
    assert (call.channel, call.instrument) == ("COUNTER_BRANCH", "UNSTATED")
    (call,) = read(notice(record(channelId="211903", paymentMethod="ACCOUNT")))
    assert (call.channel, call.instrument) == ("EBANKING", "ACCOUNT")


def test_read_notice_days_late_is_still_read():
    body = notice(record(transTime="20261001103045"))
    assert read(body)[0].paid_at == datetime(2026, 10, 1, 3, 30, 45, tzinfo=UTC)


@pytest.mark.parametrize("bank_account", ["", "112000000001", f"9639{CODE}"])
def test_read_notice_on_an_account_of_ours_is_taken(bank_account):
    assert read(notice(record(custAcct=bank_account)))[0].bank_ref == REF


def test_read_reversal_names_what_it_takes_back():
    (call,) = read(notice(record(transId="20261121000009", originalId=REF, transType="D")))
    assert call.operation is CollectionOperation.REVERSE
    assert (call.bank_ref, call.original_ref, call.money_moved) == ("20261121000009", REF, True)


def test_read_keys_overlap_while_the_bank_changes_its_own():
    old = account(options={"bank_public_key": OTHER_PUBLIC, "bank_public_key_previous": PUBLIC})
    for private in (PRIVATE, OTHER_PRIVATE):
        assert read(notice(private=private), old)
    gone = account(options={"bank_public_key": OTHER_PUBLIC})
    with pytest.raises(SignatureInvalid):
        read(notice(), gone)


# Replies.


def test_answer_to_an_inquiry_shows_the_bill_and_is_signed():
    reply = answered(inquiry(), CollectionVerdict.BILL_FOUND, bills=[SHOWN])
    assert reply["header"]["msgType"] == "1110"
    details = reply["data"]["details"]
    assert details["billId"] == BILL
    assert (details["amount"], details["amountMin"], details["currencyCode"]) == ("1250000", "1250000", "VND")
    text = f"2026112100000121190120261121103000{CODE}NGUYEN V. A.{BILL}125000000"
    assert holds(reply, text)


def test_answer_with_several_bills_has_no_room_and_says_so():
    reply = answered(inquiry(), CollectionVerdict.BILL_FOUND, bills=[SHOWN, replace(SHOWN, bill_id="2")])
    assert reply["data"]["errors"]["errorCode"] == "02"
    assert reply["data"]["details"]["billId"] == ""


@pytest.mark.parametrize("verdict", list(CollectionVerdict))
def test_answer_every_verdict_has_a_code_and_is_signed(verdict):
    assert mapping.CODES[verdict] in {"00", "01", "02", "03", "99"}
    assert mapping.TEXTS[verdict]
    reply = answered(notice(), verdict)
    code = mapping.CODES[verdict]
    told = f"{REF}20261121103045{CODE}{PERSON}9639{CODE}1250000{code}"
    assert holds(reply, code + told)


def test_answer_to_several_records_tells_each_its_own():
    body = notice(record(), record(transId="20261121000003"), record(transId="20261121000004"))
    verdicts = (CollectionVerdict.ACCEPTED, CollectionVerdict.TRY_AGAIN, CollectionVerdict.ALREADY_KNOWN)
    reply = answered(body, *verdicts)
    assert [each["status"]["code"] for each in reply["data"]["records"]] == ["00", "99", "00"]
    assert reply["data"]["errors"]["errorCode"] == "99"
    assert (reply["header"]["recordNum"], reply["header"]["msgId"]) == ("3", "MSG0001")


# Vectors: signing is deterministic, so signatures are equal.


def test_vector_inquiry_request_is_read():
    vector = VECTORS["collection-inq-bill-request"]
    assert mapping.inquiry_text(vector["input"]).decode() == vector["canonical"]
    assert read(inquiry(header={"signature": vector["signature"]}))


def test_vector_inquiry_reply_is_equal():
    vector = VECTORS["collection-inq-bill-response"]
    fields = vector["input"]
    text = mapping.inquiry_reply_text(fields, channel_id=fields["channelId"], code=fields["errorCode"])
    assert text.decode() == vector["canonical"]
    bill = replace(SHOWN, payer_name="NGUYEN VAN A", bill_id=fields["billId"])
    reply = answered(inquiry(), CollectionVerdict.BILL_FOUND, bills=[bill])
    assert reply["header"]["signature"] == vector["signature"]


def _told(fields):
    status = {"code": fields["statusCode"], "message": ""}
    return record(**{k: v for k, v in fields.items() if k not in ("statusCode", "errorCode")}, status=status)


def test_vector_notice_is_read():
    vector = VECTORS["collection-notify-trans-request-1-record"]
    told = _told(vector["input"])
    assert mapping.notice_text([told]).decode() == vector["canonical"]
    assert read(notice(told, signature=vector["signature"]))[0].bank_ref == REF


def test_vector_notice_reply_is_equal():
    vector = VECTORS["collection-notify-trans-response-1-record"]
    told = _told(VECTORS["collection-notify-trans-request-1-record"]["input"])
    assert mapping.notice_reply_text([told], code="00").decode() == vector["canonical"]
    reply = answered(notice(told), CollectionVerdict.ACCEPTED)
    assert reply["header"]["signature"] == vector["signature"]


@pytest.mark.parametrize("case", sorted(VECTORS))
def test_vector_canonical_is_the_values_run_together(case):
    vector = VECTORS[case]
    values = list(vector["input"].values())
    if "records" in vector["input"]:
        values = [value for each in vector["input"]["records"] for value in each.values()]
    assert mapping.signed_text(*values).decode() == vector["canonical"]
    assert signed(vector["canonical"]) == vector["signature"]


# Configuration and persons.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trans_id_length": 7}, "trans_id_length"),
        ({"trans_id_length": "x"}, "trans_id_length"),
        ({"balance": "much"}, "balance"),
        ({"channels": "211901=SHOP"}, "SHOP"),
        ({"instruments": "CASH"}, "instruments"),
        ({"statement_url": "http://bank.example.vn/x"}, "statement_url"),
        ({"bank_public_key": "no key"}, "bank_public_key"),
        ({"bank_public_key_previous": "no key"}, "bank_public_key_previous"),
    ],
)
def test_account_with_a_wrong_option_is_refused_in_a_sentence(options, words):
    assert any(words in problem for problem in provider.account_problems(account(options=options)))


def test_account_with_an_unusable_key_is_refused_in_a_sentence():
    problems = provider.account_problems(account(secrets=secrets(private_key="no key")))
    assert any("private_key" in problem for problem in problems)
    assert "no key" not in " ".join(problems)


def test_account_that_fetches_its_day_file_needs_a_key_for_it():
    given = account(options={"statement_url": "https://bank.example.vn/x"}, secrets=secrets(statement_key=""))
    assert any("statement_key" in problem for problem in provider.account_problems(given))


def test_account_sound_has_no_problem():
    assert provider.account_problems(ACCOUNT) == []


def test_persons_stand_in_no_representation_error_or_transcript():
    body = notice()
    for shown in (repr(inbound(body)), repr(read(body)), repr(mapping.read_message(body))):
        assert PERSON not in shown
        assert "101870000001" not in shown
    with pytest.raises(CallbackMalformed) as caught:
        read(notice(record(custName=f"{PERSON} 1")))
    assert PERSON not in f"{caught.value} {caught.value.facts}"
    transcript = scrub(body.decode())
    for value in (PERSON, "101870000001", f"9639{CODE}"):
        assert value not in transcript
