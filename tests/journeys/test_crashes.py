"""Kills a process at each commit of the journey, on both sides of it, and demands that nothing is lost or doubled.

The points are those of RELIABILITY 3b as far as the slice goes; the list is enumerable, not random.
"""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.journeys.test_journeys import ACCOUNT, attempt_ref, choose_vnpay, new_order, portal_told, today
from tests.journeys.town import Town, wait_for

pytestmark = pytest.mark.xdist_group("town")

MOMENTS = ("before_commit", "after_commit")

# The function whose unit of work is cut, and the pass of it that matters (1: the first in a fresh process).
WEB = [
    ("payclear.http.units._once", 1),  # the obligation
    ("payclear.http.units._once", 2),  # the order, with its idempotency key
    ("payclear.checkout.service.start", 1),  # the attempt's intent
    ("payclear.checkout.service._record", 1),  # what the provider answered
    ("payclear.callbacks.service._keep_and_apply", 1),  # inbox, evidence, books, event, receipt: one commit
]
WORKER = [
    ("payclear.webhooks.sender._record_and_claim", 1),
    ("payclear.webhooks.sender._record_and_claim", 2),
    ("payclear.receipts.jobs.issue", 1),
    ("payclear.audit.jobs._seal", 1),
]
NIGHT = [
    ("reconciliation.service._begin", 1),
    ("reconciliation.service._read", 1),
    ("reconciliation.service._check", 1),
    ("reconciliation.passes.run_pass", 1),
    ("reconciliation.passes._adopt_all", 1),
    ("reconciliation.service._book", 1),
    ("reconciliation.service._finish", 1),
]


def points(places: list[tuple[str, int]]) -> list[Any]:
    return [
        pytest.param(f"{place}:{moment}:{times}", id=f"{place.removeprefix('payclear.')}-{times}-{moment}")
        for place, times in places
        for moment in MOMENTS
    ]


def crashes(town: Town, role: str, crash_at: str) -> int:
    """How often a role has died at this point; its whole log is read, for much may be logged after it."""
    place, moment, _ = crash_at.split(":")
    return (town.folder / f"{role}.log").read_text(errors="replace").count(f"crash point {place}:{moment}\n")


def insist(town: Town, step: Callable[[], Any]) -> Any:
    """Repeat a step as its caller would, and start the web again once it has crashed."""
    for _ in range(3):
        try:
            return step()
        except (requests.ConnectionError, requests.Timeout, AssertionError, IndexError):
            town.restart("web")
            town.wait_until_up()
    return step()


def finishes(town: Town, order: dict) -> None:
    """The order reaches its true state, the portal hears of it once, the receipt has its number, and verify holds."""
    wait_for(f"{order['order_ref']} to be paid", lambda: town.status(order["order_ref"]) == "paid")
    wait_for("the portal to be told", lambda: portal_told(town, order) == 1)
    wait_for(
        "the receipt's number",
        lambda: town.rows(
            "SELECT 1 FROM receipt r JOIN payment_order o ON o.id = r.order_id"
            " WHERE o.order_ref = %s AND r.number IS NOT NULL",
            order["order_ref"],
        ),
    )
    town.verify()


@pytest.mark.parametrize("crash_at", points(WEB))
def test_web_killed_at_a_commit_loses_nothing(calm: Town, crash_at: str) -> None:
    before = crashes(calm, "web", crash_at)
    calm.restart("web", crash_at=crash_at)
    calm.wait_until_up()
    order = insist(calm, lambda: new_order(calm))
    pay_url = insist(calm, lambda: choose_vnpay(calm, order))
    insist(calm, lambda: calm.control("pay", pay_url=pay_url, outcome="success"))
    wait_for("the crash", lambda: crashes(calm, "web", crash_at) > before)
    calm.restart("web")
    calm.wait_until_up()
    finishes(calm, order)


@pytest.mark.parametrize("crash_at", points(WORKER))
def test_worker_killed_at_a_commit_loses_nothing(calm: Town, crash_at: str) -> None:
    before = crashes(calm, "worker", crash_at)
    calm.restart("worker", crash_at=crash_at)
    order = new_order(calm)
    pay_url = choose_vnpay(calm, order)
    calm.control("pay", pay_url=pay_url, outcome="success")
    wait_for("the crash", lambda: crashes(calm, "worker", crash_at) > before)
    calm.restart("worker")
    finishes(calm, order)


@pytest.mark.parametrize("crash_at", points(NIGHT))
def test_night_killed_at_a_commit_resumes_and_ties(calm: Town, crash_at: str) -> None:
    order = new_order(calm)
    pay_url = choose_vnpay(calm, order)
    calm.control(
        "faults", provider="vnpay", attempt_ref=attempt_ref(pay_url), faults=["lose_callback", "query_500"]
    )
    calm.control("pay", pay_url=pay_url, outcome="success")
    calm.environ["PAYCLEAR_TEST_CRASH_AT"] = crash_at
    try:
        calm.command("reconcile", ACCOUNT, today(), status=-9)
    finally:
        del calm.environ["PAYCLEAR_TEST_CRASH_AT"]
    assert "adds up" in calm.command("reconcile", ACCOUNT, today())
    finishes(calm, order)


@pytest.mark.parametrize("role", ["scheduler", "worker", "web", "simulator", "portal"])
def test_any_process_killed_in_the_middle_is_made_good(calm: Town, role: str) -> None:
    order = new_order(calm)
    pay_url = choose_vnpay(calm, order)
    calm.kill(role)
    calm.start(role)
    calm.wait_until_up()
    calm.control("pay", pay_url=pay_url, outcome="success")
    finishes(calm, order)


def test_killed_database_comes_back_with_every_acknowledged_payment(calm: Town) -> None:
    order = new_order(calm)
    pay_url = choose_vnpay(calm, order)
    calm.control("pay", pay_url=pay_url, outcome="success")
    wait_for("payment", lambda: calm.status(order["order_ref"]) == "paid")
    calm.postgres.kill_and_recover()
    finishes(calm, order)
