"""What staff see: today, orders, one order's trace."""

import re
from datetime import timedelta
from html import unescape

import pytest
from flask.testing import FlaskClient

from payclear.contract.errors import OutcomeUnknown
from payclear.contract.outcomes import Outcome
from payclear.kernel.clock import FixedClock
from payclear.kernel.payment_code import display
from payclear.orders.checkout import record_checkout
from payclear.orders.records import OrderView
from payclear.runtime import Runtime
from tests.scenes import SANDBOX, VNPAY, Scene

NBSP = "\u00a0"


def see(desk: FlaskClient, address: str) -> str:
    answer = desk.get(address)
    assert answer.status_code == 200
    return unescape(answer.text)


def doubt(scene: Scene, runtime: Runtime) -> OrderView:
    order = scene.order()
    attempt = scene.attempt(order, sent=False)
    with runtime.database.begin() as uow:
        record_checkout(uow, attempt.id, OutcomeUnknown("timeout"))
        uow.commit()
    return order


def test_home_of_a_quiet_day_says_that_nothing_happened(desk: FlaskClient, scene: Scene) -> None:
    text = see(desk, "/console/")
    assert "Ngày 21/11/2026" in text
    assert "Hôm nay chưa thu được khoản nào." in text
    assert "Không có lần thanh toán nào chưa rõ kết quả." in text
    assert "Số liệu lúc 10:30, 21/11/2026" in text


def test_home_adds_up_what_came_in_today_by_provider(
    desk: FlaskClient, scene: Scene, runtime: Runtime, clock: FixedClock
) -> None:
    scene.apply(
        scene.evidence(scene.attempt(scene.order(amount=999_000)), paid_at=clock.now() - timedelta(days=1))
    )
    scene.paid_order(amount=100_000, provider_account=VNPAY)
    scene.paid_order(amount=200_000, provider_account=VNPAY)
    scene.paid_order(amount=50_000, provider_account=SANDBOX)
    wrong = scene.attempt(scene.order(amount=70_000))
    scene.apply(scene.evidence(wrong, amount=69_999))
    order = doubt(scene, runtime)
    text = see(desk, "/console/")
    assert f'data-testid="received">350.000{NBSP}₫<' in text
    assert "đã thu hôm nay, 3 khoản" in text
    assert f"300.000{NBSP}₫" in text
    assert 'data-testid="in-doubt">1<' in text
    assert 'data-testid="open-cases">1<' in text
    assert f"69.999{NBSP}₫" in text
    assert order.order_ref in text


def test_orders_are_listed_newest_first_and_in_pages(
    desk: FlaskClient, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payclear.console.pages.PAGE_ROWS", 2)
    made = [scene.order().order_ref for _ in range(5)]
    address, seen = "/console/orders", []
    for _ in range(3):
        text = see(desk, address)
        seen += [ref for ref in reversed(made) if f"/console/orders/{ref}" in text]
        older = re.search(r'href="(/console/orders\?before=[^"&]+)" rel="next"', text)
        address = older.group(1) if older else ""
    assert seen == made[::-1]
    assert address == ""


@pytest.mark.parametrize("before", ["x", "ord_", "att_00000000000000000000000000", "ord_" + "z" * 26])
def test_orders_after_a_made_up_place_are_refused_politely(
    desk: FlaskClient, scene: Scene, before: str
) -> None:
    assert desk.get("/console/orders", query_string={"before": before}).status_code == 422


def test_order_is_found_by_reference_code_or_a_whole_memo(desk: FlaskClient, scene: Scene) -> None:
    order = scene.order()
    scene.order()
    memo = f"MBVCB.123 NOP NSNN {order.payment_code} NGUYEN VAN A chuyen tien"
    for typed in (
        order.order_ref,
        f"  {order.order_ref.lower()} ",
        order.payment_code,
        display(order.payment_code),
        memo,
    ):
        answer = desk.get("/console/orders", query_string={"search": typed})
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/console/orders/{order.order_ref}")


@pytest.mark.parametrize("typed", ["x", "PC000000000XX", "%", "' OR 1=1", "000000000000000", "\x00"])
def test_order_that_is_not_there_is_said_so(desk: FlaskClient, scene: Scene, typed: str) -> None:
    scene.order()
    answer = desk.get("/console/orders", query_string={"search": typed})
    assert answer.status_code == 200
    assert 'data-testid="nothing-found"' in answer.text


def test_order_shows_attempts_evidence_history_and_postings_that_balance(
    desk: FlaskClient, scene: Scene
) -> None:
    order = scene.order(scene.fee(150_000, 50_000))
    refused = scene.attempt(order)
    scene.apply(scene.evidence(refused, Outcome.REJECTED))
    paid = scene.attempt(order)
    scene.apply(scene.evidence(paid))
    text = see(desk, f"/console/orders/{order.order_ref}")
    for expected in (
        refused.attempt_ref,
        paid.attempt_ref,
        f"TX{paid.attempt_ref}",
        "Thông báo kết quả",
        "Ghi nhận đã nộp",
        "Kết thúc, không thu",
        "Phải thu đối tác thanh toán",
        "Phải trả đơn vị thụ hưởng",
        "demoportal",
        order.documents[0].document_no,
    ):
        assert expected in text
    assert "NGUYỄN VĂN MẪU" not in text
    english = see(desk, f"/console/orders/{order.order_ref}?lang=en")
    assert "Due from provider" in english
    assert "Recorded as paid" in english


@pytest.mark.parametrize("ref", ["PC000000000XX", "x", "..", "%00"])
def test_order_of_an_unknown_reference_is_a_404(desk: FlaskClient, scene: Scene, ref: str) -> None:
    assert desk.get(f"/console/orders/{ref}").status_code == 404
