"""The adapter against the simulator over real HTTP: two independent implementations of one protocol."""

import json
from datetime import date, timedelta
from urllib.parse import urlsplit

import pytest

from payclear.contract.errors import (
    OutcomeUnknown,
    ProviderRefused,
    SignatureInvalid,
    StatementUnavailable,
)
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.transport import Transport
from providers.vnpay.client import VnpayClient
from providers.vnpay.provider import VnpayProvider
from tests.providers.factories import (
    REFERENCE,
    checkout,
    inbound,
    refund_request,
    status_query,
    vnpay_account,
)

TODAY = date(2026, 11, 21)


@pytest.fixture
def account(simulator):
    return vnpay_account(simulator.url)


@pytest.fixture
def adapter(provider_clock):
    transport = Transport(connect_timeout_s=1, read_timeout_s=3, total_deadline_s=6)
    made = VnpayProvider(VnpayClient(transport, provider_clock, statements=transport))
    yield made
    transport.close()


@pytest.fixture
def control(simulator, http):
    def call(path, **body):
        answer = http.post(f"{simulator.url}/control/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return call


@pytest.fixture
def pay(adapter, account, control):
    def call(outcome="success", **changes):
        url = adapter.start_checkout(account, checkout(**changes)).redirect_url
        return control("pay", pay_url=url, outcome=outcome)

    return call


def callback_of(call):
    method, path, _, _ = call
    return inbound(urlsplit(path).query, method=method)


def asked(number=1, **changes):
    return status_query(request_id=f"REQ{number}", **changes)


def test_vnpay_whole_life_from_the_page_to_the_workbook(adapter, account, receiver, http, simulator):
    request = checkout(return_url=receiver.url)
    page = http.get(adapter.start_checkout(account, request).redirect_url, timeout=10)
    assert page.status_code == 200
    assert 'data-testid="pay-success"' in page.text
    assert "150.000 ₫" in page.text
    pending = adapter.query_status(account, asked(1))
    assert (pending.outcome, pending.detail_code) == (Outcome.PENDING, "00/01")

    action = f"{simulator.url}/vnpay/paymentv2/pay/{REFERENCE}"
    back = http.post(action, data={"outcome": "success"}, allow_redirects=False, timeout=10)
    assert back.status_code == 303
    hint = adapter.read_return(account, inbound(urlsplit(back.headers["location"]).query))
    assert (hint.attempt_ref, hint.signature_holds, hint.says) == (REFERENCE, True, Outcome.CONFIRMED)

    told = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0])).evidence
    assert (told.outcome, told.amount, told.merchant_account) == (
        Outcome.CONFIRMED,
        Money(150_000),
        "DEMOV210",
    )

    paid = adapter.query_status(account, asked(2))
    assert (paid.outcome, paid.amount, paid.provider_ref) == (told.outcome, told.amount, told.provider_ref)
    assert paid.paid_at == told.paid_at

    part = adapter.refund(account, refund_request(amount=Money(50_000), provider_ref=paid.provider_ref))
    assert part.outcome is Outcome.PENDING
    assert part.provider_ref not in (None, paid.provider_ref)

    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    assert [(line.kind, line.attempt_ref, line.amount.amount) for line in parsed.entries] == [
        ("payment", REFERENCE, 150_000),
        ("refund", REFERENCE, 50_000),
    ]
    assert [line.provider_ref for line in parsed.entries] == [paid.provider_ref, part.provider_ref]
    assert parsed.entries[0].occurred_at == paid.paid_at
    assert (parsed.problems, parsed.control_count, parsed.control_sum) == ((), 2, Money(200_000))


@pytest.mark.parametrize(
    ("outcome", "expected", "code"),
    [
        ("cancel", Outcome.REJECTED, "24"),
        ("insufficient", Outcome.REJECTED, "51"),
        ("suspected", Outcome.PENDING, "07"),
        ("reversed", Outcome.UNKNOWN, "99/04"),
    ],
)
def test_vnpay_payment_that_did_not_succeed_is_told_by_callback(
    pay, adapter, account, receiver, outcome, expected, code
):
    pay(outcome)
    evidence = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0])).evidence
    assert (evidence.outcome, evidence.detail_code) == (expected, code)
    assert adapter.query_status(account, asked()).outcome is expected


def test_vnpay_english_page_speaks_english(adapter, account, http):
    page = http.get(adapter.start_checkout(account, checkout(locale="en")).redirect_url, timeout=10)
    assert "VND 150,000" in page.text
    assert 'lang="en"' in page.text


