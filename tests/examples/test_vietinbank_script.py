"""examples/bank/vietinbank.sh beside the real payclear over HTTP: a fine is asked for and paid at a counter."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from payclear.app import create_app
from payclear.audit.jobs import seal_whole_trail
from payclear.kernel.clock import FixedClock, SystemClock
from payclear.kernel.payment_code import new_payment_code
from payclear.operations import demo
from payclear.operations.verify import verify
from payclear.runtime import Runtime
from tests.examples.test_portal_with_payclear import served
from tests.webhooks.receivers import free_port

SCRIPT = Path(__file__).parents[2] / "examples" / "bank" / "vietinbank.sh"


@pytest.fixture
def address(runtime: Runtime, clock: FixedClock) -> Iterator[str]:
    clock.set(SystemClock().now())  # the script stamps by the machine's clock
    demo.load(runtime)
    port = free_port()
    with served(create_app(runtime), port):
        yield f"http://127.0.0.1:{port}"


def at_the_counter(address: str, *numbers: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PAYCLEAR": address}
    return subprocess.run(
        ["sh", str(SCRIPT), *numbers], env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def test_script_number_that_nobody_knows_ends_with_the_banks_code(address: str) -> None:
    done = at_the_counter(address, new_payment_code())
    assert (done.returncode, done.stdout.strip()) == (1, "1110: 02, Không tìm thấy khoản phải nộp")


def test_script_cash_at_the_counter_reaches_the_fine(address: str, runtime: Runtime) -> None:
    done = at_the_counter(address)
    assert done.returncode == 0, done.stdout + done.stderr
    registered, bill, paid = done.stdout.splitlines()
    number = registered.rpartition(" ")[2]
    assert "1250000 VND" in bill
    assert paid == "1210: 00, Thành công"
    with runtime.database.begin() as uow:
        (state, amount, channel, instrument) = uow.one(
            "SELECT o.state, o.amount, p.channel, p.instrument FROM payment_order o"
            " JOIN collection_payment p ON p.order_id = o.id"
        )
    assert (state, amount, channel, instrument) == ("paid", 1_250_000, "COUNTER_BRANCH", "CASH")
    again = at_the_counter(address, number)
    assert (again.returncode, again.stdout.strip()) == (1, "1110: 03, Khoản phải nộp đã được nộp")
    seal_whole_trail()
    assert [finding.check.id for finding in verify(runtime.database) if not finding.holds] == []
