"""The providers that print the state's receipt take a checkout through the real door, for a fee and for a fine."""

import pytest

from payclear.checkout.service import start
from payclear.contract.conformance.bench import Bench, Subject
from payclear.orders.domain import AttemptState
from tests.providers.conformance.cells import manifest_of
from tests.providers.conformance.subjects import SUBJECTS
from tests.scenes import Scene

RECEIPT_PRINTERS = ["keypay", "paymentplatform"]


def test_the_adapters_that_need_a_bill_are_these() -> None:
    assert [adapter for adapter in SUBJECTS if manifest_of(adapter).needs_bill] == RECEIPT_PRINTERS


@pytest.mark.parametrize("adapter", RECEIPT_PRINTERS)
@pytest.mark.parametrize("kind", ["fee", "fine"])
def test_checkout_with_the_orders_own_bill_is_accepted(
    adapter: str, kind: str, scene: Scene, bench: Bench, subject: Subject
) -> None:
    owed = scene.fee(150_000, 50_000) if kind == "fee" else scene.fine(1_000_000)
    order = scene.order(owed)
    where = start(
        scene.runtime,
        order.pay_token,
        subject.account.code,
        payer_ip="203.0.113.7",
        public_url="https://pay.example",
        locale="vi",
    )
    assert where.startswith(bench.simulator_url)
    assert scene.reload(order.id).attempts[0].state == AttemptState.SENT
