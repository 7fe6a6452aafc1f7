import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from payclear.contract.collection import (
    CollectedBill,
    CollectionAnswer,
    CollectionCall,
    CollectionOperation,
    CollectionVerdict,
)
from payclear.contract.errors import CallbackMalformed, SignatureInvalid
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.bidv import mapping, provider
from providers.transcript import scrub
from tests.providers.bidv.factories import (
    BILL,
    CODE,
    PERSON,
    REF,
    SECRET,
    SERVICE,
    VECTORS,
    account,
    checksum,
    getbill,
    inbound,
    paybill,
)
from tests.providers.factories import NOW

ACCOUNT = account()
SHOWN = CollectedBill(
    bill_id=BILL,
    document_no=CODE,
    payer_name="NGUYEN V. A.",
    description=f"Quyết định xử phạt {CODE}",
    amount=Money(1_250_000),
    valid_until=NOW + timedelta(hours=13),
)


def read(operation, body, given=ACCOUNT):
    (call,) = provider.read_collection(given, inbound(operation, body))
    return call


def answered(operation, body, verdict, *bills):
    call = read(operation, body)
    answer = CollectionAnswer(verdict=verdict, call=call, bills=bills)
    return opened(provider.answer_collection(ACCOUNT, inbound(operation, body), (answer,)))


def unread(operation, body, verdict=CollectionVerdict.MALFORMED):
    answers = (CollectionAnswer(verdict=verdict),)
    return opened(provider.answer_collection(ACCOUNT, inbound(operation, body), answers))


def opened(acknowledgement):
    assert (acknowledgement.status, acknowledgement.content_type) == (200, "application/json")
    return json.loads(acknowledgement.body)


@pytest.mark.parametrize("operation", ["getbill", "paybill"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"<html></html>",
        b'{"service_id":"031001","service_id":"031001"}',
        b'{"service_id":["031001"]}',
        b'{"customer_id":true}',
        b'{"trans_id":{}, "service_id":{}}',
        b"9" * 10_000_000,
        b'{"checksum":"\\ud800"}',
    ],
)
def test_read_bytes_that_are_no_message_are_malformed(operation, body):
    with pytest.raises(CallbackMalformed):
        read(operation, body)
    assert unread(operation, body)["result_code"] == "001"


@pytest.mark.parametrize("operation", ["", "paybill2", "GETBILL", "refund"])
def test_read_unknown_operation_is_malformed(operation):
    with pytest.raises(CallbackMalformed):
        read(operation, getbill())
    assert unread(operation, getbill())["result_code"] == "001"


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("getbill", b"{}"),
        ("paybill", b"{}"),
        ("getbill", getbill(checksum="")),
        ("getbill", getbill(secret="another")),
        ("getbill", getbill(checksum=checksum(SERVICE, "OTHER"))),
        ("paybill", paybill(secret="another")),
        ("paybill", paybill(checksum="p8ks2IJpIKd1pNp7n5jAu4z+bGzEODZlj51kKsAg8yc=")),
        ("paybill", paybill(checksum=checksum(REF, "1250001"))),
        ("paybill", paybill(checksum=checksum(REF + "1", "250000"))),
        ("paybill", paybill(checksum=None)),
        ("paybill", paybill(checksum="ạ")),
    ],
)
def test_read_checksum_that_does_not_hold_is_no_message(operation, body):
    with pytest.raises(SignatureInvalid):
        read(operation, body)
    assert unread(operation, body, CollectionVerdict.SIGNATURE_INVALID)["result_code"] == "004"


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("getbill", getbill(customer_id="")),
        ("getbill", getbill(customer_id="a|b")),
        ("getbill", getbill(customer_id="A" * 65)),
        ("paybill", paybill(customer_id=None)),
        ("paybill", paybill(bill_id="")),
        ("paybill", paybill(bill_id="../1")),
        ("paybill", paybill(trans_id="")),
        ("paybill", paybill(trans_id="a|b")),
        ("paybill", paybill(amount="0")),
        ("paybill", paybill(amount="-5")),
        ("paybill", paybill(amount="1250000.0")),
        ("paybill", paybill(amount="1e6")),
        ("paybill", paybill(amount="01250000")),
        ("paybill", paybill(amount="9" * 30)),
        ("paybill", paybill(trans_date="20261321103245")),
        ("paybill", paybill(trans_date="yesterday")),
    ],
)
def test_read_field_not_of_its_form_is_malformed(operation, body):
    with pytest.raises(CallbackMalformed):
        read(operation, body)
    assert unread(operation, body)["result_code"] == "001"


@pytest.mark.parametrize(
    ("operation", "body"),
    [("getbill", getbill(service_id="999")), ("paybill", paybill(service_id="999"))],
)
def test_read_other_service_has_a_code_of_its_own(operation, body):
    with pytest.raises(CallbackMalformed):
        read(operation, body)
    assert unread(operation, body)["result_code"] == "006"


def test_read_inquiry_checksum_never_passes_for_a_payment():
    """Both are over two values: a bill asked for by digits would be a payment of so much."""
    asked = json.loads(getbill(customer_id="1250000"))
    with pytest.raises(CallbackMalformed):
        read("paybill", paybill(trans_id=SERVICE, checksum=asked["checksum"]))


def test_read_getbill_asks_for_the_document():
    call = read("getbill", getbill())
    assert call.operation is CollectionOperation.INQUIRE
    assert (call.document_no, call.merchant_account) == (CODE, provider.merchant_account(ACCOUNT))


