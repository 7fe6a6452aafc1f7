import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import CallbackMalformed, OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.messages import BillLine
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.paymentplatform import mapping, provider
from providers.paymentplatform.client import PaymentPlatformClient
from providers.paymentplatform.provider import PaymentPlatformProvider
from providers.transport import Answer
from tests.providers.factories import NOW, REFERENCE, inbound, status_query
from tests.providers.paymentplatform.factories import SECRET, account, bill, confirmation, fine, paid_checkout

ACCOUNT = account()


class Fixed:
    """Answers every call with the same answer and keeps what was sent."""

    def __init__(self, body, status=200):
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status = status
        self.sent = []

    def send(self, method, url, *, headers=None, body=b"", allow_insecure_host="", secrets=()):
        self.sent.append((headers, json.loads(body)))
        return Answer(self.status, {}, self.body)


def adapter(transport):
    return PaymentPlatformProvider(PaymentPlatformClient(transport, receipts=transport))


def post(body):
    return inbound(method="POST", body=body)


@pytest.mark.parametrize("code", ["00", "99", "01", "XX"])
@pytest.mark.parametrize("status", ["1", "3", "4", "2", ""])
def test_query_outcome_of_every_pair_of_codes(code, status):
    expected = {"3": Outcome.PENDING, "4": Outcome.REJECTED}.get(status, Outcome.UNKNOWN)
    if (code, status) == ("00", "1"):
        expected = Outcome.CONFIRMED
    assert mapping.query_outcome(code, status) is expected


def test_confirm_outcome_only_00_is_paid():
    assert [
        code for code in ("00", "0", "1", "99", "") if mapping.confirm_outcome(code) is Outcome.CONFIRMED
    ] == ["00"]
    assert mapping.confirm_outcome("99") is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        confirmation("another key"),
        confirmation(MaXacThuc=""),
        confirmation(MaXacThuc="A" * 64),
        confirmation().replace(b"150000", b"150001"),
        confirmation().replace(b'"00"', b'"01"'),
        confirmation().replace(REFERENCE.encode(), b"PC0123456789A02"),
        b"{}",
        # The border between two values moved: the hash is the same, the message is not.
        confirmation(ThongTinGiaoDich="A|B"),
    ],
)
def test_verify_callback_signature_that_does_not_hold_is_refused(body):
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(ACCOUNT, post(body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        confirmation().replace(b'"MaLoi"', b'"SoTien": 1, "MaLoi"'),
        confirmation(SoTien=1.5),
        confirmation(SoTien=True),
        confirmation(SoTien="0150000"),
        confirmation(SoTien=-1),
        confirmation(MaTienTe="USD"),
        confirmation(MaThamChieu=""),
        confirmation(MaLoi=""),
        confirmation(LoaiBanTin="QUERY"),
        confirmation(LoaiBanTin="init"),
        b'{"a":' * 70_000,
    ],
)
def test_verify_callback_unreadable_message_is_malformed(body):
    with pytest.raises(CallbackMalformed):
        provider.verify_callback(ACCOUNT, post(body))


def test_verify_callback_amount_as_text_and_receipt_objects_are_taken():
    got = provider.verify_callback(ACCOUNT, post(confirmation(SoTien="150000", ThongTinBienLai={"x": []})))
    assert got.evidence.amount == Money(150_000)
    assert got.dedupe_key == f"{REFERENCE}:TTTT20261121000987:00"
    assert got.confirm_by_query is True


def test_verify_callback_previous_key_holds_while_it_overlaps():
    ours = account(secrets={"hash_secret": Secret("new"), "hash_secret_previous": Secret(SECRET)})
    assert provider.verify_callback(ours, post(confirmation())).key_id == "hash_secret_previous"
    assert provider.verify_callback(ours, post(confirmation("new"))).key_id == "hash_secret"


@given(st.binary(max_size=300))
def test_verify_callback_any_bytes_raise_nothing_but_contract_errors(body):
    with pytest.raises((SignatureInvalid, CallbackMalformed)):
        provider.verify_callback(ACCOUNT, post(body))


@given(st.integers(0, len(confirmation()) - 1), st.integers(1, 255))
def test_verify_callback_one_changed_byte_never_changes_the_meaning(position, change):
    raw = bytearray(confirmation())
    raw[position] = (raw[position] + change) % 256
    genuine = provider.verify_callback(ACCOUNT, post(confirmation())).evidence
    try:
        got = provider.verify_callback(ACCOUNT, post(bytes(raw))).evidence
    except (SignatureInvalid, CallbackMalformed):
        return
    assert got == genuine


@pytest.mark.parametrize("verdict", list(CallbackVerdict))
@pytest.mark.parametrize("body", [confirmation(), b"\xff", b"[]"])
def test_acknowledge_echoes_the_request_and_says_00_or_99(verdict, body):
    answer = provider.acknowledge(ACCOUNT, verdict, post(body))
    reply = json.loads(answer.body)
    good = verdict in (CallbackVerdict.ACCEPTED, CallbackVerdict.ALREADY_KNOWN)
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert reply["MaLoi"] == ("00" if good else "99")
    assert list(reply) == ["MaLoi", "MoTaLoi", "MaDoiTac", "MaThamChieu", "ThoiGianGD", "MaXacThuc"]
    if body == confirmation():
        assert reply["MaXacThuc"] == json.loads(body)["MaXacThuc"]


@given(st.binary(max_size=300))
def test_read_return_any_bytes_raise_nothing(query):
    assert provider.read_return(ACCOUNT, inbound(query)).signature_holds is False