def test_vnpay_page_refuses_what_is_wrong(adapter, account, http, pay, provider_clock):
    url = adapter.start_checkout(account, checkout()).redirect_url
    other_key = vnpay_account(
        urlsplit(url)._replace(path="", query="").geturl(), secrets={"hash_secret": Secret("x")}
    )

    def code(url):
        page = http.get(url, timeout=10)
        assert page.status_code == 400
        return page.text.split('data-testid="error-code">')[1][:2]

    assert code(url.replace("Amount=15", "Amount=16")) == "70"
    assert code(adapter.start_checkout(other_key, checkout()).redirect_url) == "70"
    assert code(url.replace("DEMOV210", "DEMOV211")) == "72"
    assert code(url.replace("vnp_Locale=vn&", "")) == "03"
    pay()
    assert code(url) == "01"
    late = adapter.start_checkout(account, checkout(attempt_ref="PC0123456789A02")).redirect_url
    provider_clock.advance(timedelta(hours=1))
    assert code(late) == "15"


def test_vnpay_double_click_pays_once(pay, adapter, account, receiver):
    first, second = pay(), pay("cancel")
    assert first == second
    receiver.wait_for(1)
    assert adapter.query_status(account, asked()).provider_ref == first["provider_ref"]


def test_vnpay_callback_is_sent_again_until_rspcode_ends_it(pay, receiver, http, simulator):
    receiver.first_bodies = [b'{"RspCode":"99"}', b'{"RspCode":"04"}', b"<html>", b"[]"]
    receiver.body = b'{"RspCode":"02","Message":"Order already confirmed"}'
    pay()
    calls = receiver.wait_for(5)
    simulator.deliveries.stop()
    assert len({path for _, path, _, _ in calls}) == 1
    state = http.get(f"{simulator.url}/control/callbacks", timeout=10).json()[0]
    assert (state["state"], state["tries"], len(receiver.calls)) == ("done", 5, 5)


def test_vnpay_callback_is_given_up_after_ten_calls(pay, receiver, http, simulator):
    receiver.status = 500
    pay()
    receiver.wait_for(10)
    simulator.deliveries.stop()
    state = http.get(f"{simulator.url}/control/callbacks", timeout=10).json()[0]
    assert (state["state"], state["tries"], len(receiver.calls)) == ("given_up", 10, 10)


def test_vnpay_lost_callback_leaves_the_query_as_the_only_source(
    pay, adapter, account, control, receiver, http, simulator
):
    control("faults", provider="vnpay", attempt_ref=REFERENCE, faults=["lose_callback"])
    pay()
    assert http.get(f"{simulator.url}/control/callbacks", timeout=10).json() == []
    assert adapter.query_status(account, asked()).outcome is Outcome.CONFIRMED


def test_vnpay_duplicate_callbacks_are_equal_and_have_one_identity(pay, adapter, account, control, receiver):
    control("faults", provider="vnpay", faults=["duplicate_callback"])
    pay()
    keys = {adapter.verify_callback(account, callback_of(call)).dedupe_key for call in receiver.wait_for(3)}
    assert len(keys) == 1


def test_vnpay_forged_callback_claims_success_and_does_not_verify(pay, adapter, account, control, receiver):
    control("faults", provider="vnpay", attempt_ref=REFERENCE, faults=["forge_callback", "lose_callback"])
    pay("cancel")
    call = callback_of(receiver.wait_for(1)[0])
    assert b"vnp_ResponseCode=00" in call.query_string
    with pytest.raises(SignatureInvalid):
        adapter.verify_callback(account, call)


def test_vnpay_forged_callback_can_be_sent_for_an_open_payment(adapter, account, control, receiver, http):
    http.get(adapter.start_checkout(account, checkout()).redirect_url, timeout=10)
    control("forge-callback", attempt_ref=REFERENCE)
    with pytest.raises(SignatureInvalid):
        adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0]))


def test_vnpay_wrong_amount_is_in_the_callback_only(pay, adapter, account, control, receiver):
    control("faults", provider="vnpay", attempt_ref=REFERENCE, faults=["wrong_amount"])
    pay()
    told = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0])).evidence
    assert told.amount == Money(149_999)
    assert adapter.query_status(account, asked()).amount == Money(150_000)


