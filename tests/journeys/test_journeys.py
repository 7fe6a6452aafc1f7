"""The main job from portal to report, over real processes and a real browser, and the same with what goes wrong."""

import html
import itertools
import os
import signal
import threading
from datetime import UTC, datetime

import pytest
import requests

from payclear.kernel.clock import vietnam_date
from tests.journeys.town import Town, wait_for

pytestmark = pytest.mark.xdist_group("town")

ACCOUNT = "vnpay-demo"
_numbers = itertools.count(int(datetime.now(UTC).timestamp()) % 1_000_000)


def today() -> str:
    return vietnam_date(datetime.now(UTC)).isoformat()


def new_order(town: Town, amount: int = 150_000) -> dict:
    """An order of the demo portal, made through the API."""
    number = next(_numbers)
    filed_on = today()
    obligation = town.api(
        "POST",
        "/v1/obligations",
        headers={"Idempotency-Key": f"o-{number}"},
        json={
            "kind": "dossier_fee",
            "agency_code": "H00.14",
            "document": {
                "dossier_code": f"H00.14-{filed_on[2:].replace('-', '')}-{number:08d}",
                "procedure_code": "1.008888",
                "filed_on": filed_on,
            },
            "obligor": {"name": "NGUYỄN VĂN MẪU", "citizen_id": "000000000001"},
            "lines": [
                {
                    "type": "fee_phi",
                    "name": "Phí mẫu",
                    "amount": amount,
                    "beneficiary_account": "TK-H00-PHI",
                    "chapter": "000",
                    "sub_item": "0000",
                }
            ],
            "currency": "VND",
        },
    )
    assert obligation.status_code == 201, obligation.text
    order = town.api(
        "POST",
        "/v1/payment-orders",
        headers={"Idempotency-Key": f"p-{number}"},
        json={
            "portal_ref": f"journey-{number}",
            "obligations": [obligation.json()["id"]],
            "return_url": f"{town.portal}/return",
            "locale": "vi",
        },
    )
    assert order.status_code == 201, order.text
    return order.json()


def choose_vnpay(town: Town, order: dict) -> str:
    """What the citizen's browser does on the hosted page; returns the address at the provider."""
    session = requests.Session()
    shown = session.get(order["pay_url"], timeout=10).text
    if 'data-testid="continue"' in shown:  # an attempt is on its way already: the page leads to it
        link = shown.split('data-testid="continue"')[0].rsplit('href="', 1)[1].split('"')[0]
        return html.unescape(link)
    token = shown.split('name="csrf_token" value="')[1].split('"')[0]
    answer = session.post(
        order["pay_url"] + "/attempts",
        data={"csrf_token": token, "provider_account": ACCOUNT, "lang": "vi"},
        headers={"Origin": town.web, "Sec-Fetch-Site": "same-origin"},
        allow_redirects=False,
        timeout=20,
    )
    assert answer.status_code == 303, answer.text
    assert "vnp_TxnRef" in answer.headers["Location"], answer.headers["Location"]
    return answer.headers["Location"]


def attempt_ref(pay_url: str) -> str:
    return pay_url.split("vnp_TxnRef=")[1].split("&")[0]


def becomes(town: Town, order: dict, status: str) -> None:
    wait_for(
        f"{order['order_ref']} to become {status}; {town.log('web')[-600:]}",
        lambda: town.status(order["order_ref"]) == status,
    )


def portal_told(town: Town, order: dict) -> int:
    """How many times the portal's endpoint accepted this order's payment."""
    return town.rows(
        "SELECT count(*) FROM webhook_delivery d JOIN event e ON e.id = d.event_id"
        " JOIN payment_order o ON o.id = e.aggregate_id"
        " WHERE o.order_ref = %s AND e.type = 'payment_order.paid' AND d.state = 'delivered'",
        order["order_ref"],
    )[0][0]


def test_citizen_pays_in_the_browser_and_the_night_ties(calm: Town, page) -> None:
    page.goto(calm.portal)
    page.locator("[data-testid^=pay-H00]").first.click()
    page.get_by_label("VNPAY").check()
    page.get_by_test_id("pay").click()
    page.get_by_test_id("pay-success").click()
    page.get_by_text("Đã thanh toán").first.wait_for()
    page.get_by_role("link", name="Quay lại cổng dịch vụ công").first.click()
    page.wait_for_url(f"{calm.portal}/**")
    page.goto(calm.portal)
    wait_for(
        "the portal to show the dossier as paid", lambda: page.reload() and page.get_by_text("Đã nộp").count()
    )
    page.get_by_role("link", name="Xem biên lai").first.click()
    wait_for("the receipt's number", lambda: page.reload() and page.get_by_text("BL-").count())
    report = calm.command("reconcile", ACCOUNT, today())
    assert "Reconciled" in report
    page.goto(f"{calm.web}/console/reconciliation/{ACCOUNT}/{today()}")
    page.get_by_label("Tên đăng nhập").fill("canbo")
    page.get_by_label("Mật khẩu").fill("doi-soat-thu-2026")
    page.get_by_role("button", name="Đăng nhập").click()
    page.goto(f"{calm.web}/console/reconciliation/{ACCOUNT}/{today()}")
    assert page.get_by_role("heading").first.is_visible()
    calm.verify()


