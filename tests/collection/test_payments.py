"""Cash at a counter reaches the dossier, once; money that has moved never vanishes; anything else is refused and nothing stays."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from payclear.contract.outcomes import EvidenceSource
from payclear.kernel.payment_code import new_payment_code
from payclear.obligations.domain import ObligationState
from payclear.obligations.records import ObligationView
from payclear.obligations.service import find_many
from payclear.orders.domain import OrderState
from payclear.orders.records import OrderView
from payclear.orders.service import (
    CreateOrder,
    cancel_order,
    create_order,
    expire_order,
    find_by_payment_code,
)
from tests.collection.bank import ACCOUNT, Bank
from tests.database import TestServer
from tests.scenes import Scene

ALL_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'alembic%'"
# What a refused payment may leave behind: the message, kept before anything was decided.
KEPT = "collection_message"


def everything(scene: Scene) -> dict[str, int]:
    with scene.runtime.database.begin() as uow:
        names = [row[0] for row in uow.run(ALL_TABLES)]
        names = [name for name in names if name not in (KEPT, "day_key")]  # the key that seals what is kept
        return {name: uow.run(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


def rows(scene: Scene, sql: str) -> list[tuple[Any, ...]]:
    with scene.runtime.database.begin() as uow:
        return uow.run(sql).fetchall()


def order_of(scene: Scene, bill: dict[str, Any]) -> OrderView:
    with scene.runtime.database.begin() as uow:
        order = find_by_payment_code(uow, bill["bill_id"])
    assert order is not None
    return order


def state_of(scene: Scene, obligation: ObligationView) -> ObligationState:
    with scene.runtime.database.begin() as uow:
        return find_many(uow, [obligation.id])[0].state


def cases(scene: Scene) -> list[tuple[str, int]]:
    return rows(scene, "SELECT kind, amount FROM suspense_case ORDER BY kind")


def in_suspense(scene: Scene) -> int:
    return rows(scene, "SELECT coalesce(sum(amount), 0) FROM posting WHERE account_code = 'suspense'")[0][0]


@contextmanager
def broken_ledger(postgres: TestServer) -> Iterator[None]:
    """Something in the middle of the transaction is broken for a while."""
    with postgres.superuser() as connection:
        connection.execute("ALTER TABLE posting RENAME TO posting_away")
    try:
        yield
    finally:
        with postgres.superuser() as connection:
            connection.execute("ALTER TABLE posting_away RENAME TO posting")


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Do everything at the same moment, each on a connection of its own."""
    barrier, answers = Barrier(len(acts)), []

    def do(act: Callable[[], Any]) -> None:
        barrier.wait()
        answers.append(act())

    threads = [Thread(target=do, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_wrong_amount_is_refused_and_nothing_stays(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fee().document_no)
    before = everything(scene)
    for amount in (199_999, 200_001, 1):
        heard = bank.pay(bill, amount=amount)
        assert (heard.status, heard.word) == (422, "amount_mismatch")
    assert everything(scene) == before


def test_bill_of_nobody_or_of_another_bank_is_refused(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fee().document_no)
    with scene.runtime.database.begin() as uow:
        uow.run("UPDATE collection_bill SET provider_account = 'another-bank'")
        uow.commit()
    before = everything(scene)
    for bill_id in (bill["bill_id"], new_payment_code()):
        heard = bank.pay(bill, bill_id=bill_id)
        assert (heard.status, heard.word) == (422, "bill_mismatch")
    assert everything(scene) == before


def test_bill_of_another_document_is_refused(bank: Bank, scene: Scene) -> None:
    mine, other = scene.fee(), scene.fee()
    bill, others = bank.bill(mine.document_no), bank.bill(other.document_no)
    for number in (other.document_no, others["bill_id"], "H00.14-261121-9999"):
        assert bank.pay(bill, document_no=number).word == "bill_mismatch"
    assert bank.pay(bill, document_no=mine.document_no.lower()).word == "accepted"


def test_payment_code_may_be_repeated_for_the_bill_of_a_dossier(bank: Bank, scene: Scene) -> None:
    order = scene.order()
    bill = bank.bill(order.documents[0].document_no)
    assert bank.pay(bill, document_no=order.payment_code).word == "accepted"


def test_paid_elsewhere_or_being_confirmed_elsewhere_is_refused(bank: Bank, scene: Scene) -> None:
    order = scene.order()
    bill = bank.bill(order.payment_code)
    attempt = scene.attempt(order)
    assert (bank.pay(bill).status, bank.pay(bill).word) == (409, "being_confirmed")
    scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    assert (bank.pay(bill).status, bank.pay(bill).word) == (409, "already_paid")
    assert scene.reload(order.id).attempts[0].provider_account == "vnpay-demo"


def test_withdrawn_order_is_refused(bank: Bank, scene: Scene) -> None:
    order = scene.order()
    bill = bank.bill(order.payment_code)
    with scene.runtime.database.begin() as uow:
        cancel_order(uow, portal_code="demoportal", order_ref=order.order_ref, actor="key-1")
        uow.commit()
    assert (bank.pay(bill).status, bank.pay(bill).word) == (409, "not_payable")


def test_bill_is_refused_once_its_day_is_over(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fine().document_no)
    scene.runtime.clock.advance(timedelta(hours=13, minutes=30))  # 00:00 in Viet Nam
    before = everything(scene)
    assert (bank.pay(bill).status, bank.pay(bill).word) == (409, "not_payable")
    assert everything(scene) == before


def test_obligation_that_went_into_an_order_with_others_must_be_asked_for_again(
    bank: Bank, scene: Scene
) -> None:
    fee, other = scene.fee(), scene.fee()
    bill = bank.bill(fee.document_no)
    order = scene.order(fee, other)
    assert bank.pay(bill).word == "not_payable"
    assert bank.pay(bank.bill(fee.document_no)).word == "accepted"
    assert scene.reload(order.id).state is OrderState.PAID


def test_cash_at_a_counter_reaches_the_dossier(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    bill = bank.bill(fee.document_no)
    heard = bank.pay(bill, document_no=fee.document_no)
    order = order_of(scene, bill)
    assert heard.body == {"result": "accepted", "bank_ref": "FT1", "order_ref": order.order_ref}
    assert (order.state, state_of(scene, fee)) == (OrderState.PAID, ObligationState.PAID)
    (attempt,) = order.attempts
    assert (attempt.provider_account, attempt.provider_ref) == (ACCOUNT, "FT1")
    assert (attempt.channel, attempt.instrument) == ("COUNTER_BRANCH", "CASH")
    told = [row[0] for row in rows(scene, "SELECT type FROM event")]
    assert "payment_order.paid" in told


def test_fine_is_paid_with_its_surcharge(bank: Bank, scene: Scene) -> None:
    fine = scene.fine()
    bill = bank.bill(fine.document_no)
    assert bank.pay(bill, channel="EBANKING", instrument="ACCOUNT").word == "accepted"
    order = order_of(scene, bill)
    assert [line.type for line in order.lines] == ["fine", "late_surcharge"]
    assert (order.attempts[0].channel, order.attempts[0].instrument) == ("EBANKING", "ACCOUNT")


def test_order_of_a_portal_is_paid_at_the_counter(bank: Bank, scene: Scene) -> None:
    order = scene.order()
    assert bank.pay(bank.bill(order.payment_code)).body["order_ref"] == order.order_ref
    assert scene.reload(order.id).state is OrderState.PAID


def test_order_that_a_portal_made_meanwhile_is_the_one_that_is_paid(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    bill = bank.bill(fee.document_no)
    order = scene.order(fee)
    assert bank.pay(bill).body["order_ref"] == order.order_ref
    assert scene.reload(order.id).state is OrderState.PAID


def test_page_of_an_order_made_at_a_counter_works_without_a_way_back(
    bank: Bank, scene: Scene, client: FlaskClient
) -> None:
    bill = bank.bill(scene.fee().document_no)
    bank.pay(bill)
    page = client.get(f"/pay/{order_of(scene, bill).pay_token}")
    assert page.status_code == 200
    assert 'href=""' not in page.text


def test_repeated_payment_is_counted_once(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fee().document_no)
    assert bank.pay(bill).word == "accepted"
    before = everything(scene)
    assert {bank.pay(bill).word for _ in range(99)} == {"already_known"}
    assert everything(scene) == before


def test_replayed_message_is_answered_from_what_is_known(bank: Bank, scene: Scene, app: Flask) -> None:
    import json

    bill = bank.bill(scene.fee().document_no)
    body = json.dumps(bank.payment(bill)).encode()
    headers = bank.headers("payments", body)
    words = [bank.send(app.test_client(), "payments", body, headers).word for _ in range(3)]
    assert words == ["accepted", "already_known", "already_known"]


def test_reference_that_stands_for_another_payment_is_refused(bank: Bank, scene: Scene) -> None:
    first, second = bank.bill(scene.fee().document_no), bank.bill(scene.fee().document_no)
    assert bank.pay(first).word == "accepted"
    before = everything(scene)
    assert (bank.pay(second).status, bank.pay(second).word) == (409, "reference_reused")
    assert bank.pay(first, amount=1).word == "reference_reused"
    assert bank.pay(second, money_moved=True).word == "reference_reused"
    assert everything(scene) == before


def test_fifty_equal_payments_at_once_are_one(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fee().document_no)
    words = at_once([lambda: bank.pay(bill).word] * 50)
    assert sorted(words) == ["accepted"] + ["already_known"] * 49
    assert [row[0] for row in rows(scene, "SELECT count(*) FROM journal_entry")] == [1]


def test_fifty_tellers_with_one_bill_take_it_once(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fee().document_no)
    acts = [lambda number=number: bank.pay(bill, f"FT{number}").word for number in range(50)]
    words = at_once(acts)
    assert words.count("accepted") == 1
    assert words.count("already_paid") == 49
    assert [row[0] for row in rows(scene, "SELECT count(*) FROM journal_entry")] == [1]


def test_counter_and_portal_at_the_same_instant_make_one_order(bank: Bank, scene: Scene) -> None:
    from payclear.orders.errors import ObligationInOrder, ObligationNotPayable

    def order(fee: ObligationView) -> str:
        try:
            return scene.order(fee).order_ref
        except (ObligationInOrder, ObligationNotPayable):
            return "refused"

    for number in range(8):
        fee = scene.fee()
        bill = bank.bill(fee.document_no)
        answers = at_once(
            [lambda f=fee: order(f), lambda b=bill, n=number: bank.pay(b, f"FT{n}").word]  # type: ignore[misc]
        )
        assert "accepted" in answers
        assert state_of(scene, fee) is ObligationState.PAID


def test_money_that_moved_for_a_late_bill_is_taken_when_it_is_what_is_owed(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    bill = bank.bill(fee.document_no)
    scene.runtime.clock.advance(timedelta(days=3))
    assert bank.pay(bill).word == "not_payable"
    assert bank.pay(bill, money_moved=True).word == "accepted"
    assert state_of(scene, fee) is ObligationState.PAID


def test_money_that_moved_for_yesterdays_amount_lies_in_suspense(bank: Bank, scene: Scene) -> None:
    fine = scene.fine()
    bill = bank.bill(fine.document_no)
    scene.runtime.clock.advance(timedelta(days=1))
    heard = bank.pay(bill, money_moved=True)
    assert (heard.status, heard.word) == (200, "suspended")
    assert bank.pay(bill, money_moved=True).word == "suspended"
    assert cases(scene) == [("amount_mismatch", bill["amount"])]
    assert in_suspense(scene) == bill["amount"]
    assert bank.inquire(fine.document_no).word == "being_confirmed"


def test_suspended_payment_does_not_keep_the_bill_for_ever(bank: Bank, scene: Scene) -> None:
    fee = scene.fee()
    bill = bank.bill(fee.document_no)
    assert bank.pay(bill, amount=150_000, money_moved=True).word == "suspended"
    order = order_of(scene, bill)
    scene.runtime.clock.set(order.expires_at)
    with scene.runtime.database.begin() as uow:
        assert expire_order(uow, order.id)
        uow.commit()
    assert bank.inquire(fee.document_no).word == "being_confirmed"  # its money still lies here
    command = CreateOrder(
        portal_code=scene.portal_code,
        portal_ref="insists",
        obligation_ids=(fee.id,),
        return_url="https://portal.example/return",
        locale="vi",
        expires_in=timedelta(hours=1),
        actor="key-1",
        despite_held_money=True,
    )
    with scene.runtime.database.begin() as uow:
        create_order(uow, command)
        uow.commit()
    again = bank.bill(fee.document_no)
    assert again["bill_id"] != bill["bill_id"]
    assert bank.pay(again, "FT2").word == "accepted"


def test_money_that_moved_for_an_unknown_bill_does_not_vanish(bank: Bank, scene: Scene) -> None:
    bill = {"bill_id": new_payment_code(), "amount": 77_000, "currency": "VND"}
    assert bank.pay(bill).word == "bill_mismatch"
    assert [bank.pay(bill, money_moved=True).word for _ in range(3)] == ["suspended"] * 3
    assert cases(scene) == [("unknown_attempt", 77_000)]
    assert in_suspense(scene) == 77_000
    assert bank.status("FT1").word == "suspended"


def test_transfer_that_names_a_payment_code_pays_its_order(bank: Bank, scene: Scene) -> None:
    order = scene.order()
    bill = {"bill_id": order.payment_code, "amount": 200_000, "currency": "VND"}
    assert bank.pay(bill).word == "bill_mismatch"
    assert bank.pay(bill, money_moved=True, channel="QR", instrument="ACCOUNT").word == "accepted"
    assert scene.reload(order.id).state is OrderState.PAID


def test_money_that_moved_for_another_document_lies_in_suspense(bank: Bank, scene: Scene) -> None:
    fee, other = scene.fee(), scene.fee()
    bill = bank.bill(fee.document_no)
    assert bank.pay(bill, document_no=other.document_no, money_moved=True).word == "suspended"
    assert cases(scene) == [("unknown_attempt", 200_000)]
    assert bank.pay(bill, "FT2").word == "accepted"


def test_second_payment_for_another_document_has_a_case_of_its_own(bank: Bank, scene: Scene) -> None:
    fee, other = scene.fee(), scene.fee()
    bill = bank.bill(fee.document_no)
    assert bank.pay(bill, "FT1").word == "accepted"
    assert bank.pay(bill, "FT2", document_no=other.document_no, money_moved=True).word == "suspended"
    assert cases(scene) == [("unknown_attempt", 200_000)]
    assert in_suspense(scene) == 200_000


def test_transfer_for_another_document_pays_no_order_by_its_code_alone(bank: Bank, scene: Scene) -> None:
    order, other = scene.order(), scene.fee()
    bill = {"bill_id": order.payment_code, "amount": 200_000, "currency": "VND"}
    assert bank.pay(bill, document_no=other.document_no, money_moved=True).word == "suspended"
    assert scene.reload(order.id).state is OrderState.OPEN
    own = order.documents[0].document_no
    assert bank.pay(bill, "FT2", document_no=own, money_moved=True).word == "accepted"


def test_transfer_without_a_bill_pays_the_order_whose_code_is_its_document(bank: Bank, scene: Scene) -> None:
    order = scene.order()
    bill = {"bill_id": new_payment_code(), "amount": 200_000, "currency": "VND"}
    assert bank.pay(bill, document_no=order.payment_code, money_moved=True).word == "accepted"
    assert scene.reload(order.id).state is OrderState.PAID


def test_money_that_moved_for_what_is_paid_lies_in_suspense(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fee().document_no)
    assert bank.pay(bill, "FT1").word == "accepted"
    assert bank.pay(bill, "FT2", money_moved=True).word == "suspended"
    assert in_suspense(scene) == 200_000
    assert len(cases(scene)) == 1


def test_money_that_moved_while_another_payment_is_open_lies_in_suspense(bank: Bank, scene: Scene) -> None:
    order = scene.order()
    bill = bank.bill(order.payment_code)
    attempt = scene.attempt(order)
    assert bank.pay(bill, money_moved=True).word == "suspended"
    scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    assert scene.reload(order.id).state is OrderState.PAID
    assert in_suspense(scene) == 200_000


def test_money_that_moved_for_a_share_of_an_order_lies_in_suspense(bank: Bank, scene: Scene) -> None:
    fee, other = scene.fee(), scene.fee()
    bill = bank.bill(fee.document_no)
    order = scene.order(fee, other)
    assert bank.pay(bill, money_moved=True).word == "suspended"
    assert scene.reload(order.id).state is OrderState.OPEN
    assert cases(scene) == [("amount_mismatch", 200_000)]


def test_payment_that_can_not_be_applied_is_kept_and_taken_when_the_bank_comes_again(
    bank: Bank, scene: Scene, postgres: TestServer
) -> None:
    bill = bank.bill(scene.fee().document_no)
    with broken_ledger(postgres):
        heard = bank.pay(bill)
        assert (heard.status, heard.word) == (503, "try_again")
    assert bank.status("FT1").word == "not_found"
    assert [row[0] for row in rows(scene, f"SELECT count(*) FROM {KEPT}")] == [1]
    assert rows(scene, "SELECT count(*) FROM payment_order") == [(0,)]
    assert bank.pay(bill).word == "accepted"
    assert [row[0] for row in rows(scene, f"SELECT count(*) FROM {KEPT}")] == [1]


def test_status_says_what_became_of_a_payment(bank: Bank, scene: Scene) -> None:
    bill = bank.bill(scene.fee().document_no)
    assert (bank.status("FT1").status, bank.status("FT1").word) == (404, "not_found")
    bank.pay(bill)
    heard = bank.status("FT1")
    assert heard.body == {
        "result": "accepted",
        "bank_ref": "FT1",
        "order_ref": order_of(scene, bill).order_ref,
        "at": "2026-11-21T03:30:00Z",
    }
