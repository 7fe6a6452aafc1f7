import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import OperationUnsupported, OutcomeUnknown, ProviderRefused
from payclear.contract.messages import Account
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.nganluong import mapping, provider
from providers.nganluong.client import NganLuongClient
from providers.nganluong.provider import NganLuongProvider
from providers.transport import Answer, Transport
from tests.providers.factories import NOW, REFERENCE, checkout, inbound, refund_request, status_query

VECTORS = json.loads((Path(__file__).parents[2] / "golden" / "nganluong.json").read_text("utf-8"))
SECRET = "DEMO-ONLY-NGANLUONG-SECRET"
LATE = NOW + timedelta(minutes=31)


def account(base_url: str = "https://nl.example.vn", **changes: Any) -> Account:
    options: dict[str, str | int | bool] = {
        "merchant_id": "45571",
        "receiver_email": "demo@nganluong.vn",
        "api_url": f"{base_url}/nganluong/nl35/checkout.api.nganluong.post.php",
        "pay_origin": base_url,
    }
    if base_url.startswith("http:"):
        options["allow_insecure_host"] = "127.0.0.1"
    return Account(
        code="nganluong-test",
        adapter="nganluong",
        name_vi="NgânLượng",
        name_en="NganLuong",
        options=options | changes.get("options", {}),
        secrets=changes.get("secrets", {"merchant_secret": Secret(SECRET)}),
    )


ACCOUNT = account()


class Fixed:
    """Answers every call with the same answer and keeps the addresses asked."""

    def __init__(self, body, status=200):
        self.body, self.status, self.sent = body, status, []

    def send(self, method, url, *, headers=None, body=b"", allow_insecure_host="", secrets=()):
        self.sent.append((method, url))
        return Answer(self.status, {}, self.body)


def adapter(transport):
    return NganLuongProvider(NganLuongClient(transport))


def xml(**fields):
    body = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f"<result>{body}</result>".encode()


def detail(**changes):
    fields = {
        "error_code": "00",
        "token": "tok1",
        "receiver_email": "demo@nganluong.vn",
        "order_code": REFERENCE,
        "total_amount": "150000",
        "transaction_status": "00",
    }
    return xml(**fields | changes)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["case"])
def test_vector_query_and_password_are_the_peers(vector):
    assert mapping.merchant_password(Secret(vector["secret"])) == vector["signature"]
    assert mapping.query_text(vector["input"]) == vector["extra"]["raw_query"]


def test_start_checkout_sends_the_vectors_fields_in_its_order():
    transport = Fixed(xml(error_code="00", token="tok1", checkout_url="https://nl.example.vn/p?t=tok1"))
    result = adapter(transport).start_checkout(ACCOUNT, checkout())
    assert (result.outcome, result.provider_ref) == (Outcome.PENDING, "tok1")
    method, url = transport.sent[0]
    sent = dict(parse_qsl(urlsplit(url).query))
    known = [name for name in VECTORS[0]["input"] if name in sent]
    assert method == "POST"
    assert [name for name in sent if name in known] == known
    assert sent["order_code"] == REFERENCE
    assert sent["time_limit"] == "15"
    assert sent["buyer_email"] == "demo@nganluong.vn"
    hint = provider.read_return(ACCOUNT, inbound(urlsplit(sent["return_url"]).query + "&token=tok1"))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.UNKNOWN)


@pytest.mark.parametrize("code", sorted(mapping.REFUSED))
def test_start_checkout_code_that_blames_the_request_is_refused(code):
    with pytest.raises(ProviderRefused):
        adapter(Fixed(xml(error_code=code))).start_checkout(ACCOUNT, checkout())


@pytest.mark.parametrize(
    "body",
    [
        xml(error_code="99"),
        xml(error_code="00"),
        xml(error_code="00", token="t", checkout_url="https://evil.example.vn/"),
        xml(error_code="00", token="a b", checkout_url="https://nl.example.vn/"),
        b"<html>",
        b"",
        b"<other/>",
        b"<result><a><b/></a></result>",
        b"<result><a/><a/></result>",
        b'<!DOCTYPE r [<!ENTITY a "b">]><result>&a;</result>',
    ],
)
def test_start_checkout_answer_that_can_not_be_read_leaves_doubt(body):
    with pytest.raises(OutcomeUnknown):
        adapter(Fixed(body)).start_checkout(ACCOUNT, checkout())


@given(st.binary(max_size=200))
def test_read_result_any_bytes_raise_nothing_but_doubt(body):
    with pytest.raises(OutcomeUnknown):
        mapping.read_result(body)


@pytest.mark.parametrize("changes", [{"amount": Money(0)}, {"attempt_ref": "A" * 35}, {"attempt_ref": "a-b"}])
def test_start_checkout_what_nganluong_does_not_take_is_refused(changes):
    with pytest.raises(ProviderRefused):
        adapter(Fixed(b"")).start_checkout(ACCOUNT, checkout(**changes))


