import pytest

from payclear.kernel.clock import SystemClock
from providers.simulator.app import create_simulator
from providers.simulator.settings import SimulatorSettings
from providers.simulator.truth import Truth
from providers.vnpay import provider
from tests.providers.factories import REFERENCE, checkout, vnpay_account


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("faults", {"provider": "vnpay", "faults": ["no_such_fault"]}, 400),
        ("faults", {"provider": "vnpay", "faults": ["delay_callback:soon"]}, 400),
        ("faults", {"provider": "other", "faults": []}, 400),
        ("statement-faults", {"provider": "vnpay", "date": "2026-11-21", "faults": [{"kind": "x"}]}, 400),
        ("statement-faults", {"provider": "other", "date": "2026-11-21", "faults": []}, 400),
        ("pay", {"attempt_ref": "PCNOBODY"}, 404),
        ("pay", {"pay_url": "http://127.0.0.1/?x=1"}, 400),
        ("pay", {"attempt_ref": REFERENCE, "outcome": "win"}, 400),
        ("forge-callback", {}, 404),
    ],
)
def test_control_what_can_not_be_done_is_said(simulator, http, path, body, status):
    assert http.post(f"{simulator.url}/control/{path}", json=body, timeout=10).status_code == status


def test_control_body_that_is_no_object_is_refused(simulator, http):
    assert http.post(f"{simulator.url}/control/pay", data=b"[", timeout=10).status_code == 400


def test_control_is_for_loopback_only(simulator):
    client = simulator.app.test_client()
    for address, status in (("192.0.2.1", 403), ("127.0.0.1", 200), ("::1", 200)):
        answer = client.get("/control/truth", environ_base={"REMOTE_ADDR": address})
        assert answer.status_code == status
    assert client.get("/health", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 200


def test_truth_says_who_paid_what_on_a_day(simulator, http):
    url = provider.start_checkout(vnpay_account(simulator.url), checkout()).redirect_url
    http.post(f"{simulator.url}/control/pay", json={"pay_url": url}, timeout=10)
    for day, count in (("2026-11-21", 1), ("2026-11-20", 0)):
        truth = http.get(f"{simulator.url}/control/truth", params={"date": day}, timeout=10).json()
        assert len(truth) == count
    assert REFERENCE in http.get(f"{simulator.url}/", timeout=10).text
    truth = http.get(f"{simulator.url}/control/truth?provider=vnpay", timeout=10).json()
    assert (truth[0]["attempt_ref"], truth[0]["amount"], truth[0]["status"]) == (REFERENCE, 150_000, "paid")


def test_truth_survives_a_restart_and_a_callback_in_flight_is_sent_again(tmp_path):
    path = str(tmp_path / "state" / "simulator.sqlite")
    first = Truth(path)
    first.queue("vnpay", REFERENCE, method="GET", url="http://127.0.0.1:9/", body=b"", key="", due_at=1.0)
    number = first.next_number()
    assert first.claim_due(2.0) is not None
    assert first.claim_due(2.0) is None
    first.close()
    second = Truth(path)
    assert second.claim_due(2.0).tries == 2
    assert second.next_number() > number
    second.close()


def test_create_simulator_port_taken_is_not_served(simulator, tmp_path, capsys):
    settings = SimulatorSettings(state_path=str(tmp_path / "other.sqlite"))
    with pytest.raises((OSError, SystemExit)):
        create_simulator(settings, port=simulator.server.port, clock=SystemClock())