def test_lost_callback_is_made_good_when_the_browser_returns(calm: Town, page) -> None:
    order = new_order(calm)
    calm.control("faults", provider="vnpay", attempt_ref="*", faults=["lose_callback"])
    page.goto(order["pay_url"])
    page.get_by_label("VNPAY").check()
    page.get_by_test_id("pay").click()
    page.get_by_test_id("pay-success").click()
    page.get_by_text("Đã thanh toán").first.wait_for()
    becomes(calm, order, "paid")
    assert calm.rows(
        "SELECT count(*) FROM callback_processing p JOIN payment_evidence e ON e.id = p.evidence_id"
        " JOIN payment_attempt a ON a.id = e.attempt_id JOIN payment_order o ON o.id = a.order_id"
        " WHERE o.order_ref = %s",
        order["order_ref"],
    ) == [(0,)]
    calm.verify()


def test_lost_callback_and_closed_browser_are_made_good_by_the_night(calm: Town) -> None:
    order = new_order(calm)
    pay_url = choose_vnpay(calm, order)
    faults = ["lose_callback", "query_500"]
    calm.control("faults", provider="vnpay", attempt_ref=attempt_ref(pay_url), faults=faults)
    calm.control("pay", pay_url=pay_url, outcome="success")
    assert calm.status(order["order_ref"]) == "pending"
    calm.command("reconcile", ACCOUNT, today())
    becomes(calm, order, "paid")
    wait_for("the portal to be told", lambda: portal_told(calm, order) == 1)
    again = calm.command("reconcile", ACCOUNT, today())
    assert "adds up" in again
    calm.verify()


def test_doubled_callback_pays_once_and_tells_once(calm: Town) -> None:
    order = new_order(calm)
    pay_url = choose_vnpay(calm, order)
    calm.control("faults", provider="vnpay", attempt_ref=attempt_ref(pay_url), faults=["duplicate_callback"])
    calm.control("pay", pay_url=pay_url, outcome="success")
    becomes(calm, order, "paid")
    wait_for("the portal to be told", lambda: portal_told(calm, order) == 1)
    entries = calm.rows(
        "SELECT count(*) FROM journal_entry e JOIN payment_order o ON o.id = e.order_id WHERE o.order_ref = %s",
        order["order_ref"],
    )
    assert entries == [(1,)]
    calm.verify()


def test_forged_callback_pays_nothing(calm: Town) -> None:
    order = new_order(calm)
    pay_url = choose_vnpay(calm, order)
    requests.get(pay_url, timeout=10)  # the citizen opens the provider's page and pays nothing
    calm.control("forge-callback", attempt_ref=attempt_ref(pay_url))
    assert calm.status(order["order_ref"]) == "pending"
    assert calm.rows("SELECT count(*) > 0 FROM callback_rejection WHERE reason = 'signature_invalid'") == [
        (True,)
    ]
    calm.verify()


def test_wrong_amount_goes_to_suspense_and_the_report_shows_it(calm: Town) -> None:
    order = new_order(calm)
    pay_url = choose_vnpay(calm, order)
    calm.control("faults", provider="vnpay", attempt_ref=attempt_ref(pay_url), faults=["pays_wrong_amount"])
    calm.control("pay", pay_url=pay_url, outcome="success")
    wait_for(
        "the case",
        lambda: calm.rows(
            "SELECT 1 FROM suspense_case c JOIN payment_order o ON o.id = c.order_id WHERE o.order_ref = %s",
            order["order_ref"],
        ),
    )
    assert calm.status(order["order_ref"]) == "open"
    assert portal_told(calm, order) == 0
    calm.command("reconcile", ACCOUNT, today())
    calm.verify()


def test_web_killed_between_the_providers_success_and_our_answer_loses_nothing(calm: Town) -> None:
    order = new_order(calm)
    pay_url = choose_vnpay(calm, order)
    os.killpg(calm.processes["web"].pid, signal.SIGSTOP)  # it takes the call and never answers
    paying = threading.Thread(target=lambda: calm.control("pay", pay_url=pay_url, outcome="success"))
    paying.start()
    calm.kill("web")
    calm.start("web")
    calm.wait_until_up()
    paying.join(timeout=30)
    becomes(calm, order, "paid")
    wait_for("the portal to be told", lambda: portal_told(calm, order) == 1)
    calm.verify()


def test_portal_that_was_down_is_told_when_it_is_back(calm: Town) -> None:
    order = new_order(calm)
    pay_url = choose_vnpay(calm, order)
    calm.kill("portal")
    calm.control("pay", pay_url=pay_url, outcome="success")
    becomes(calm, order, "paid")
    wait_for(
        "a failed try",
        lambda: calm.rows(
            "SELECT 1 FROM webhook_attempt t JOIN webhook_delivery d ON d.id = t.delivery_id"
            " JOIN event e ON e.id = d.event_id JOIN payment_order o ON o.id = e.aggregate_id"
            " WHERE o.order_ref = %s AND t.status IS NULL",
            order["order_ref"],
        ),
    )
    calm.start("portal")
    wait_for("the portal to be told", lambda: portal_told(calm, order) == 1)
    calm.verify()
