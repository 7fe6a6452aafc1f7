"""Provider health in the console: the present, a month by day, and its file."""

from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from payclear.contract.errors import OutcomeUnknown
from payclear.gateway.domain import Operation
from payclear.gateway.service import call
from payclear.operations.jobs import count_calls
from payclear.runtime import Runtime
from tests.gateway.conftest import fails
from tests.scenes import SANDBOX, VNPAY, Scene


def see(desk: FlaskClient, address: str) -> str:
    answer = desk.get(address)
    assert answer.status_code == 200
    return unescape(answer.text).replace("\u00a0", " ")


@pytest.fixture
def calls(scene: Scene, runtime: Runtime) -> None:
    line = runtime.providers.get(SANDBOX)
    for _ in range(3):
        call(runtime, line, Operation.CHECKOUT, lambda: runtime.clock.advance(timedelta(milliseconds=240)))
    fails(runtime, line, OutcomeUnknown("timeout"), times=5)
    scene.paid_order(provider_account=VNPAY)
    count_calls()


def test_every_account_is_listed_with_its_state_and_its_month(desk: FlaskClient, calls: None) -> None:
    text = see(desk, "/console/health")
    assert "Tháng 11/2026 theo đối tác" in text
    assert "Tạm ngắt" in text  # the sandbox, after five calls without an answer
    assert "Chưa đủ cuộc gọi" in text  # VNPAY: its pay address is made here
    assert "37,50 %" in text
    assert "62,50 %" in text
    assert "≤ 300 ms" in text
    assert "0,00 %" in text  # no callback was lost


def test_month_of_an_account_adds_up_by_day_and_says_what_it_counts(desk: FlaskClient, calls: None) -> None:
    text = see(desk, f"/console/health/{SANDBOX}")
    assert "Liên tiếp không trả lời" in text
    assert "21/11/2026" in text
    assert "Số liệu đếm lúc 10:30, 21/11/2026" in text
    assert "Bắt đầu thanh toán" in text
    assert "không cộng thành tổng" not in text
    english = see(desk, f"/console/health/{SANDBOX}?lang=en")
    assert "Callback loss" in english
    assert "62.50%" in english


def test_month_as_a_file_has_the_same_bytes_each_time(desk: FlaskClient, calls: None) -> None:
    address = f"/console/health/{SANDBOX}/2026-11.csv"
    first, second = desk.get(address), desk.get(address)
    assert first.data == second.data
    assert first.mimetype == "text/csv"
    assert first.headers["Content-Disposition"] == f'attachment; filename="health-{SANDBOX}-2026-11.csv"'
    assert "scope,month" in first.text


def test_earlier_months_can_be_turned_to_and_later_ones_not(desk: FlaskClient, calls: None) -> None:
    text = see(desk, "/console/health")
    assert "month=2026-10" in text
    assert "month=2026-12" not in text
    assert "month=2026-11" in see(desk, "/console/health?month=2026-10")
    assert "chưa có số liệu" in see(desk, f"/console/health/{SANDBOX}?month=2026-10")


@pytest.mark.parametrize(
    "address",
    [
        "/console/health/nobody",
        "/console/health/nobody/2026-11.csv",
        "/console/health/%00",
        f"/console/health/{SANDBOX}/2026-13.csv",
        f"/console/health/{SANDBOX}?month=x",
        "/console/health?month=9999-99",
        "/console/health?month=9999-12",
        "/console/health?month=0001-01",
    ],
)
def test_unknown_account_or_month_is_a_404(desk: FlaskClient, calls: None, address: str) -> None:
    assert desk.get(address).status_code == 404