@pytest.mark.parametrize(
    ("body", "at", "outcome"),
    [
        (detail(), NOW, Outcome.CONFIRMED),
        (detail(transaction_status="01"), LATE, Outcome.PENDING),
        (detail(transaction_status="02"), NOW, Outcome.PENDING),
        (detail(transaction_status="02"), LATE, Outcome.NOT_SENT),
        (detail(transaction_status="77"), LATE, Outcome.UNKNOWN),
        (xml(error_code="29"), NOW, Outcome.PENDING),
        (xml(error_code="29"), LATE, Outcome.NOT_SENT),
    ],
)
def test_query_status_answer_says(body, at, outcome):
    query = status_query(provider_ref="tok1", asked_at=at)
    evidence = adapter(Fixed(body)).query_status(ACCOUNT, query)
    assert (evidence.outcome, evidence.provider_ref) == (outcome, "tok1")


@pytest.mark.parametrize(
    "body",
    [
        detail(order_code="PCOTHER"),
        detail(token="tok2"),
        detail(total_amount="150000.5"),
        detail(receiver_email=""),
        xml(error_code="07"),
        xml(),
    ],
)
def test_query_status_answer_about_nothing_leaves_doubt(body):
    with pytest.raises(OutcomeUnknown):
        adapter(Fixed(body)).query_status(ACCOUNT, status_query(provider_ref="tok1"))


def test_query_status_other_receiver_is_named_in_the_evidence():
    body = detail(receiver_email="thief@example.vn")
    evidence = adapter(Fixed(body)).query_status(ACCOUNT, status_query(provider_ref="tok1"))
    assert evidence.merchant_account == "thief@example.vn" != provider.merchant_account(ACCOUNT)


@pytest.mark.parametrize("at", [NOW, LATE])
def test_query_status_without_a_token_stays_doubt(at):
    with pytest.raises(OutcomeUnknown):
        adapter(Fixed(detail())).query_status(ACCOUNT, status_query(asked_at=at))


@given(st.binary(max_size=300))
def test_read_return_any_bytes_raise_nothing(query):
    assert provider.read_return(ACCOUNT, inbound(query)).signature_holds is False


def test_what_the_protocol_does_not_have_is_refused():
    with pytest.raises(OperationUnsupported):
        provider.verify_callback(ACCOUNT, inbound())
    with pytest.raises(OperationUnsupported):
        provider.refund(ACCOUNT, refund_request())


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = account(
        options={"merchant_id": "x", "receiver_email": "x", "api_url": "ftp://x"},
        secrets={"merchant_secret": Secret("")},
    )
    assert len(provider.account_problems(broken)) == 4


@pytest.fixture
def control(simulator, http):
    def call(path, **body):
        answer = http.post(
            f"{simulator.url}/control/{path}", json={"provider": "nganluong", **body}, timeout=10
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def live(simulator):
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    yield adapter(transport), account(simulator.url)
    transport.close()


def test_nganluong_whole_life_over_http(live, control):
    asker, ours = live
    opened = asker.start_checkout(ours, checkout(return_url="https://pay.example.vn/return/x"))
    query = status_query(provider_ref=opened.provider_ref)
    assert asker.query_status(ours, query).outcome is Outcome.PENDING
    paid = control("pay", pay_url=opened.redirect_url)
    back = urlsplit(paid["return_url"]).query
    assert asker.read_return(ours, inbound(back)).signature_holds is True
    assert dict(parse_qsl(back))["token"] == opened.provider_ref
    evidence = asker.query_status(ours, query)
    assert (evidence.outcome, evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert evidence.merchant_account == asker.merchant_account(ours)


@pytest.mark.parametrize(
    "fault",
    ["query_html", "query_500", "query_truncated", "query_error_200", "query_timeout", "query_other_payment"],
)
def test_nganluong_broken_answer_leaves_doubt(live, control, fault):
    asker, ours = live
    opened = asker.start_checkout(ours, checkout())
    control("faults", faults=[fault])
    with pytest.raises(OutcomeUnknown):
        asker.query_status(ours, status_query(provider_ref=opened.provider_ref))


def test_nganluong_wrong_secret_is_refused(live):
    asker, ours = live
    wrong = account(ours.option("pay_origin"), secrets={"merchant_secret": Secret("wrong")})
    with pytest.raises(ProviderRefused):
        asker.start_checkout(wrong, checkout())


def test_nganluong_money_that_comes_after_the_time_is_found_by_asking_on(live, control):
    asker, ours = live
    opened = asker.start_checkout(ours, checkout())
    late = status_query(provider_ref=opened.provider_ref, asked_at=LATE)
    assert asker.query_status(ours, late).outcome is Outcome.NOT_SENT
    control("pay", pay_url=opened.redirect_url)
    evidence = asker.query_status(ours, late)
    assert (evidence.outcome, evidence.amount) == (Outcome.CONFIRMED, Money(150_000))
    assert asker.manifest.watch_hours == 24, "nothing else would ever tell of it"
