"""The open collection API: keys that change, replies for each verdict, the worked example of the guide, the day file's way in."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.collection import (
    CollectedBill,
    CollectionAnswer,
    CollectionCall,
    CollectionOperation,
    CollectionVerdict,
)
from payclear.contract.errors import CallbackMalformed, SignatureInvalid, StatementUnavailable
from payclear.contract.messages import InboundRequest, StatementFile
from payclear.kernel.money import Money
from payclear.kernel.settings import load_settings
from payclear.security.http_signatures import (
    Demand,
    HttpRequest,
    HttpResponse,
    signature_base,
    verify,
    verifying_key,
)
from payclear.security.signatures import Ed25519Signer
from payclear.security.structured_fields import InnerList, read_dictionary
from providers.opencollection import mapping, provider
from providers.opencollection.provider import REPLY_TAG, _signed
from tests.providers.opencollection.account import BANK_BEFORE, NOW, OURS, account, inbound

GUIDE = Path(__file__).parents[3] / "docs" / "banks.md"
INQUIRY = b'{"message_id":"INQ-1","document_no":"H00.14-261121-0007"}'
STATUS = b'{"message_id":"STS-1","bank_ref":"FT1"}'
INQUIRE_CALL = CollectionCall(
    operation=CollectionOperation.INQUIRE, bank_ref="INQ-1", document_no="H00.14-261121-0007"
)
PAY_CALL = CollectionCall(operation=CollectionOperation.PAY, bank_ref="FT1", bill_id="123456789012334")


def read(request: InboundRequest, **options) -> CollectionCall:
    (call,) = provider.read_collection(account(**options), request)
    return call


def replied(request: InboundRequest, answer: CollectionAnswer, *components: str) -> tuple[int, dict]:
    """The reply, after its signature was verified as the bank would."""
    reply = provider.answer_collection(account(), request, (answer,))
    heard = HttpResponse(
        status=reply.status,
        fields=dict(reply.headers) | {"content-type": reply.content_type},
        request=_signed(account(), request),
    )
    demand = Demand(components=frozenset(components), tag=REPLY_TAG)
    verify(heard, reply.body, keys={"ours-1": verifying_key(OURS.public_pem)}, demand=demand, now=NOW)
    return reply.status, json.loads(reply.body)


def test_both_keys_hold_while_they_change_and_no_other() -> None:
    assert read(inbound("bills/inquire", INQUIRY)) == INQUIRE_CALL
    assert read(inbound("bills/inquire", INQUIRY, signer=BANK_BEFORE, key_id="key-1")) == INQUIRE_CALL
    for signer, key_id in ((BANK_BEFORE, "key-2"), (Ed25519Signer.generate(), "key-2"), (OURS, "ours-1")):
        with pytest.raises(SignatureInvalid):
            read(inbound("bills/inquire", INQUIRY, signer=signer, key_id=key_id))
    with pytest.raises(SignatureInvalid):
        read(
            inbound("bills/inquire", INQUIRY, signer=BANK_BEFORE, key_id="key-1"),
            options={"bank_key_id_previous": ""},
        )


def test_message_for_another_house_is_refused_when_ours_is_configured() -> None:
    assert read(inbound("payments/status", STATUS), options={"authority": "clearing.example.vn"})
    with pytest.raises(SignatureInvalid):
        read(
            inbound("payments/status", STATUS, host="test.example.vn"),
            options={"authority": "clearing.example.vn"},
        )


@pytest.mark.parametrize(
    ("operation", "body", "options"),
    [
        ("payments/refund", STATUS, {}),
        ("payments/status", b"[]", {}),
        ("payments/status", STATUS, {"content_type": "text/plain"}),
        ("payments/status", STATUS, {"query_string": b"x=1"}),
        ("payments/status", b" " * 16_385, {}),
    ],
)
def test_signed_and_unreadable_is_malformed(operation: str, body: bytes, options: dict) -> None:
    with pytest.raises(CallbackMalformed):
        read(inbound(operation, body, **options))


def test_media_type_may_have_parameters() -> None:
    assert read(inbound("payments/status", STATUS, content_type="application/json; charset=utf-8"))


@given(body=st.binary(max_size=200), operation=st.sampled_from(sorted(mapping.OPERATIONS)))
def test_any_signed_bytes_are_read_or_malformed(body: bytes, operation: str) -> None:
    try:
        read(inbound(operation.lstrip("/"), body))
    except CallbackMalformed:
        return


@given(
    headers=st.dictionaries(
        st.sampled_from(["signature", "signature-input", "content-digest", "host"]), st.text()
    )
)
def test_any_headers_are_refused_by_name_and_answered(headers: dict[str, str]) -> None:
    genuine = inbound("payments/status", STATUS)
    request = InboundRequest(
        method="POST",
        path="/collection/bank-x/đ",
        query_string=b"\xff",
        headers=dict(genuine.headers) | headers,
        body=STATUS,
        received_at=NOW,
    )
    with pytest.raises((SignatureInvalid, CallbackMalformed)):
        provider.read_collection(account(), request)
    answer = CollectionAnswer(verdict=CollectionVerdict.SIGNATURE_INVALID)
    assert provider.answer_collection(account(), request, (answer,)).status == 401


@pytest.mark.parametrize("host", [":443", " :443 ", "", "\t", "a b", "x" * 5_000])
def test_message_with_an_odd_host_is_answered_in_the_protocol(host: str) -> None:
    request = replace(inbound("payments/status", STATUS), headers={"host": host})
    answer = CollectionAnswer(verdict=CollectionVerdict.SIGNATURE_INVALID)
    assert provider.answer_collection(account(), request, (answer,)).status == 401


def test_every_verdict_is_answered_and_signed_for_its_message() -> None:
    request = inbound("payments", b"{}")
    bound = ('"@method";req', '"@authority";req', '"@path";req', '"content-digest";req', '"signature";req')
    for verdict in CollectionVerdict:
        answer = CollectionAnswer(verdict=verdict, call=PAY_CALL, order_ref="PC4K7M2QX9TB3")
        status, body = replied(request, answer, '"@status"', '"content-digest"', '"content-type"', *bound)
        if verdict in mapping.REFUSALS:
            assert (status, body["code"], body["status"]) == (status, verdict.value, status)
            assert status >= 400
        else:
            assert (status, body["result"], body["bank_ref"]) == (200, verdict.value, "FT1")


def test_refusal_of_an_unsigned_message_is_signed_all_the_same() -> None:
    bare = InboundRequest(
        method="POST",
        path="/collection/bank-x/payments",
        query_string=b"",
        headers={},
        body=b"",
        received_at=NOW,
    )
    answer = CollectionAnswer(verdict=CollectionVerdict.SIGNATURE_INVALID)
    status, body = replied(bare, answer, '"@status"', '"content-digest"', '"@path";req')
    assert (status, body["code"]) == (401, "signature_invalid")


def test_bills_are_listed_with_whole_numbers() -> None:
    bill = CollectedBill(
        bill_id="123456789012334",
        document_no="0012345/QĐ-XPHC",
        payer_name="NGUYEN V. M.",
        description="Tiền phạt",
        amount=Money(1_250_000),
        valid_until=datetime(2026, 11, 21, 17, tzinfo=UTC),
    )
    answer = CollectionAnswer(verdict=CollectionVerdict.BILL_FOUND, call=INQUIRE_CALL, bills=(bill,))
    status, body = replied(inbound("bills/inquire", INQUIRY), answer, '"@status"')
    assert (status, body["bills"][0]["amount"]) == (200, 1_250_000)
    assert body["bills"][0]["valid_until"] == "2026-11-21T17:00:00Z"


def test_status_of_a_reversed_payment_is_an_answer_and_no_refusal() -> None:
    call = CollectionCall(operation=CollectionOperation.STATUS, bank_ref="FT1")
    answer = CollectionAnswer(
        verdict=CollectionVerdict.REVERSED, call=call, at=NOW, order_ref="PC4K7M2QX9TB3"
    )
    status, body = replied(inbound("payments/status", STATUS), answer, '"@status"')
    assert (status, body["result"], body["at"]) == (200, "reversed", "2026-11-21T03:30:00Z")


def test_worked_example_of_the_guide_is_taken_byte_for_byte() -> None:
    """The demonstration's account takes the request that docs/banks.md prints, and the text it says is signed."""
    text = GUIDE.read_text(encoding="utf-8")
    printed = re.search(r"```http\n(POST .*?)\n```", text, re.DOTALL)
    base = re.search(r'```text\n("@method": .*?)\n```', text, re.DOTALL)
    assert printed is not None
    assert base is not None
    head, _, body = printed[1].partition("\n\n")
    line, *fields = head.splitlines()
    headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    named = load_settings("test").provider_accounts["collection-demo"]
    demo = replace(account(), code="collection-demo", options=named.options, secrets=named.secrets)
    request = InboundRequest(
        method="POST",
        path=line.split(" ")[1],
        query_string=b"",
        headers=headers,
        body=body.encode(),
        received_at=NOW,
    )
    (call,) = provider.read_collection(demo, request)
    assert call.document_no == "H00.14-261121-0007"
    covered = read_dictionary(headers["signature-input"])["bank"]
    assert isinstance(covered, InnerList)
    message = HttpRequest(method="POST", authority=headers["host"], path=request.path, fields=headers)
    assert signature_base(message, covered).decode() == base[1]


