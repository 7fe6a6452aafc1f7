"""Fines at bank counters: the rest of one, and a payment that is taken back."""

from datetime import UTC, date, time, timedelta

import pytest

from payclear.kernel.clock import at_vietnam
from payclear.orders.service import expire_order
from tests.collection.bank import Bank
from tests.collection.test_payments import cases, in_suspense
from tests.database import TestServer
from tests.obligations.fines.desk import Desk
from tests.obligations.fines.test_late_money import policy
from tests.obligations.fines.test_shelters_and_plans import PLAN, SERVED
from tests.scenes import Scene


@pytest.fixture
def bank(desk: Desk, scene: Scene) -> Bank:
    return Bank(desk.portal.app, scene.runtime.clock)


def test_payment_taken_back_makes_the_fine_payable_again(desk: Desk, bank: Bank, scene: Scene) -> None:
    fine = scene.fine(1_000_000, served_on=date(2026, 11, 20))
    assert bank.pay(bank.bill(fine.document_no), "FT1").word == "accepted"
    assert desk.status(fine) == "paid"
    assert bank.reverse("FT1", amount=1_000_000).word == "accepted"
    again = desk.read(fine)
    assert (again["status"], again["position"]["unpaid"]["amount"]) == ("open", 1_000_000)
    assert [each["kind"] for each in again["events"]] == ["paid", "reversed"]


def test_rest_of_a_fine_in_parts_may_be_paid_at_a_counter(desk: Desk, bank: Bank, scene: Scene) -> None:
    fine = scene.fine(20_000_000, served_on=SERVED)
    desk.say(fine, "instalment-plan", **PLAN)
    desk.pay(desk.order(fine, 1))
    bill = bank.bill(fine.document_no)
    assert bill["amount"] == 12_000_000
    assert bank.pay(bill, "FT1").word == "accepted"
    assert desk.status(fine) == "paid"


@pytest.mark.parametrize("is_expired", [False, True])
@pytest.mark.parametrize("name", ["collect_difference", "suspense", "accept"])
@pytest.mark.parametrize("minutes", [-10, 5])
def test_cash_around_midnight_on_yesterdays_quote_is_taken_or_waits_with_a_case(
    desk: Desk,
    bank: Bank,
    scene: Scene,
    postgres: TestServer,
    today: date,
    is_expired: bool,
    name: str,
    minutes: int,
) -> None:
    policy(postgres, name)
    fine = scene.fine(1_000_000, served_on=today - timedelta(days=28))
    order = scene.order(fine)
    bill = bank.bill(order.payment_code)
    midnight = at_vietnam(today + timedelta(days=1), time.min).astimezone(UTC)
    scene.runtime.clock.set(midnight + timedelta(minutes=10))
    if is_expired:
        with scene.runtime.database.begin() as uow:
            assert expire_order(uow, order.id)
            uow.commit()
    paid_at = (midnight + timedelta(minutes=minutes)).isoformat(timespec="seconds")
    heard = bank.pay(bill, "FT1", money_moved=True, paid_at=paid_at)
    is_late = minutes > 0
    waits = is_expired or (is_late and name == "suspense")
    assert heard.word == ("suspended" if waits else "accepted")
    assert in_suspense(scene) == (1_008_500 if waits else 0)
    assert len(cases(scene)) == waits
    owed = {True: "open", False: "partially_paid" if is_late and name == "collect_difference" else "paid"}
    assert desk.status(fine) == owed[waits]
    # Whatever became of it, the same message again is the same money.
    bank.pay(bill, "FT1", money_moved=True, paid_at=paid_at)
    assert in_suspense(scene) == (1_008_500 if waits else 0)
    assert len(cases(scene)) == waits