def test_read_paybill_waits_for_our_word():
    call = read("paybill", paybill())
    assert call == CollectionCall(
        operation=CollectionOperation.PAY,
        bank_ref=REF,
        document_no=CODE,
        bill_id=BILL,
        amount=Money(1_250_000),
        merchant_account=SERVICE,
        paid_at=datetime(2026, 11, 21, 3, 32, 45, tzinfo=UTC),
        paid_at_raw="20261121103245",
        channel="COUNTER_BRANCH",
        instrument="UNSTATED",
    )
    assert not call.money_moved
    assert read("paybill", paybill(amount=1_250_000)).amount == Money(1_250_000)


def test_read_keys_overlap_while_they_change():
    both = {"secret_key": Secret("new"), "secret_key_previous": Secret(SECRET)}
    for secret in ("new", SECRET):
        assert read("paybill", paybill(secret=secret), account(secrets=both)).bank_ref == REF
    with pytest.raises(SignatureInvalid):
        read("paybill", paybill(), account(secrets={"secret_key": Secret("new")}))


def test_answer_shows_the_bill():
    reply = answered("getbill", getbill(), CollectionVerdict.BILL_FOUND, SHOWN)
    assert reply["result_code"] == "000"
    assert (reply["customer_id"], reply["customer_name"]) == (CODE, "NGUYEN V. A.")
    assert (reply["bill_id"], reply["type"], reply["total_amount"]) == (BILL, "1", "1250000")
    assert reply["data"][0]["data"][0]["bill_id"] == BILL
    assert reply["customer_addr"] == ""


def test_answer_with_several_bills_shows_none():
    reply = answered("getbill", getbill(), CollectionVerdict.BILL_FOUND, SHOWN, replace(SHOWN, bill_id="2"))
    assert (reply["result_code"], reply["bill_id"], reply["data"]) == ("011", "", [])


@pytest.mark.parametrize(
    ("verdict", "asked", "paid"),
    [
        (CollectionVerdict.ACCEPTED, "000", "000"),
        (CollectionVerdict.ALREADY_KNOWN, "000", "000"),
        (CollectionVerdict.NOT_FOUND, "011", "021"),
        (CollectionVerdict.ALREADY_PAID, "012", "023"),
        (CollectionVerdict.BEING_CONFIRMED, "012", "021"),
        (CollectionVerdict.AMOUNT_MISMATCH, "022", "022"),
        (CollectionVerdict.BILL_MISMATCH, "012", "021"),
        (CollectionVerdict.REFERENCE_REUSED, "031", "031"),
        (CollectionVerdict.TRY_AGAIN, "031", "031"),
    ],
)
def test_answer_each_verdict_has_its_code(verdict, asked, paid):
    assert answered("getbill", getbill(), verdict)["result_code"] == asked
    assert answered("paybill", paybill(), verdict).keys() == {"result_code", "result_desc"}
    assert answered("paybill", paybill(), verdict)["result_code"] == paid


@pytest.mark.parametrize("verdict", list(CollectionVerdict))
def test_answer_every_verdict_has_code_and_text(verdict):
    known = {"000", "001", "004", "006", "011", "012", "021", "022", "023", "031"}
    assert {mapping.CODES[operation][verdict] for operation in ("getbill", "paybill")} <= known
    assert mapping.TEXTS[verdict]
    only_taken = (CollectionVerdict.BILL_FOUND, CollectionVerdict.ACCEPTED, CollectionVerdict.ALREADY_KNOWN)
    assert (mapping.CODES["paybill"][verdict] == "000") == (verdict in only_taken)


@pytest.mark.parametrize("case", ["getbill", "paybill"])
def test_vector_is_equal(case):
    vector = VECTORS[case]
    fields = vector["input"]
    body = json.dumps({**fields, "checksum": vector["signature"]}).encode()
    message = mapping.read_message(f"/x/{case}", body)
    assert message.signed_text(Secret(vector["secret"])).decode() == vector["canonical"]
    assert mapping.checksum(Secret(vector["secret"]), message) == vector["signature"]
    assert read(case, body).document_no == fields["customer_id"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"options": {"channel": "SHOP"}}, "SHOP"),
        ({"options": {"instrument": "GOLD"}}, "GOLD"),
        ({"options": {"statement_url": "http://bank.example.vn"}}, "statement_url"),
        ({"secrets": {"secret_key": Secret("")}}, "secret_key"),
        ({"secrets": {}}, "secret_key"),
    ],
)
def test_account_with_a_mistake_is_refused_in_a_sentence(changes, words):
    assert any(words in problem for problem in provider.account_problems(account(**changes)))
    assert provider.account_problems(ACCOUNT) == []


def test_persons_stand_in_no_representation_error_or_transcript():
    body = paybill()
    request = inbound("paybill", body)
    for shown in (repr(request), repr(read("paybill", body)), repr(mapping.read_message(request.path, body))):
        assert PERSON not in shown
        assert "21510000000001" not in shown
    transcript = scrub(body.decode(), ACCOUNT.secrets.values())
    assert PERSON not in transcript
    assert "21510000000001" not in transcript


@pytest.mark.parametrize("stamp", ["20261119103245", "20261123103245", "19990101000000", "99991231235959"])
def test_read_payment_of_another_day_counts_when_it_came(stamp):
    """The checksum leaves trans_date open: it may say when within a day, not on which business day money is booked."""
    call = read("paybill", paybill(trans_date=stamp))
    assert (call.paid_at, call.paid_at_raw) == (None, stamp)
