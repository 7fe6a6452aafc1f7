"""The bank's counter at the simulator: what it refuses to play, what it keeps in mind, and its day file."""

import pytest

from providers.simulator.opencollection import OpenCollection
from providers.simulator.settings import SimulatorSettings
from tests.providers.simulator.registers import BILL, Register


@pytest.fixture
def collect(simulator, http):
    def call(status=200, **body):
        answer = http.post(f"{simulator.url}/control/collect", json=body, timeout=20)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else answer.text

    return call


@pytest.fixture
def register(simulator, http):
    with Register() as made:
        for provider in ("bidv", "vietinbank"):
            url = f"{simulator.url}/control/callback-url"
            http.post(url, json={"provider": provider, "url": made.url}, timeout=10)
        yield made


@pytest.mark.parametrize(
    "body",
    [
        {"provider": "nobody"},
        {"provider": "vnpay"},
        {"provider": "bidv", "operation": "steal"},
        {"provider": "bidv", "operation": "reverse", "bank_ref": "X"},
        {"provider": "bidv", "operation": "status", "bank_ref": "X"},
        {"provider": "vietinbank", "operation": "status", "bank_ref": "X"},
        {"provider": "vietinbank", "operation": "reverse", "bank_ref": "nobody"},
        {"provider": "opencollection", "operation": "repeat", "bank_ref": "nobody"},
        {"provider": "bidv", "faults": ["no_such_fault"]},
        {"provider": "bidv", "faults": ["duplicate:many"]},
    ],
)
def test_collect_what_can_not_be_played_is_said(collect, body):
    collect(400, **body)


def test_collect_body_that_is_no_object_is_refused(simulator, http):
    assert http.post(f"{simulator.url}/control/collect", data=b"[", timeout=10).status_code == 400


def test_collect_is_for_loopback_only(simulator):
    client = simulator.app.test_client()
    answer = client.post("/control/collect", json={}, environ_base={"REMOTE_ADDR": "192.0.2.1"})
    assert answer.status_code == 403


@pytest.mark.parametrize("provider", ["bidv", "opencollection", "vietinbank"])
def test_collect_biller_that_does_not_answer_shows_no_bill_and_takes_no_money(
    collect, http, simulator, provider
):
    url = f"{simulator.url}/control/callback-url"
    http.post(url, json={"provider": provider, "url": "http://127.0.0.1:9/collection/x"}, timeout=10)
    told = collect(provider=provider, document="H1")
    assert (told["says"], told["kept"]) == ("refused", 0)
    assert http.get(f"{simulator.url}/control/truth?provider={provider}", timeout=10).json() == []


def test_collect_bank_that_waits_keeps_the_money_only_when_it_was_taken(collect, register):
    for code, kept, status in (("000", 150_000, "paid"), ("021", 0, "failed"), ("031", 0, "opened")):
        register.pay_code = code
        told = collect(provider="bidv", document="H1")
        assert (told["kept"], told["status"]) == (kept, status)
    register.pay_code = "000"
    repeated = collect(provider="bidv", operation="repeat", bank_ref=told["bank_ref"])
    assert (repeated["kept"], repeated["status"]) == (150_000, "paid")


def test_collect_unsure_answer_is_asked_for_again_but_not_for_ever(collect, register):
    register.pay_code = "031"
    told = collect(provider="bidv", document="H1")
    assert [step["call"] for step in told["steps"]] == ["inquire", "pay", "pay", "pay"]


def test_collect_bank_that_notifies_has_the_money_whatever_is_answered(collect, register):
    told = collect(provider="vietinbank", document="H1", bill_id=BILL, amount=150_000)
    assert (told["says"], told["kept"], told["status"]) == ("unknown", 150_000, "paid")


def test_truth_and_day_file_name_the_bill_and_the_banks_reference(collect, register, simulator, http):
    told = collect(provider="bidv", document="H1", channel="ATM", instrument="CARD")
    (truth,) = http.get(f"{simulator.url}/control/truth?provider=bidv", timeout=10).json()
    assert (truth["attempt_ref"], truth["provider_ref"]) == (BILL, told["bank_ref"])
    assert (truth["status"], truth["amount"]) == ("paid", 150_000)
    address = f"{simulator.url}/control/statement?provider=bidv&date=2026-11-21"
    lines = http.get(address, timeout=10).text.splitlines()
    assert lines[0] == "bank_ref,bill_id,document_no,amount,paid_at,status,channel,instrument"
    assert lines[1] == f"{told['bank_ref']},{BILL},H1,150000,2026-11-21T10:30:30+07:00,PAID,ATM,CARD"
    assert lines[2:] == ["TRAILER,1,150000"]


def test_day_file_shows_what_was_taken_back_as_one_row(collect, register, simulator, http):
    told = collect(provider="vietinbank", document="H1", bill_id=BILL, amount=150_000)
    collect(provider="vietinbank", operation="reverse", bank_ref=told["bank_ref"])
    address = f"{simulator.url}/control/statement?provider=vietinbank&date=2026-11-21"
    _, row, trailer = http.get(address, timeout=10).text.splitlines()
    assert ",REVERSED," in row
    assert trailer == "TRAILER,1,150000"
    (truth,) = http.get(f"{simulator.url}/control/truth?provider=vietinbank", timeout=10).json()
    assert truth["status"] == "reversed"


@pytest.mark.parametrize("query", ["biller_id=031001&date=2026-11-21", "date=20261121"])
def test_day_file_is_not_for_strangers(simulator, http, query):
    assert http.get(f"{simulator.url}/bidv/statements?{query}", timeout=10).status_code == 401


def test_calls_go_to_the_collection_address_beside_the_callbacks():
    settings = SimulatorSettings(
        callback_base="https://pay.example.vn/callbacks/", accounts={"bidv": "bidv-main"}
    )
    assert settings.collection_url("vietinbank") == "https://pay.example.vn/collection/vietinbank-demo"
    assert settings.collection_url("bidv") == "https://pay.example.vn/collection/bidv-main"
    demo = settings.collection_url("opencollection", OpenCollection.demo_account)
    assert demo == "https://pay.example.vn/collection/collection-demo"