def test_vnpay_wrong_payment_is_in_every_source(pay, adapter, account, control, receiver):
    control("faults", provider="vnpay", attempt_ref=REFERENCE, faults=["pays_wrong_amount"])
    pay()
    told = adapter.verify_callback(account, callback_of(receiver.wait_for(1)[0])).evidence
    assert told.amount == adapter.query_status(account, asked()).amount == Money(149_999)
    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    assert parsed.entries[0].amount == Money(149_999)


@pytest.mark.parametrize("fault", ["hold_callback", "delay_callback:86400"])
def test_vnpay_held_callback_comes_when_it_is_released(pay, control, receiver, fault):
    control("faults", provider="vnpay", attempt_ref=REFERENCE, faults=[fault])
    pay()
    assert receiver.calls == []
    assert control("send-callbacks", attempt_ref=REFERENCE) == {"released": 1}
    receiver.wait_for(1)


def test_vnpay_callback_before_return_has_arrived_when_the_browser_goes_back(pay, control, receiver):
    control("faults", provider="vnpay", attempt_ref=REFERENCE, faults=["callback_before_return"])
    pay()
    assert len(receiver.calls) == 1


def test_vnpay_lost_return_does_not_send_the_browser_back(adapter, account, control, http, simulator):
    control("faults", provider="vnpay", attempt_ref=REFERENCE, faults=["lose_return"])
    http.get(adapter.start_checkout(account, checkout()).redirect_url, timeout=10)
    action = f"{simulator.url}/vnpay/paymentv2/pay/{REFERENCE}"
    page = http.post(action, data={"outcome": "success"}, allow_redirects=False, timeout=10)
    assert (page.status_code, 'data-testid="lost-return"' in page.text) == (200, True)


@pytest.mark.parametrize(
    "fault", ["query_timeout", "query_html", "query_500", "query_truncated", "query_other_payment"]
)
def test_vnpay_query_that_tells_nothing_is_unknown(pay, adapter, account, control, fault):
    pay()
    control("faults", provider="vnpay", attempt_ref=REFERENCE, faults=[fault])
    with pytest.raises(OutcomeUnknown):
        adapter.query_status(account, asked())


def test_vnpay_query_with_a_bad_signature_is_refused(pay, adapter, account, control):
    pay()
    control("faults", provider="vnpay", attempt_ref=REFERENCE, faults=["query_bad_signature"])
    with pytest.raises(SignatureInvalid):
        adapter.query_status(account, asked())


def test_vnpay_query_same_request_id_again_is_unknown(pay, adapter, account):
    pay()
    adapter.query_status(account, asked(1))
    with pytest.raises(OutcomeUnknown) as caught:
        adapter.query_status(account, asked(1))
    assert caught.value.facts["api_code"] == "94"


def test_vnpay_query_wrong_key_is_unknown_and_wrong_terminal_refused(pay, adapter, simulator):
    pay()
    wrong_key = vnpay_account(simulator.url, secrets={"hash_secret": Secret("wrong")})
    with pytest.raises(OutcomeUnknown) as caught:
        adapter.query_status(wrong_key, asked(1))
    assert caught.value.facts["api_code"] == "97"
    wrong_terminal = vnpay_account(simulator.url, options={"tmn_code": "OTHER001"})
    with pytest.raises(ProviderRefused):
        adapter.query_status(wrong_terminal, asked(2))


def test_vnpay_query_never_opened_is_pending_then_not_sent(adapter, account, provider_clock):
    assert adapter.query_status(account, asked(1)).outcome is Outcome.PENDING
    later = asked(2, asked_at=provider_clock.advance(timedelta(hours=1)))
    assert adapter.query_status(account, later).outcome is Outcome.NOT_SENT


def test_vnpay_query_opened_and_left_is_rejected_after_its_time(adapter, account, http, provider_clock):
    http.get(adapter.start_checkout(account, checkout()).redirect_url, timeout=10)
    assert adapter.query_status(account, asked(1)).outcome is Outcome.PENDING
    provider_clock.advance(timedelta(hours=1))
    assert adapter.query_status(account, asked(2)).outcome is Outcome.REJECTED


def test_vnpay_refund_beyond_the_payment_is_never_done(pay, adapter, account):
    pay()
    first = adapter.refund(account, refund_request(refund_ref="R1", amount=Money(100_000)))
    assert first.outcome is Outcome.PENDING
    with pytest.raises(OutcomeUnknown):
        adapter.refund(account, refund_request(refund_ref="R2", amount=Money(100_000)))


