import hashlib
import hmac
import json
from datetime import date, timedelta

import pytest

from payclear.contract.errors import (
    NotSent,
    OutcomeUnknown,
    ProviderRefused,
    SignatureInvalid,
    StatementUnavailable,
)
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.transport import Answer
from providers.vnpay import client as client_module
from providers.vnpay.client import VnpayClient
from providers.vnpay.provider import VnpayProvider
from tests.providers.factories import (
    NOW,
    REFERENCE,
    VNPAY_SECRET,
    refund_request,
    status_query,
    vnpay_account,
)

QUERY_ANSWER = [
    "ResponseId",
    "Command",
    "ResponseCode",
    "Message",
    "TmnCode",
    "TxnRef",
    "Amount",
    "BankCode",
    "PayDate",
    "TransactionNo",
    "TransactionType",
    "TransactionStatus",
    "OrderInfo",
    "PromotionCode",
    "PromotionAmount",
]
GOOD = {
    "vnp_ResponseId": "r1",
    "vnp_ResponseCode": "00",
    "vnp_Message": "Success",
    "vnp_TmnCode": "DEMOV210",
    "vnp_TxnRef": REFERENCE,
    "vnp_Amount": "15000000",
    "vnp_BankCode": "NCB",
    "vnp_PayDate": "20261121103112",
    "vnp_TransactionNo": "14226112",
    "vnp_TransactionType": "01",
    "vnp_TransactionStatus": "00",
    "vnp_OrderInfo": "Nộp lệ phí",
}


def dressed(command: str, changes: dict, secret: str = VNPAY_SECRET) -> bytes:
    """An answer signed here by hand, with the standard library only."""
    fields = {**GOOD, "vnp_Command": command, **changes}
    names = QUERY_ANSWER if command == "querydr" else QUERY_ANSWER[:-2]
    message = "|".join(str(fields.get(f"vnp_{name}", "")) for name in names)
    fields.setdefault(
        "vnp_SecureHash", hmac.new(secret.encode(), message.encode(), hashlib.sha512).hexdigest()
    )
    return json.dumps(fields).encode()


class Canned:
    """Stands where the transport stands."""

    def __init__(self, answer):
        self.answer = answer
        self.sent = []

    def send(self, method, url, *, headers=None, body=b"", allow_insecure_host="", secrets=()):
        self.sent.append((method, url, headers, body))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def query_with(body: bytes | Exception, *, status: int = 200, account=None, **changes):
    answer = body if isinstance(body, Exception) else Answer(status, {}, body)
    made = VnpayProvider(VnpayClient(Canned(answer)))
    return made.query_status(account or vnpay_account(), status_query(**changes))


def refund_with(body: bytes | Exception, **changes):
    answer = body if isinstance(body, Exception) else Answer(200, {}, body)
    return VnpayProvider(VnpayClient(Canned(answer))).refund(vnpay_account(), refund_request(**changes))


def test_query_status_paid_is_confirmed_evidence():
    evidence = query_with(dressed("querydr", {}))
    assert evidence.source is EvidenceSource.STATUS_QUERY
    assert evidence.outcome is Outcome.CONFIRMED
    assert evidence.amount == Money(150_000)
    assert evidence.provider_ref == "14226112"
    assert evidence.merchant_account == "DEMOV210"
    assert evidence.detail_code == "00"


@pytest.mark.parametrize(("status", "detail"), [("01", "00/01"), ("02", "00/02"), ("04", "00/04")])
def test_query_status_other_states_say_so(status, detail):
    evidence = query_with(dressed("querydr", {"vnp_TransactionStatus": status}))
    assert evidence.outcome is not Outcome.CONFIRMED
    assert evidence.detail_code == detail


def test_query_status_not_found_is_pending_while_the_pay_url_lives_and_not_sent_after():
    unknown = dressed("querydr", {"vnp_ResponseCode": "91", "vnp_Amount": "", "vnp_TransactionStatus": ""})
    living = query_with(unknown)
    assert (living.outcome, living.amount, living.detail_code) == (Outcome.PENDING, None, "api-91")
    late = query_with(unknown, asked_at=NOW + timedelta(minutes=15))
    assert late.outcome is Outcome.NOT_SENT
    assert late.channel == "GATEWAY"


@pytest.mark.parametrize("api_code", ["02", "03"])
def test_query_status_refused_request_is_ours_to_mend(api_code):
    with pytest.raises(ProviderRefused):
        query_with(dressed("querydr", {"vnp_ResponseCode": api_code}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad Gateway</html>",
        b'{"vnp_ResponseCode": "00"',
        b"[]",
        b'"00"',
        b"{}",
        b"\xff\xfe",
        b"[" * 5_000,
        b'{"vnp_ResponseCode": "00", "vnp_ResponseCode": "00"}',
        b'{"vnp_ResponseCode": 0}',
        b'{"vnp_ResponseCode": true}',
        b'{"vnp_ResponseCode": ["00"]}',
        b'{"vnp_ResponseCode": "00", "vnp_Message": "\\ud800"}',
        b'{"vnp_ResponseCode": "00", "vnp_Amount": ' + b"1" * 5_000 + b"}",
        dressed("querydr", {"vnp_ResponseCode": "94"}),
        dressed("querydr", {"vnp_ResponseCode": "97"}),
        dressed("querydr", {"vnp_ResponseCode": "99"}),
        dressed("querydr", {"vnp_ResponseCode": "42"}),
        dressed("querydr", {"vnp_TxnRef": "PCOTHER"}),
        dressed("querydr", {"vnp_TmnCode": "OTHER001"}),
        dressed("querydr", {"vnp_Amount": ""}),
        dressed("querydr", {"vnp_Amount": "15000050"}),
    ],
)
def test_query_status_answer_that_tells_nothing_is_unknown(body):
    with pytest.raises(OutcomeUnknown):
        query_with(body)


