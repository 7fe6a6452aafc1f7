"""Money that came after its order had ended lies in suspense: nobody is asked to pay the same again, until it went back."""

from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.ids import public_id
from payclear.kernel.money import Money
from payclear.lookup import links
from payclear.lookup.domain import LinkPurpose, LookupStatus
from payclear.obligations.records import ObligationView
from payclear.orders.checkout import open_attempt
from payclear.orders.errors import AttemptInProgress
from payclear.orders.records import AttemptView, OrderView
from payclear.orders.service import cancel_order, expire_order
from payclear.refunds.service import apply_refund_evidence, request_refund
from tests.collection.bank import Bank
from tests.collection.conftest import bank  # noqa: F401
from tests.lookup.conftest import Street
from tests.lookup.test_pages import NUMBER, hidden, look_up, status
from tests.portal_api import PortalApi
from tests.scenes import VNPAY

REVIEW = "Đã nhận một khoản tiền cần kiểm tra"
CONFIRMING = LookupStatus.BEING_CONFIRMED


@dataclass(slots=True)
class Late:
    """A fine whose order ended before its money came."""

    street: Street
    portal: PortalApi
    fine: ObligationView = field(init=False)
    order: OrderView = field(init=False)
    attempt: AttemptView = field(init=False)

    def __post_init__(self) -> None:
        scene = self.street.scene
        self.fine = self.street.fine(served_on=date(2026, 11, 15))
        self.order = scene.order(self.fine, expires_in_minutes=60)
        self.attempt = scene.attempt(self.order)
        scene.apply(
            scene.evidence(self.attempt, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY, amount=1)
        )
        scene.runtime.clock.advance(timedelta(hours=2))
        with scene.runtime.database.begin() as uow:
            assert expire_order(uow, self.order.id)
            uow.commit()

    @property
    def public(self) -> str:
        return public_id("obl", self.fine.id)

    def money_comes(self) -> None:
        """The bank's money is seen after all, for the order that has ended."""
        self.street.scene.runtime.clock.advance(timedelta(minutes=1))
        applied = self.street.scene.apply(
            self.street.scene.evidence(self.attempt, source=EvidenceSource.STATEMENT)
        )
        assert applied.case == "late_success"

    def gives_back(self, amount: int) -> None:
        """Staff ask for a refund, and it is done."""
        runtime = self.street.scene.runtime
        with runtime.database.begin() as uow:
            asked = request_refund(
                uow,
                providers=runtime.providers,
                attempt_ref=self.attempt.attempt_ref,
                amount=Money(amount),
                reason="Nop muon",
                requested_by="canbo",
            )
            uow.commit()
        with runtime.database.begin() as uow:
            apply_refund_evidence(
                uow, outcome=Outcome.CONFIRMED, source=EvidenceSource.STATUS_QUERY, refund_id=asked.id
            )
            uow.commit()

    def asks_for(self, **more: object) -> dict[str, object]:
        return self.portal.order_body(obligations=[self.public], **more)


@pytest.fixture
def late(street: Street, portal: PortalApi) -> Late:
    return Late(street, portal)


def test_look_up_says_being_confirmed_until_all_of_the_money_went_back(late: Late) -> None:
    ask = late.street.ask
    assert ask()[0].status is LookupStatus.PAYABLE
    late.money_comes()
    assert ask()[0].status is CONFIRMING
    late.gives_back(400_000)
    assert ask()[0].status is CONFIRMING
    late.gives_back(600_000)
    assert ask()[0].status is LookupStatus.PAYABLE


def test_case_that_a_person_has_closed_does_not_hold_it_any_more(late: Late) -> None:
    late.money_comes()
    with late.street.scene.runtime.database.begin() as uow:
        uow.run("UPDATE suspense_case SET state = 'resolved', resolved_at = now()")
        uow.commit()
    assert late.street.ask()[0].status is LookupStatus.PAYABLE