def test_vnpay_refund_of_an_unpaid_or_unknown_payment_is_rejected(pay, adapter, account):
    assert adapter.refund(account, refund_request(refund_ref="R1")).detail_code == "api-91"
    pay("cancel")
    refused = adapter.refund(account, refund_request(refund_ref="R2"))
    assert (refused.outcome, refused.detail_code) == (Outcome.REJECTED, "api-95")


@pytest.mark.parametrize("fault", ["refund_timeout", "refund_html", "refund_bad_signature"])
def test_vnpay_refund_done_behind_a_lost_answer_is_unknown_and_in_the_workbook(
    pay, adapter, account, control, fault
):
    pay()
    control("faults", provider="vnpay", attempt_ref=REFERENCE, faults=[fault])
    with pytest.raises(OutcomeUnknown):
        adapter.refund(account, refund_request())
    parsed = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))
    assert [line.kind for line in parsed.entries] == ["payment", "refund"]


def parse_with(adapter, account, control, *faults):
    control("statement-faults", provider="vnpay", date=TODAY.isoformat(), faults=list(faults))
    return adapter.parse_statement(account, adapter.fetch_statement(account, TODAY))


def test_vnpay_workbook_planted_errors_are_found_as_planted(pay, adapter, account, control):
    other = "PC0123456789A02"
    pay()
    pay(attempt_ref=other, amount=Money(70_000))

    def parse(kind, **more):
        return parse_with(adapter, account, control, {"kind": kind, **more})

    def lines(parsed):
        return sorted((line.attempt_ref, line.amount.amount) for line in parsed.entries)

    sound = [(REFERENCE, 150_000), (other, 70_000)]
    assert lines(parse_with(adapter, account, control)) == sound
    assert lines(parse("missing_line", attempt_ref=REFERENCE)) == sound[1:]
    assert lines(parse("duplicate_line", attempt_ref=other)) == [*sound, sound[1]]
    assert lines(parse("amount_plus_1", attempt_ref=REFERENCE)) == [(REFERENCE, 150_001), sound[1]]
    assert lines(parse("amount_as_text", attempt_ref=REFERENCE)) == sound
    assert lines(parse("moved_columns")) == sound
    assert ("PCEXTRA", 5_000) in lines(parse("extra_line", attempt_ref="PCEXTRA", amount=5_000))
    failed = parse("status_failed", attempt_ref=REFERENCE)
    assert [line.outcome for line in failed.entries if line.attempt_ref == REFERENCE] == [Outcome.REJECTED]
    assert [problem.code for problem in parse("bad_amount_text").problems] == ["bad_amount"]
    assert [problem.code for problem in parse("status_unknown").problems] == ["unknown_status"]
    assert [problem.code for problem in parse("missing_reference").problems] == ["missing_reference"]
    assert parse("wrong_count").control_count == 3
    assert parse("wrong_sum").control_sum == Money(220_001)
    assert parse("no_trailer").control_count is None
    for kind in ("truncated", "html"):
        assert [problem.code for problem in parse(kind).problems] == ["not_a_workbook"]


def test_vnpay_workbook_same_truth_gives_the_same_bytes(pay, adapter, account):
    pay()
    assert adapter.fetch_statement(account, TODAY) == adapter.fetch_statement(account, TODAY)


def test_vnpay_workbook_that_is_not_there_is_unavailable(adapter, account, control, simulator):
    with pytest.raises(StatementUnavailable):
        adapter.fetch_statement(account, TODAY + timedelta(days=1))
    with pytest.raises(StatementUnavailable):
        parse_with(adapter, account, control, {"kind": "unavailable"})
    wrong = vnpay_account(simulator.url, secrets={"hash_secret": Secret("wrong")})
    with pytest.raises(ProviderRefused):
        adapter.fetch_statement(wrong, TODAY)


def test_vnpay_workbook_holds_the_payments_of_its_day_only(pay, adapter, account, provider_clock):
    pay()
    provider_clock.advance(timedelta(days=1))
    empty = adapter.parse_statement(account, adapter.fetch_statement(account, TODAY + timedelta(days=1)))
    assert (empty.entries, empty.control_count, empty.problems) == ((), 0, ())


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", json.dumps({"vnp_Command": "x"}).encode()])
def test_vnpay_api_noise_gets_a_format_error(http, simulator, body):
    answer = http.post(f"{simulator.url}/vnpay/merchant_webapi/api/transaction", data=body, timeout=10)
    assert answer.json()["vnp_ResponseCode"] == "03"
