"""The portal API of payment orders, refusals first."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask

from payclear.contract.outcomes import Outcome
from payclear.kernel.clock import FixedClock
from payclear.kernel.ids import is_order_ref, new_order_ref, new_uuid, public_id
from payclear.kernel.payment_code import is_payment_code
from payclear.orders.domain import AttemptState
from payclear.orders.schemas import ATTEMPT_STATUS, AttemptStatus
from payclear.orders.service import expire_order
from payclear.runtime import Runtime
from tests.portal_api import RETURN_URL, PortalApi
from tests.scenes import Scene


def obl(obligation: Any) -> str:
    return public_id("obl", obligation.id)


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
    return answer.json


def orders_in(runtime: Runtime) -> int:
    with runtime.database.begin() as uow:
        return uow.run("SELECT count(*) FROM payment_order").fetchone()[0]


def expire(portal: PortalApi, clock: FixedClock, minutes: int = 1440) -> None:
    clock.advance(timedelta(minutes=minutes))
    with portal.scene.runtime.database.begin() as uow:
        (order_id,) = uow.run("SELECT id FROM payment_order").fetchone()
        assert expire_order(uow, order_id)
        uow.commit()


def test_create_unknown_obligation_is_404(portal: PortalApi, runtime: Runtime) -> None:
    body = portal.order_body(obligations=[public_id("obl", new_uuid())])
    refused(portal.post("/payment-orders", body), 404, "obligation_not_found")
    assert orders_in(runtime) == 0


def test_create_foreign_obligation_is_404_like_an_unknown_one(
    app: Flask, scene: Scene, portal: PortalApi
) -> None:
    stranger = PortalApi.of(app, scene, portal_code="stranger")
    mine = obl(scene.fee())
    foreign = stranger.post("/payment-orders", stranger.order_body(obligations=[mine]))
    unknown = stranger.post(
        "/payment-orders", stranger.order_body(obligations=[public_id("obl", new_uuid())])
    )
    first, second = (
        refused(foreign, 404, "obligation_not_found"),
        refused(unknown, 404, "obligation_not_found"),
    )
    for problem in (first, second):
        problem.pop("request_id")
    assert first == second


def test_create_one_foreign_among_own_refuses_all(app: Flask, scene: Scene, portal: PortalApi) -> None:
    stranger = PortalApi.of(app, scene, portal_code="stranger")
    body = stranger.order_body(obligations=[obl(scene.fee()), obl(scene.fee())])
    refused(stranger.post("/payment-orders", body), 404, "obligation_not_found")


def test_create_paid_obligation_is_409(portal: PortalApi, scene: Scene) -> None:
    fee = scene.fee()
    scene.apply(scene.evidence(scene.attempt(scene.order(fee))))
    answer = portal.post("/payment-orders", portal.order_body(obligations=[obl(fee)]))
    refused(answer, 409, "obligation_not_payable")


def test_create_cancelled_obligation_is_409(portal: PortalApi, scene: Scene) -> None:
    fee = scene.fee()
    with scene.runtime.database.begin() as uow:
        uow.run("UPDATE obligation SET state = 'cancelled' WHERE id = %s", (fee.id,))
        uow.commit()
    answer = portal.post("/payment-orders", portal.order_body(obligations=[obl(fee)]))
    assert refused(answer, 409, "obligation_not_payable")["facts"]["state"] == "cancelled"


def test_create_obligation_of_an_open_order_is_409(portal: PortalApi, scene: Scene) -> None:
    fee = obl(scene.fee())
    portal.order(obligations=[fee])
    answer = portal.post("/payment-orders", portal.order_body(obligations=[fee]))
    refused(answer, 409, "obligation_in_another_order")


def test_create_portal_ref_is_unique_for_ever(portal: PortalApi, clock: FixedClock) -> None:
    first = portal.order(portal_ref="ref-1")
    cancelled = portal.post(f"/payment-orders/{first['order_ref']}/cancel")
    assert cancelled.status_code == 200
    clock.advance(timedelta(days=400))
    answer = portal.post("/payment-orders", portal.order_body(portal_ref="ref-1"))
    refused(answer, 409, "portal_ref_already_used")


def test_create_same_portal_ref_of_another_portal_is_fine(
    app: Flask, scene: Scene, portal: PortalApi
) -> None:
    portal.order(portal_ref="ref-1")
    other = Scene(scene.runtime, portal_code="other", agency_code="H00.14", numbers=scene.numbers)
    caller = PortalApi.of(app, other, portal_code="other")
    assert caller.order(portal_ref="ref-1")["portal_ref"] == "ref-1"


@pytest.mark.parametrize(
    "return_url", ["https://evil.example/", "https://portal.example.evil.example/return"]
)
def test_create_return_url_outside_the_list_is_422(
    portal: PortalApi, runtime: Runtime, return_url: str
) -> None:
    problem = refused(
        portal.post("/payment-orders", portal.order_body(return_url=return_url)),
        422,
        "return_url_not_allowed",
    )
    assert problem["errors"][0]["field"] == "return_url"
    assert return_url not in str(problem)
    assert orders_in(runtime) == 0


def test_create_sum_beyond_the_limit_is_422(portal: PortalApi, scene: Scene) -> None:
    fees = [obl(scene.fee(10**15)), obl(scene.fee(1))]
    refused(portal.post("/payment-orders", portal.order_body(obligations=fees)), 422, "invalid_amount")


def test_create_order_of_several_obligations_answers_everything(portal: PortalApi, scene: Scene) -> None:
    fee, fine = scene.fee(150_000, 50_000), scene.fine(1_000_000, served_on=date(2026, 11, 1))
    answer = portal.post(
        "/payment-orders",
        portal.order_body(obligations=[obl(fine), obl(fee)], locale="en", expires_in_minutes=60.0),
    )
    order = answer.json
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/payment-orders/{order['order_ref']}"
    assert is_order_ref(order["order_ref"])
    assert is_payment_code(order["payment_code"])
    assert order["status"] == "open"
    # The term ended on 11 November; of the ten days since, nine are late (TT 18/2023): 0.05 % a day.
    assert order["amount"] == {"amount": 1_204_500, "currency": "VND"}
    assert sum(line["amount"]["amount"] for line in order["lines"]) == 1_204_500
    assert [line["type"] for line in order["lines"]] == ["fee_phi", "fee_phi", "fine", "late_surcharge"]
    assert {line["obligation"] for line in order["lines"]} == {obl(fee), obl(fine)}
    assert [(each["kind"], each["agency_name_en"]) for each in order["documents"]] == [
        ("dossier_fee", "Sample Department"),
        ("traffic_fine", "Sample Department"),
    ]
    assert order["quoted_on"] == "2026-11-21"
    assert order["created_at"] == "2026-11-21T03:30:00Z"
    assert order["expires_at"] == "2026-11-21T04:30:00Z"
    assert order["pay_url"] == order["qr"]
    assert order["pay_url"].startswith("http://127.0.0.1:8000/pay/")
    assert order["return_url"] == RETURN_URL
    assert (order["locale"], order["paid_at"], order["attempts"]) == ("en", None, [])
    assert order["receipt_url"] is None


def test_read_paid_order_names_the_way_to_its_receipt(portal: PortalApi, scene: Scene) -> None:
    paid = portal.get(f"/payment-orders/{scene.paid_order().order_ref}").json
    assert paid["receipt_url"] == f"{paid['pay_url']}/receipt"
    lead = portal.app.test_client().get(paid["receipt_url"])
    assert lead.status_code == 303


def test_create_default_expiry_is_a_day_and_a_growing_amount_ends_at_midnight(
    portal: PortalApi, scene: Scene
) -> None:
    assert portal.order()["expires_at"] == "2026-11-22T03:30:00Z"
    assert portal.order(obligations=[obl(scene.fine())])["expires_at"] == "2026-11-21T17:00:00Z"


def test_create_answer_is_what_reading_answers(portal: PortalApi) -> None:
    made = portal.order()
    assert portal.get(f"/payment-orders/{made['order_ref']}").json == made
    assert portal.get(f"/payment-orders?portal_ref={made['portal_ref']}").json == {"items": [made]}


@pytest.mark.parametrize(
    "order_ref",
    [new_order_ref(), "PC0000000000X", "x", "%00", "..%2f..%2fetc", "A" * 3000],
    ids=["nobody's", "wrong check digit", "letter", "NUL", "path", "long"],
)
def test_unknown_order_is_404(portal: PortalApi, order_ref: str) -> None:
    assert portal.get(f"/payment-orders/{order_ref}").status_code == 404
    assert portal.post(f"/payment-orders/{order_ref}/cancel").status_code == 404


def test_foreign_order_is_404_for_reading_finding_and_cancelling(
    app: Flask, scene: Scene, portal: PortalApi
) -> None:
    made = portal.order()
    stranger = PortalApi.of(app, scene, portal_code="stranger")
    refused(stranger.get(f"/payment-orders/{made['order_ref']}"), 404, "payment_order_not_found")
    refused(stranger.post(f"/payment-orders/{made['order_ref']}/cancel"), 404, "payment_order_not_found")
    assert stranger.get(f"/payment-orders?portal_ref={made['portal_ref']}").json == {"items": []}


def test_cancel_frees_the_obligation_and_says_so_twice(portal: PortalApi, scene: Scene) -> None:
    fee = obl(scene.fee())
    made = portal.order(obligations=[fee])
    first = portal.post(f"/payment-orders/{made['order_ref']}/cancel")
    second = portal.post(f"/payment-orders/{made['order_ref']}/cancel", {})
    assert (first.status_code, first.json["status"]) == (200, "cancelled")
    assert (second.status_code, second.json) == (200, first.json)
    assert portal.order(obligations=[fee])["status"] == "open"


def test_cancel_with_a_field_is_422(portal: PortalApi) -> None:
    made = portal.order()
    answer = portal.post(f"/payment-orders/{made['order_ref']}/cancel", {"reason": "x"})
    refused(answer, 422, "invalid_request")


def test_cancel_while_a_payment_is_being_confirmed_is_409(portal: PortalApi, scene: Scene) -> None:
    order = scene.order()
    scene.attempt(order)
    assert portal.get(f"/payment-orders/{order.order_ref}").json["status"] == "pending"
    refused(portal.post(f"/payment-orders/{order.order_ref}/cancel"), 409, "attempt_in_progress")


def test_cancel_paid_order_is_409(portal: PortalApi, scene: Scene) -> None:
    order = scene.paid_order()
    refused(portal.post(f"/payment-orders/{order.order_ref}/cancel"), 409, "illegal_transition")


def test_cancel_expired_order_is_409(portal: PortalApi, clock: FixedClock) -> None:
    made = portal.order()
    expire(portal, clock)
    assert portal.get(f"/payment-orders/{made['order_ref']}").json["status"] == "expired"
    refused(portal.post(f"/payment-orders/{made['order_ref']}/cancel"), 409, "illegal_transition")


def test_expired_order_frees_its_obligation(portal: PortalApi, scene: Scene, clock: FixedClock) -> None:
    fee = obl(scene.fee())
    portal.order(obligations=[fee], expires_in_minutes=5)
    expire(portal, clock, 5)
    assert portal.order(obligations=[fee])["status"] == "open"


def test_paid_order_shows_when_and_through_whom_but_no_provider_internals(
    portal: PortalApi, scene: Scene
) -> None:
    order = scene.paid_order()
    read = portal.get(f"/payment-orders/{order.order_ref}").json
    assert (read["status"], read["paid_at"]) == ("paid", "2026-11-21T03:30:00Z")
    (attempt,) = read["attempts"]
    assert attempt.keys() == {"attempt_ref", "provider_account", "status", "created_at", "paid_at"}
    assert (attempt["provider_account"], attempt["status"]) == ("vnpay-demo", "succeeded")
    assert "https://provider.example" not in str(read)


def test_attempt_in_doubt_is_shown_as_such(portal: PortalApi, scene: Scene) -> None:
    order = scene.order()
    attempt = scene.attempt(order)
    with scene.runtime.database.begin() as uow:
        uow.run("UPDATE payment_attempt SET state = 'in_doubt' WHERE id = %s", (attempt.id,))
        uow.commit()
    read = portal.get(f"/payment-orders/{order.order_ref}").json
    assert (read["status"], read["attempts"][0]["status"]) == ("pending", "in_doubt")


def test_refused_attempt_leaves_the_order_open(portal: PortalApi, scene: Scene) -> None:
    order = scene.order()
    scene.apply(scene.evidence(scene.attempt(order), Outcome.REJECTED))
    read = portal.get(f"/payment-orders/{order.order_ref}").json
    assert (read["status"], read["attempts"][0]["status"]) == ("open", "failed")


def test_attempt_status_is_total_over_all_states() -> None:
    assert set(ATTEMPT_STATUS) == set(AttemptState)
    assert set(ATTEMPT_STATUS.values()) == set(AttemptStatus)


def test_create_writes_order_event_audit_and_answer_in_one_transaction(
    portal: PortalApi, runtime: Runtime
) -> None:
    made = portal.order()
    with runtime.database.begin() as uow:
        stamps = [
            uow.run(f"SELECT DISTINCT xmin::text FROM {table} {where}").fetchall()
            for table, where in (
                ("payment_order", ""),
                ("order_transition", ""),
                ("event", ""),
                ("audit_entry", "WHERE action = 'payment_order.created'"),
                ("idempotency_key", ""),
            )
        ]
    assert all(len(found) == 1 for found in stamps), stamps
    assert len({found[0] for found in stamps}) == 1
    assert made["status"] == "open"
