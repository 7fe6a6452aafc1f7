"""Cash that a bank holds for a contribution whose months can not be paid for any more: it is taken, and waits for a person."""

from datetime import date

import pytest

from tests.collection.bank import ACCOUNT
from tests.collection.test_payments import in_suspense
from tests.collection.test_races import bill_at, pay_at
from tests.obligations.insurance.conftest import office as office
from tests.obligations.insurance.office import Office
from tests.obligations.test_elsewhere import broken

AUGUST = date(2026, 8, 15)
SHOWN = {"proof_ref": "BL-0001234", "paid_on": str(AUGUST)}


@pytest.mark.parametrize(("money_moved", "word"), [(True, "suspended"), (False, "not_payable")])
def test_cash_for_months_that_another_notice_paid_for(office: Office, money_moved: bool, word: str) -> None:
    office.on(AUGUST)
    body = office.household(1, months=3)
    made = office.register(body)
    bill = bill_at(office.scene, ACCOUNT, body["document"]["notice_no"])
    elsewhere = f"/obligations/{made['id']}/paid-elsewhere"
    office.portal.post(elsewhere, SHOWN)
    office.pay(office.register(office.household(1, months=3)))
    assert office.portal.post(f"{elsewhere}/undo").json["status"] == "open"
    assert pay_at(office.scene, ACCOUNT, bill, "FT1", money_moved=money_moved) == word
    assert in_suspense(office.scene) == (bill.amount.amount if money_moved else 0)
    assert broken(office.scene) == set()


def test_cash_that_a_bank_tells_of_when_the_months_are_over(office: Office) -> None:
    office.on(AUGUST)
    body = office.household(1, months=3)
    office.register(body)
    bill = bill_at(office.scene, ACCOUNT, body["document"]["notice_no"])
    office.on(date(2026, 12, 20))
    assert pay_at(office.scene, ACCOUNT, bill, "FT1", money_moved=True) == "suspended"
    assert in_suspense(office.scene) == bill.amount.amount