def test_messages_of_the_guide_are_read_and_its_codes_are_all_there_are() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    chapter = text[text.index("## Thu hộ") : text.index("### Signatures")]
    printed = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", chapter, re.DOTALL)]
    inquiry, found, payment, _accepted, reversal, question, _known = printed
    evening = NOW.replace(hour=10)
    for operation, message in (
        (CollectionOperation.INQUIRE, inquiry),
        (CollectionOperation.PAY, payment),
        (CollectionOperation.REVERSE, reversal),
        (CollectionOperation.STATUS, question),
    ):
        assert mapping.read_call(operation, message, evening).operation is operation
    assert set(found["bills"][0]) == {
        "bill_id",
        "document_no",
        "payer_name",
        "description",
        "amount",
        "currency",
        "valid_until",
    }
    listed = {
        code: int(status)
        for status, code in re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \|", chapter, re.MULTILINE)
    }
    never_said = {CollectionVerdict.AMBIGUOUS}  # several bills are listed instead
    assert listed == {
        verdict.value: status
        for verdict, (status, _) in mapping.REFUSALS.items()
        if verdict not in never_said
    }


def test_day_file_is_taken_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "COLLECTION_BILLER-1_20261121.csv").write_bytes(b"x")
    options = {"statement_folder": str(tmp_path)}
    file = provider.fetch_statement(account(options), date(2026, 11, 21))
    assert file == StatementFile(
        name="COLLECTION_BILLER-1_20261121.csv",
        content=b"x",
        media_type="text/csv",
        business_on=date(2026, 11, 21),
    )
    with pytest.raises(StatementUnavailable):
        provider.fetch_statement(account(options), date(2026, 11, 22))
    assert provider.parse_statement(account(), file).problems[0].code == "missing_header"


@pytest.mark.parametrize(
    ("options", "secrets"),
    [
        ({"bank_public_key": "no key"}, {}),
        ({"bank_public_key_previous": ""}, {}),
        ({"bank_key_id": "a key"}, {}),
        ({"bank_key_id_previous": "key-2"}, {}),
        ({"biller_id": "a/b"}, {}),
        ({}, {"reply_key": "no key"}),
        ({}, {"statement_key": ""}),
        ({"statement_url": "http://bank.example"}, {}),
    ],
)
def test_account_that_can_not_work_is_said_in_plain_words(options: dict, secrets: dict) -> None:
    assert provider.account_problems(account()) == []
    (problem,) = provider.account_problems(account(options, secrets))
    assert problem.startswith("provider account bank-x")
