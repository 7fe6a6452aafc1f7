"""A portal withdraws what it registered by mistake; what is paid, ordered or a decision stays."""

from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from payclear.kernel.ids import public_id
from payclear.operations.verify import verify
from tests.collection.bank import Bank
from tests.obligations.test_api import FEE, FINE, changed, refused
from tests.portal_api import PortalApi


def test_cancelled_fee_frees_its_dossier_code_for_the_right_facts(portal: PortalApi) -> None:
    made = portal.post("/obligations", FEE).json
    gone = portal.post(f"/obligations/{made['id']}/cancel", None)
    assert (gone.status_code, gone.json["status"], gone.json["quote"]) == (200, "cancelled", None)
    assert portal.post(f"/obligations/{made['id']}/cancel", None).json["status"] == "cancelled"
    right = portal.post("/obligations", changed(FEE, "lines.0.amount", 160_000))
    assert right.status_code == 201
    assert right.json["id"] != made["id"]
    with portal.scene.runtime.database.begin() as uow:
        (events,) = uow.one("SELECT count(*) FROM event WHERE type = 'obligation.changed'")
    assert events == 1
    assert all(finding.holds for finding in verify(portal.scene.runtime.database))


def test_cancelled_fee_can_not_be_ordered(portal: PortalApi) -> None:
    made = portal.post("/obligations", FEE).json
    portal.post(f"/obligations/{made['id']}/cancel", None)
    order = {
        "portal_ref": "ref-cancelled",
        "obligations": [made["id"]],
        "return_url": "https://portal.example/return",
    }
    assert portal.post("/payment-orders", order).status_code in (409, 422)


def test_what_an_order_collects_or_was_paid_or_is_a_decision_stays(portal: PortalApi) -> None:
    fee = portal.scene.fee()
    portal.scene.order(fee)
    refused(
        portal.post(f"/obligations/{public_id('obl', fee.id)}/cancel", None),
        409,
        "obligation_not_cancellable",
    )
    fine = portal.post("/obligations", FINE).json
    answer = portal.post(f"/obligations/{fine['id']}/cancel", None)
    refused(answer, 409, "obligation_not_cancellable")
    paid = portal.scene.paid_order()
    with portal.scene.runtime.database.begin() as uow:
        (obligation_id,) = uow.one(
            "SELECT obligation_id FROM payment_order_obligation WHERE order_id = %s", (paid.id,)
        )
    refused(
        portal.post(f"/obligations/{public_id('obl', obligation_id)}/cancel", None),
        409,
        "obligation_not_cancellable",
    )


def test_cancelling_and_ordering_at_one_moment_never_both_win(portal: PortalApi) -> None:
    for number in range(8):
        body = changed(FEE, "document.dossier_code", f"H00.14-261121-9{number:03}")
        made = portal.post("/obligations", body).json
        order = {
            "portal_ref": f"race-{number}",
            "obligations": [made["id"]],
            "return_url": "https://portal.example/return",
        }
        with ThreadPoolExecutor(2) as pool:
            ordered = pool.submit(portal.post, "/payment-orders", order)
            gone = pool.submit(portal.post, f"/obligations/{made['id']}/cancel", None)
        assert sorted([ordered.result().status_code < 300, gone.result().status_code < 300]) == [False, True]


def test_cancelling_and_registering_other_facts_at_one_moment_leave_one_that_is_owed(
    portal: PortalApi,
) -> None:
    for number in range(8):
        body = changed(FEE, "document.dossier_code", f"H00.14-261121-8{number:03}")
        made = portal.post("/obligations", body).json
        with ThreadPoolExecutor(3) as pool:
            gone = [
                pool.submit(portal.post, f"/obligations/{made['id']}/cancel", None),
                pool.submit(portal.post, f"/obligations/{made['id']}/cancel", None),
            ]
            other = pool.submit(portal.post, "/obligations", changed(body, "lines.0.amount", 160_000))
        assert [each.result().status_code for each in gone] == [200, 200]
        assert other.result().status_code in (201, 409)
        with portal.scene.runtime.database.begin() as uow:
            (events,) = uow.one("SELECT count(*) FROM event WHERE type = 'obligation.changed'")
            rows = uow.run(
                "SELECT state, principal FROM obligation WHERE document_no = %s ORDER BY created_at, principal",
                (body["document"]["dossier_code"],),
            ).fetchall()
        assert events == number + 1
        right = [("open", 160_000)] if other.result().status_code == 201 else []
        assert rows == [("cancelled", 150_000), *right]
    assert all(finding.holds for finding in verify(portal.scene.runtime.database))


def test_cancelling_and_paying_at_a_counter_at_one_moment_never_both_win(
    app: Flask, portal: PortalApi
) -> None:
    bank = Bank(app, portal.scene.runtime.clock)
    for number in range(8):
        fee = portal.scene.fee()
        bill = bank.bill(fee.document_no)
        with ThreadPoolExecutor(2) as pool:
            paid = pool.submit(bank.pay, bill, f"FT{number}")
            gone = pool.submit(portal.post, f"/obligations/{public_id('obl', fee.id)}/cancel", None)
        won = [paid.result().word == "accepted", gone.result().status_code == 200]
        assert sorted(won) == [False, True], (paid.result().word, gone.result().text)
    assert all(finding.holds for finding in verify(portal.scene.runtime.database))
