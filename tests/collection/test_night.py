"""A counter's day against its day file: what was paid settles, what was taken back ties, what is strange is told."""

from datetime import date, timedelta

from payclear.contract.messages import StatementFile
from providers.collection_sheet import COLUMNS
from reconciliation.reports.service import day_report
from reconciliation.service import Night, run_night
from tests.collection.bank import ACCOUNT, Bank
from tests.collection.test_payments import in_suspense, order_of, rows
from tests.scenes import Scene

TODAY = date(2026, 11, 21)


def row(bank_ref: str, bill: dict, amount: int = 200_000, status: str = "PAID") -> str:
    stamp = "2026-11-21T10:30:00+07:00"
    return f"{bank_ref},{bill['bill_id']},{bill['document_no']},{amount},{stamp},{status},COUNTER_BRANCH,CASH"


def night(scene: Scene, *lines: str) -> Night:
    """Run the night on a file of these rows with a right trailer."""
    total = sum(int(line.split(",")[3]) for line in lines)
    text = "\n".join([",".join(COLUMNS), *lines, f"TRAILER,{len(lines)},{total}"])
    file = StatementFile(name="day.csv", content=text.encode(), media_type="text/csv", business_on=TODAY)
    return run_night(scene.runtime, ACCOUNT, TODAY, file=file)


def told(scene: Scene) -> list[str]:
    return [each.code for each in day_report(scene.runtime, ACCOUNT, TODAY).discrepancies]


def test_day_of_a_counter_ties(bank: Bank, scene: Scene) -> None:
    kept, taken_back = bank.bill(scene.fee().document_no), bank.bill(scene.fee().document_no)
    order = scene.order()
    ordered = bank.bill(order.payment_code)
    assert [bank.pay(kept, "FT1").word, bank.pay(taken_back, "FT2").word] == ["accepted"] * 2
    assert [bank.reverse("FT2").word, bank.pay(ordered, "FT3").word] == ["accepted"] * 2
    night(scene, row("FT1", kept), row("FT2", taken_back, status="REVERSED"), row("FT3", ordered))
    assert told(scene) == []
    settled = rows(scene, "SELECT sum(amount)::int FROM posting WHERE account_code = 'provider_settlement'")
    assert settled == [(400_000,)]
    scene.runtime.clock.advance(timedelta(hours=14))
    assert bank.reverse("FT1", "RV9").word == "too_late"


def test_bill_that_was_paid_through_an_order_made_meanwhile_ties(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    bill = bank.bill(fee.document_no)
    scene.order(fee)
    assert bank.pay(bill, "FT1").word == "accepted"
    night(scene, row("FT1", bill))
    assert told(scene) == []


def test_payment_that_the_bank_lists_and_never_told_us_of_lies_in_suspense(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fee().document_no)
    told_of = bank.bill(scene.fee().document_no)
    bank.pay(told_of, "FT1")
    night(scene, row("FT1", told_of), row("FT2", bill))
    assert len(told(scene)) == 1
    assert in_suspense(scene) == 200_000


def test_payment_that_the_bank_does_not_list_is_told(bank: Bank, scene: Scene) -> None:
    bill, other = bank.bill(scene.fee().document_no), bank.bill(scene.fee().document_no)
    bank.pay(bill, "FT1")
    bank.pay(other, "FT2")
    night(scene, row("FT1", bill))
    assert len(told(scene)) == 1
    assert order_of(scene, other).attempts[0].provider_ref == "FT2"


def test_money_of_an_unknown_bill_is_not_booked_twice_by_the_night(bank: Bank, scene: Scene) -> None:
    unknown = {"bill_id": "123456789012334", "document_no": "", "amount": 5_000, "currency": "VND"}
    assert bank.pay(unknown, "FT1", money_moved=True).word == "suspended"
    night(scene, row("FT1", unknown, amount=5_000))
    assert len(told(scene)) == 1
    assert in_suspense(scene) == 5_000
