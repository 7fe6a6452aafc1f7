"""An agency says that something was paid without us: every kind, what becomes of its order, money on its way, and taking it back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from flask import Flask

from payclear.contract.outcomes import EvidenceSource
from payclear.kernel.ids import public_id
from payclear.obligations.records import ObligationView
from payclear.operations.verify import verify
from payclear.orders.records import OrderView
from payclear.orders.service import expire_order
from tests.collection.bank import Bank
from tests.obligations.insurance.conftest import office as office
from tests.obligations.insurance.office import Office
from tests.obligations.test_api import refused
from tests.portal_api import PortalApi
from tests.scenes import Scene

SHOWN = {"proof_ref": "BL-0001234", "paid_on": "2026-11-21"}


def path(owed: ObligationView) -> str:
    return f"/obligations/{public_id('obl', owed.id)}"


def said(portal: PortalApi, owed: ObligationView, what: str = "paid-elsewhere") -> dict[str, Any]:
    answer = portal.post(f"{path(owed)}/{what}", SHOWN if what == "paid-elsewhere" else None)
    assert answer.status_code == 200, answer.text
    return answer.json


def cases(scene: Scene) -> list[tuple[str, str, int]]:
    with scene.runtime.database.begin() as uow:
        return uow.run("SELECT kind, proposal, amount FROM suspense_case ORDER BY opened_at").fetchall()


def broken(scene: Scene) -> set[str]:
    findings = verify(scene.runtime.database)
    return {each.check.id for each in findings if not each.holds} - {"INV-15", "INV-20"}


def begun(scene: Scene, owed: ObligationView) -> tuple[OrderView, Any]:
    order = scene.order(owed)
    return order, scene.attempt(order)


def test_fee_paid_at_the_desk_is_not_payable_here_until_that_is_taken_back(
    portal: PortalApi, scene: Scene
) -> None:
    fee = scene.fee()
    order = scene.order(fee)
    told = said(portal, fee)
    assert (told["status"], told["quote"]) == ("paid_elsewhere", None)
    assert told["paid_elsewhere"] == SHOWN | {"recorded_at": told["paid_elsewhere"]["recorded_at"]}
    assert scene.reload(order.id).state == "cancelled"
    assert said(portal, fee) == told
    body = portal.order_body(obligations=[public_id("obl", fee.id)])
    refused(portal.post("/payment-orders", body), 409, "obligation_not_payable")
    refused(portal.post(f"{path(fee)}/cancel", None), 409, "obligation_not_cancellable")
    back = said(portal, fee, "paid-elsewhere/undo")
    assert (back["status"], back["paid_elsewhere"]) == ("open", None)
    assert said(portal, fee, "paid-elsewhere/undo") == back
    assert portal.post("/payment-orders", body).status_code == 201
    with scene.runtime.database.begin() as uow:
        facts = uow.run(
            "SELECT convert_from(body, 'UTF8')::jsonb -> 'data' ->> 'change' FROM event"
            " WHERE type = 'obligation.changed' ORDER BY sequence"
        ).fetchall()
        audited = uow.run(
            "SELECT action FROM audit_entry WHERE action LIKE 'obligation.%%elsewhere' ORDER BY recorded_at, id"
        ).fetchall()
    assert facts == [("paid_elsewhere",), ("not_paid_elsewhere",)]
    assert audited == [("obligation.paid_elsewhere",), ("obligation.not_paid_elsewhere",)]
    assert broken(scene) == set()


def test_fine_is_answered_as_an_obligation_too(portal: PortalApi, scene: Scene) -> None:
    told = said(portal, scene.fine())
    assert (told["status"], told["paid_elsewhere"]["proof_ref"]) == ("paid_elsewhere", "BL-0001234")


@pytest.mark.parametrize("kind", ["household", "voluntary"])
def test_contribution_paid_at_the_office_covers_nothing_here_and_may_be_taken_back(
    office: Office, kind: str
) -> None:
    office.on(date(2026, 8, 15))
    body = office.household(1) if kind == "household" else office.voluntary()
    made = office.register(body)
    address = f"/obligations/{made['id']}/paid-elsewhere"
    shown = SHOWN | {"paid_on": "2026-08-15"}
    assert office.portal.post(address, shown).json["status"] == "paid_elsewhere"
    assert office.portal.post(f"{address}/undo").json["quote"] == made["quote"]
    office.portal.post(address, shown)
    other = office.household(1) if kind == "household" else office.voluntary()
    assert office.register(other)["quote"] is not None
    refused(office.portal.post(f"{address}/undo"), 409, "months_in_another_notice")
    assert office.read(made)["status"] == "paid_elsewhere"


@pytest.mark.parametrize("late", [False, True])
def test_money_on_its_way_is_kept_apart_and_proposed_for_refund(
    portal: PortalApi, scene: Scene, late: bool
) -> None:
    fee = scene.fee()
    order, attempt = begun(scene, fee)
    said(portal, fee)
    assert scene.reload(order.id).state == "open"
    if late:
        with scene.runtime.database.begin() as uow:
            assert not expire_order(uow, order.id)  # its provider has not answered
    applied = scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    assert (applied.effect, cases(scene)) == ("suspended", [("late_success", "refund", 200_000)])
    assert portal.get(path(fee)).json["status"] == "paid_elsewhere"
    assert broken(scene) == set()


def test_money_on_its_way_pays_after_all_once_the_agency_took_its_word_back(
    portal: PortalApi, scene: Scene
) -> None:
    fee = scene.fee()
    order, attempt = begun(scene, fee)
    said(portal, fee)
    said(portal, fee, "paid-elsewhere/undo")
    body = portal.order_body(obligations=[public_id("obl", fee.id)])
    refused(portal.post("/payment-orders", body), 409, "obligation_in_another_order")
    scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    assert (scene.reload(order.id).state, portal.get(path(fee)).json["status"]) == ("paid", "paid")
    assert broken(scene) == set()


def test_money_for_a_fee_beside_another_that_was_paid_elsewhere_pays_neither(
    portal: PortalApi, scene: Scene
) -> None:
    fee, other = scene.fee(), scene.fine()
    order = scene.order(fee, other)
    attempt = scene.attempt(order)
    said(portal, fee)
    applied = scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    assert (applied.effect, portal.get(path(other)).json["status"]) == ("suspended", "open")
    assert broken(scene) == set()


def test_counter_takes_no_cash_for_it_and_keeps_what_it_took_already_apart(
    app: Flask, portal: PortalApi, scene: Scene
) -> None:
    bank = Bank(app, scene.runtime.clock)
    fee, other = scene.fee(), scene.fee()
    bill, second = bank.bill(fee.document_no), bank.bill(other.document_no)
    said(portal, fee)
    assert bank.pay(bill, "FT1").word == "not_payable"
    assert bank.pay(second, "FT2").word == "accepted"
    refused(portal.post(f"{path(other)}/paid-elsewhere", SHOWN), 409, "obligation_not_payable")
    assert broken(scene) == set()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("paid_on", "2026-11-22", "invalid_input"),
        ("paid_on", "2026-11-20", "invalid_input"),
        ("proof_ref", "Nguyễn Văn Mẫu 0001", "invalid_request"),
        ("proof_ref", "", "invalid_request"),
    ],
)
def test_what_can_not_be_a_receipt_is_refused(
    portal: PortalApi, scene: Scene, field: str, value: str, code: str
) -> None:
    fee = scene.fee()
    refused(portal.post(f"{path(fee)}/paid-elsewhere", SHOWN | {field: value}), 422, code)
    assert portal.get(path(fee)).json["status"] == "open"


def test_obligation_of_another_portal_is_not_found(app: Flask, portal: PortalApi, scene: Scene) -> None:
    stranger = PortalApi.of(app, scene, portal_code="another")
    fee = scene.fee()
    for what, body in (("paid-elsewhere", SHOWN), ("paid-elsewhere/undo", None)):
        refused(stranger.post(f"{path(fee)}/{what}", body), 404, "obligation_not_found")


def test_saying_it_and_paying_at_one_moment_never_both_win(portal: PortalApi, scene: Scene) -> None:
    for _ in range(8):
        fee = scene.fee()
        order, attempt = begun(scene, fee)
        money = scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY)
        with ThreadPoolExecutor(2) as pool:
            paid = pool.submit(scene.apply, money)
            told = pool.submit(portal.post, f"{path(fee)}/paid-elsewhere", SHOWN)
        won = [paid.result().effect == "captured", told.result().status_code == 200]
        assert sorted(won) == [False, True], (paid.result().effect, told.result().text)
        assert scene.reload(order.id).state == ("paid" if won[0] else "open")
    assert broken(scene) == set()


@pytest.mark.parametrize(
    "plant",
    [
        "UPDATE obligation SET state = 'paid_elsewhere'",
        "UPDATE payment_order SET state = 'open', expires_at = expires_at + interval '1 day'",
    ],
)
def test_verify_finds_what_was_paid_elsewhere_without_a_proof_or_is_promised_still(
    portal: PortalApi, scene: Scene, plant: str
) -> None:
    fee = scene.fee()
    if "payment_order" in plant:
        order, _attempt = begun(scene, fee)
        said(portal, fee)
        assert scene.reload(order.id).state == "open"
    assert broken(scene) == set()
    with scene.runtime.database.begin() as uow:
        uow.run(plant)
        uow.commit()
    assert "INV-80" in broken(scene)
