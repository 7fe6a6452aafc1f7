"""Contributions and notices whose money went back: they are refunded, their months and numbers are free."""

from datetime import date

import pytest

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money
from payclear.obligations.service import find_many
from payclear.orders.records import OrderView
from payclear.refunds.service import apply_refund_evidence, request_refund
from tests.obligations.insurance.conftest import office as office
from tests.obligations.insurance.office import Office
from tests.obligations.insurance.test_notices import notice
from tests.obligations.test_elsewhere import broken

AUGUST = date(2026, 8, 15)


def give_back(office: Office, order: OrderView, amount: int) -> None:
    runtime = office.scene.runtime
    attempt = order.attempts[-1]
    with runtime.database.begin() as uow:
        refund = request_refund(
            uow,
            providers=runtime.providers,
            attempt_ref=attempt.attempt_ref,
            amount=Money(amount),
            reason="Hồ sơ đã rút",
            requested_by="canbo",
        )
        apply_refund_evidence(
            uow, outcome=Outcome.CONFIRMED, source=EvidenceSource.STATEMENT, refund_id=refund.id
        )
        uow.commit()


def covered(office: Office) -> int:
    with office.scene.runtime.database.begin() as uow:
        (count,) = uow.one("SELECT count(*) FROM contribution_cover WHERE taken_back_at IS NULL")
    return int(count)


def test_refunded_contribution_frees_its_months_and_its_number(office: Office) -> None:
    office.on(AUGUST)
    body = office.household(2, months=3)
    made = office.register(body)
    order = office.pay(made)
    give_back(office, order, 1_000)
    assert (office.read(made)["status"], covered(office)) == ("paid", 2)
    give_back(office, order, order.amount.amount - 1_000)
    assert (office.read(made)["status"], office.read(made)["paid_for"], covered(office)) == (
        "refunded",
        None,
        0,
    )
    again = office.register(body)
    assert (again["id"] != made["id"], again["quote"]) == (True, made["quote"])
    office.pay(again)
    assert covered(office) == 2
    assert broken(office.scene) == set()


def test_contribution_beside_a_fine_is_refunded_without_it(office: Office) -> None:
    office.on(AUGUST)
    made = office.register(office.household(1, months=3))
    fine = office.scene.fine(1_000_000, served_on=AUGUST)
    own = made["quote"]["total"]["amount"]
    with office.scene.runtime.database.begin() as uow:
        owed = office.row_id(made)
        (view,) = find_many(uow, [owed])
    order = office.scene.order(view, fine)
    office.scene.apply(office.scene.evidence(office.scene.attempt(order)))
    order = office.scene.reload(order.id)
    give_back(office, order, own)
    assert office.read(made)["status"] == "paid"  # a part of either
    give_back(office, order, 1_000_000)
    assert (office.read(made)["status"], covered(office)) == ("refunded", 0)
    assert broken(office.scene) == set()


@pytest.mark.parametrize("kind", ["tax", "land_obligation", "contribution"])
def test_refunded_notice_may_be_registered_again(office: Office, kind: str) -> None:
    office.on(date(2026, 11, 21))
    body = notice(kind)
    made = office.register(body)
    order = office.pay(made)
    give_back(office, order, order.amount.amount)
    assert office.read(made)["status"] == "refunded"
    assert office.register(body)["id"] != made["id"]
    assert broken(office.scene) == set()