def test_page_offers_nothing_to_pay_and_leads_to_where_the_money_is(client: FlaskClient, late: Late) -> None:
    form = look_up(client)
    late.money_comes()
    page = look_up(client)
    assert status(page) == "being_confirmed"
    assert 'data-testid="pay"' not in page
    for old in (form, page):  # a page that was opened before the money came leads to the same place
        answer = client.post("/tra-cuu/nop", data=hidden(old, "/tra-cuu/nop"))
        assert answer.headers["Location"] == f"/pay/{late.order.pay_token}?lang=vi"
    assert REVIEW in client.get(answer.headers["Location"]).text
    slip = client.post("/tra-cuu/phieu", data=hidden(form, "/tra-cuu/phieu"))
    assert slip.headers["Location"] == answer.headers["Location"]


def test_somebody_who_pays_for_another_is_not_asked_again_either(client: FlaskClient, late: Late) -> None:
    runtime = late.street.scene.runtime
    with runtime.database.begin() as uow:
        token = links.make_link(uow, late.fine.id, LinkPurpose.PAYER).token
        uow.commit()
    form = hidden(client.get(f"/nop-thay/{token}").text, f"/nop-thay/{token}")
    late.money_comes()
    page = client.get(f"/nop-thay/{token}").text
    assert 'data-status="being_confirmed"' in page or "đừng nộp lại" in page
    answer = client.post(f"/nop-thay/{token}", data=form)
    assert answer.headers["Location"].startswith(f"/pay/{late.order.pay_token}")


def test_counter_asks_nobody_for_it_again(late: Late, bank: Bank) -> None:  # noqa: F811
    bill = bank.bill(NUMBER)
    late.money_comes()
    assert bank.inquire(NUMBER).word == "being_confirmed"
    assert bank.inquire(late.order.payment_code).word == "being_confirmed"
    assert bank.pay(bill).word == "being_confirmed"  # the slip was printed before
    late.gives_back(1_000_000)
    assert bank.pay(bank.bill(NUMBER), "FT2").word == "accepted"


def test_portal_sees_the_money_and_is_refused_an_order_unless_it_insists(late: Late) -> None:
    portal = late.portal
    assert portal.get(f"/obligations/{late.public}").json["holds_money"] is False
    late.money_comes()
    assert portal.get(f"/obligations/{late.public}").json["holds_money"] is True
    refused = portal.post("/payment-orders", late.asks_for())
    assert (refused.status_code, refused.json["code"]) == (409, "obligation_holds_money")
    insisting = portal.post("/payment-orders", late.asks_for(despite_held_money=True))
    assert insisting.status_code == 201
    with late.street.scene.runtime.database.begin() as uow:
        said = uow.run(
            "SELECT facts FROM audit_entry WHERE action = 'payment_order.created' ORDER BY recorded_at"
        )
        assert [row[0].get("despite_held_money") for row in said] == [None, True]
    late.gives_back(1_000_000)
    assert portal.get(f"/obligations/{late.public}").json["holds_money"] is False


def test_portal_orders_as_before_once_the_money_went_back(late: Late) -> None:
    late.money_comes()
    late.gives_back(1_000_000)
    assert late.portal.post("/payment-orders", late.asks_for()).status_code == 201


def test_new_order_that_was_made_before_the_money_came_takes_no_payment(
    client: FlaskClient,
    late: Late,
    bank: Bank,  # noqa: F811
) -> None:
    scene = late.street.scene
    again = scene.order(late.fine)
    late.money_comes()
    assert late.street.ask()[0].status is CONFIRMING
    assert REVIEW in client.get(f"/pay/{again.pay_token}").text
    line, settings = scene.runtime.providers.get(VNPAY), scene.runtime.settings.orders
    with scene.runtime.database.begin() as uow, pytest.raises(AttemptInProgress):
        open_attempt(uow, order_id=again.id, line=line, settings=settings)
    assert bank.inquire(again.payment_code).word == "being_confirmed"
    with scene.runtime.database.begin() as uow:
        cancel_order(uow, portal_code=scene.portal_code, order_ref=again.order_ref, actor="key-1")
        uow.commit()
    insisting = late.portal.order(obligations=[late.public], despite_held_money=True)
    assert bank.pay(bank.bill(insisting["payment_code"]), "FT2").word == "accepted"
    assert late.street.ask()[0].status is LookupStatus.PAID


def test_money_that_has_moved_at_a_counter_pays_all_the_same(late: Late, bank: Bank, app: Flask) -> None:  # noqa: F811
    bill = bank.bill(NUMBER)
    late.money_comes()
    assert bank.pay(bill, money_moved=True).word == "accepted"