@pytest.mark.parametrize("status", [302, 400, 404, 500, 502, 503])
def test_query_status_http_error_is_unknown_even_with_a_good_body(status):
    with pytest.raises(OutcomeUnknown):
        query_with(dressed("querydr", {}), status=status)


@pytest.mark.parametrize(
    "body",
    [
        dressed("querydr", {}, secret="another key"),
        dressed("querydr", {"vnp_SecureHash": ""}),
        dressed("querydr", {}).replace(b"15000000", b"15000100"),
        dressed("querydr", {"vnp_ResponseCode": "91", "vnp_SecureHash": "0" * 128}),
        dressed("refund", {}),
    ],
    ids=["other-key", "no-hash", "amount", "not-found-forged", "other-command"],
)
def test_query_status_answer_not_signed_by_vnpay_is_refused(body):
    with pytest.raises(SignatureInvalid):
        query_with(body)


def test_query_status_answer_signed_with_the_previous_key_holds():
    keys = {"hash_secret": Secret("new"), "hash_secret_previous": Secret(VNPAY_SECRET)}
    assert (
        query_with(dressed("querydr", {}), account=vnpay_account(secrets=keys)).outcome is Outcome.CONFIRMED
    )


def test_query_status_promotion_is_part_of_the_signature():
    promoted = {"vnp_PromotionCode": "TET", "vnp_PromotionAmount": "1000"}
    assert query_with(dressed("querydr", promoted)).outcome is Outcome.CONFIRMED
    with pytest.raises(SignatureInvalid):
        query_with(dressed("querydr", promoted).replace(b"TET", b"TEO"))


@pytest.mark.parametrize("error", [NotSent("x"), OutcomeUnknown("x")])
def test_query_status_transport_errors_pass(error):
    with pytest.raises(type(error)):
        query_with(error)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"vnp_TransactionStatus": "05"}, Outcome.PENDING),
        ({"vnp_TransactionStatus": "00"}, Outcome.CONFIRMED),
        ({"vnp_TransactionStatus": "09"}, Outcome.REJECTED),
        ({"vnp_TransactionStatus": "42"}, Outcome.UNKNOWN),
        ({"vnp_ResponseCode": "95"}, Outcome.REJECTED),
        ({"vnp_ResponseCode": "91"}, Outcome.REJECTED),
    ],
)
def test_refund_answer_is_mapped(changes, outcome):
    assert refund_with(dressed("refund", changes)).outcome is outcome


@pytest.mark.parametrize(
    "body",
    [
        dressed("refund", {}, secret="another key"),
        dressed("refund", {"vnp_ResponseCode": "94"}),
        dressed("refund", {"vnp_ResponseCode": "95", "vnp_SecureHash": ""}),
        b"<html>",
    ],
)
def test_refund_answer_that_can_not_be_trusted_leaves_doubt(body):
    with pytest.raises(OutcomeUnknown):
        refund_with(body)


@pytest.mark.parametrize(("amount", "kind"), [(150_000, "02"), (50_000, "03")])
def test_refund_whole_and_part_are_of_different_types(amount, kind):
    canned = Canned(Answer(200, {}, dressed("refund", {})))
    request = refund_request(amount=Money(amount), provider_ref=None, asked_by="Nguyễn Văn A <a@b>")
    VnpayProvider(VnpayClient(canned)).refund(vnpay_account(), request)
    sent = json.loads(canned.sent[0][3])
    assert sent["vnp_TransactionType"] == kind
    assert sent["vnp_Amount"] == str(amount * 100)
    assert sent["vnp_TransactionNo"] == "0"
    assert sent["vnp_CreateBy"] == "Nguyn Vn A ab"


DAY = date(2026, 11, 20)
NAME = "VNPAYGATEWAY_DEMOV210_20261120.xlsx"


def test_fetch_statement_from_a_folder_reads_the_file_of_the_day(tmp_path):
    account = vnpay_account(options={"statement_folder": str(tmp_path)})
    with pytest.raises(StatementUnavailable):
        VnpayProvider().fetch_statement(account, DAY)
    (tmp_path / NAME).write_bytes(b"bytes")
    file = VnpayProvider().fetch_statement(account, DAY)
    assert (file.name, file.content, file.business_on) == (NAME, b"bytes", DAY)


def test_fetch_statement_file_beyond_the_limit_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(client_module, "STATEMENT_LIMIT", 3)
    (tmp_path / NAME).write_bytes(b"bytes")
    with pytest.raises(StatementUnavailable):
        VnpayProvider().fetch_statement(vnpay_account(options={"statement_folder": str(tmp_path)}), DAY)


def test_fetch_statement_without_any_source_is_unavailable():
    with pytest.raises(StatementUnavailable):
        VnpayProvider().fetch_statement(vnpay_account(options={"statement_url": ""}), DAY)


def test_fetch_statement_terminal_that_is_no_name_is_refused(tmp_path):
    account = vnpay_account(options={"statement_folder": str(tmp_path), "tmn_code": "../../x"})
    with pytest.raises(ProviderRefused):
        VnpayProvider().fetch_statement(account, DAY)