def test_start_checkout_fee_and_fine_blocks_hold_the_named_fields():
    fee = mapping.receipt_block(bill(), Money(150_000))
    assert fee["MaDichVu"] == "2"
    assert [line["LoaiPhiLePhi"] for line in fee["PhiLePhi"]] == ["1", "2"]
    assert [line["SoTien"] for line in fee["DSKhoanNop"]] == ["100000", "50000"]
    block = mapping.receipt_block(fine(), Money(150_000))
    assert (block["MaDichVu"], block["SoQD"], block["NgayQD"]) == ("1", "0012345/QĐ-XPHC", "02/11/2026")
    assert block["KhoBac"] == "KBNN Mẫu"
    assert "PhiLePhi" not in block


@pytest.mark.parametrize(
    "changes",
    [
        {"bill": None},
        {"bill": bill(payer_name="")},
        {"bill": bill(payer_id_no="")},
        {"bill": bill(kind="insurance")},
        {"bill": bill(lines=())},
        {"bill": bill(lines=(BillLine(kind="fee_phi", code="", name="x", amount=Money(149_999)),))},
        {"bill": fine(document_no="")},
        {"bill": fine(document_on=None)},
        {"amount": Money(0)},
        {"memo": "a|b"},
        {"attempt_ref": "PC-1"},
    ],
)
def test_start_checkout_what_the_platform_must_not_get_is_refused(changes):
    with pytest.raises(ProviderRefused):
        adapter(Fixed({})).start_checkout(ACCOUNT, paid_checkout(**changes))


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"MaLoi": "99"}, 200),
        ({"MaLoi": "00"}, 200),
        ({"MaLoi": "00", "UrlThanhToan": "https://evil.example.vn/pay"}, 200),
        ({"MaLoi": "00", "UrlThanhToan": "https://[pay"}, 200),
        ({"MaLoi": "00", "UrlThanhToan": "https://platform.example.vn/p", "MaThamChieu": "PCOTHER"}, 200),
        ({"error_code": "1", "message": "x"}, 200),
        ({"error_code": "0", "message": "no json"}, 200),
        (b"<html>", 200),
        ({"MaLoi": "00"}, 502),
    ],
)
def test_start_checkout_answer_that_leads_nowhere_leaves_doubt(answer, status):
    with pytest.raises(OutcomeUnknown):
        adapter(Fixed(answer, status)).start_checkout(ACCOUNT, paid_checkout())


@pytest.mark.parametrize("wrapped", [False, True])
def test_start_checkout_plain_and_lgsp_answer_give_the_address(wrapped):
    inner = {"MaLoi": "00", "UrlThanhToan": "https://platform.example.vn/pay?x=1"}
    transport = Fixed({"error_code": "0", "message": json.dumps(inner)} if wrapped else inner)
    ours = account(secrets={"hash_secret": Secret(SECRET), "access_token": Secret("bearer-token")})
    result = adapter(transport).start_checkout(ours, paid_checkout())
    assert result.redirect_url == "https://platform.example.vn/pay?x=1"
    headers, sent = transport.sent[0]
    assert headers["Authorization"] == "Bearer bearer-token"
    assert sent["SoTien"] == "150000"
    hint = provider.read_return(ours, inbound(sent["return_url"].partition("?")[2] + "&MaLoi=00"))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.UNKNOWN)


def test_query_status_unsigned_or_forged_answer_is_no_evidence():
    for body in (confirmation("other", TrangThaiGD="1"), confirmation(MaXacThuc="", TrangThaiGD="1")):
        with pytest.raises(SignatureInvalid):
            adapter(Fixed(body)).query_status(ACCOUNT, status_query())


@pytest.mark.parametrize(
    "body",
    [
        confirmation(MaThamChieu="PCOTHER", TrangThaiGD="1"),
        confirmation(MaDoiTac="other", TrangThaiGD="1"),
        confirmation(SoTien="x", TrangThaiGD="1"),
        confirmation(),
        b'{"error": "internal"}',
    ],
)
def test_query_status_answer_about_nothing_leaves_doubt(body):
    with pytest.raises(OutcomeUnknown):
        adapter(Fixed(body)).query_status(ACCOUNT, status_query())


def test_query_status_not_found_is_an_end_only_after_the_time():
    asker = adapter(Fixed(confirmation(MaLoi="01", SoTien="", MaTienTe="")))
    assert asker.query_status(ACCOUNT, status_query()).outcome is Outcome.PENDING
    late = status_query(asked_at=NOW + timedelta(minutes=15))
    assert asker.query_status(ACCOUNT, late).outcome is Outcome.NOT_SENT
    with pytest.raises(OutcomeUnknown):
        asker.query_status(account(options={"not_found_code": ""}), late)


def test_get_bill_pdf_address_and_nothing_yet():
    ask = {"attempt_ref": REFERENCE, "created_at": NOW}
    assert adapter(Fixed(b"%PDF-1.7 x")).get_bill(ACCOUNT, **ask).pdf == b"%PDF-1.7 x"
    url = "https://platform.example.vn/r/1"
    assert adapter(Fixed({"MaLoi": "00", "UrlBienLai": url})).get_bill(ACCOUNT, **ask).url == url
    assert adapter(Fixed({"MaLoi": "99"})).get_bill(ACCOUNT, **ask).url is None
    with pytest.raises(OutcomeUnknown):
        adapter(Fixed({"MaLoi": "00", "UrlBienLai": "javascript:x"})).get_bill(ACCOUNT, **ask)


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = account(
        options={"partner_code": "a b", "api_url": "http://x.example.vn"}, secrets={"hash_secret": Secret("")}
    )
    assert len(provider.account_problems(broken)) == 3
    assert provider.merchant_account(ACCOUNT) == "000.00.00.G12"
    assert provider.page_origins(ACCOUNT) == ("https://platform.example.vn",)
