"""What becomes of what was paid when its money goes back: all of it, a part of it, beside a fine, and when it is owed again."""

from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payclear.kernel.ids import public_id
from payclear.lookup.records import Question
from payclear.lookup.service import look_up
from payclear.obligations.domain import ObligationState
from payclear.obligations.records import ObligationView
from payclear.obligations.service import find_many
from payclear.operations.verify import CORE_CHECKS
from payclear.orders.records import AttemptView
from payclear.orders.service import live_order_of
from payclear.receipts.service import for_order
from tests.obligations.test_api import FEE, refused
from tests.portal_api import PortalApi
from tests.refunds.conftest import Desk


def owed(desk: Desk, attempt: AttemptView) -> list[ObligationView]:
    order = desk.scene.reload(attempt.order_id)
    with desk.scene.runtime.database.begin() as uow:
        return find_many(uow, [document.obligation_id for document in order.documents])


def states(desk: Desk, attempt: AttemptView) -> set[str]:
    return {each.state.value for each in owed(desk, attempt)}


def told(desk: Desk) -> list[tuple[str, str]]:
    with desk.scene.runtime.database.begin() as uow:
        return uow.run(
            "SELECT convert_from(body, 'UTF8')::jsonb -> 'data' ->> 'change',"
            " convert_from(body, 'UTF8')::jsonb -> 'data' ->> 'status' FROM event WHERE type = 'obligation.changed'"
        ).fetchall()


def looked_up(desk: Desk, document_no: str) -> tuple[str, int | None]:
    runtime = desk.scene.runtime
    question = Question(number=document_no, factor="0001", asked_by="127.0.0.1")
    with runtime.database.begin() as uow:
        (found,) = look_up(uow, question, sealer=runtime.sealer, index=runtime.blind_index)
    return found.status.value, found.given_back.amount if found.given_back else None


def settled(desk: Desk, *obligations: ObligationView) -> AttemptView:
    return desk._settle(desk.scene.order(*obligations))


def live_order(desk: Desk, obligation_id: UUID) -> bool:
    with desk.scene.runtime.database.begin() as uow:
        return live_order_of(uow, obligation_id) is not None


def test_fee_is_refunded_when_the_last_of_its_money_went_back(desk: Desk) -> None:
    attempt = desk.paid()
    (fee,) = owed(desk, attempt)
    desk.send(desk.ask(attempt, 150_000))
    assert states(desk, attempt) == {"paid"}
    assert looked_up(desk, fee.document_no) == ("paid", 150_000)
    assert desk.broken() == set()
    desk.send(desk.ask(attempt, 50_000))
    assert states(desk, attempt) == {"refunded"}
    assert desk.scene.reload(attempt.order_id).state == "paid"
    assert not live_order(desk, fee.id)
    assert told(desk) == [("refunded", "refunded")]
    assert looked_up(desk, fee.document_no) == ("refunded", None)
    assert desk.broken() == set()


def test_refund_without_an_end_leaves_the_fee_paid(desk: Desk) -> None:
    attempt = desk.paid()
    refund = desk.ask(attempt, 200_000)
    desk.bank.refund_answers = [RuntimeError("x")]
    desk.send(refund)
    assert (desk.reload(refund).state, states(desk, attempt)) == ("in_doubt", {"paid"})
    desk.query(refund)
    assert states(desk, attempt) == {"refunded"}


def test_money_that_came_twice_and_went_back_leaves_the_fee_paid(desk: Desk) -> None:
    attempt = desk.surplus()
    desk.send(desk.ask(attempt, 70_000))
    assert states(desk, attempt) == {"open"}
    assert desk.broken() == set()


def test_every_fee_of_an_order_is_refunded_when_all_of_their_money_went_back(desk: Desk) -> None:
    attempt = settled(desk, desk.scene.fee(100_000), desk.scene.fee(60_000))
    desk.send(desk.ask(attempt, 100_000))
    assert states(desk, attempt) == {"paid"}  # a refund names no obligation
    desk.send(desk.ask(attempt, 60_000))
    assert states(desk, attempt) == {"refunded"}
    assert desk.broken() == set()


def test_fee_beside_a_fine_is_refunded_and_the_fine_owed_again(desk: Desk) -> None:
    fee, fine = desk.scene.fee(200_000), desk.scene.fine(served_on=desk.scene.runtime.clock.now().date())
    attempt = settled(desk, fee, fine)
    desk.send(desk.ask(attempt, 600_000))
    assert {each.kind: each.state for each in owed(desk, attempt)} == {
        "dossier_fee": ObligationState.PAID,
        "traffic_fine": ObligationState.PARTIALLY_PAID,
    }
    assert desk.broken() == set()
    desk.send(desk.ask(attempt, 600_000))
    assert {each.kind: each.state for each in owed(desk, attempt)} == {
        "dossier_fee": ObligationState.REFUNDED,
        "traffic_fine": ObligationState.OPEN,
    }
    assert desk.broken() == set()


def test_refunded_fee_frees_its_code_and_takes_no_further_order(desk: Desk, app: Flask) -> None:
    portal = PortalApi.of(app, desk.scene)
    made = portal.post("/obligations", FEE).json
    with desk.scene.runtime.database.begin() as uow:
        (row_id,) = uow.one("SELECT id FROM obligation")
        (fee,) = find_many(uow, [row_id])
    attempt = settled(desk, fee)
    desk.send(desk.ask(attempt, fee.principal.amount))
    read = portal.get(f"/obligations/{made['id']}").json
    assert (read["status"], read["quote"]) == ("refunded", None)
    body = portal.order_body(obligations=[made["id"]])
    assert portal.post("/payment-orders", body).status_code in (409, 422)
    refused(portal.post(f"/obligations/{made['id']}/cancel", None), 409, "obligation_not_cancellable")
    again = portal.post("/obligations", FEE)
    assert (again.status_code, again.json["status"]) == (201, "open")
    assert again.json["id"] != made["id"]
    assert looked_up(desk, fee.document_no) == ("payable", None)
    body = portal.order_body(obligations=[again.json["id"]])
    assert portal.post("/payment-orders", body).status_code == 201
    assert desk.broken() == set()


def test_receipt_and_payment_page_say_what_was_given_back(desk: Desk, app: Flask) -> None:
    client: FlaskClient = app.test_client()
    attempt = desk.paid()
    order = desk.scene.reload(attempt.order_id)

    def pages() -> list[str]:
        with desk.scene.runtime.database.begin() as uow:
            receipt = for_order(uow, order.id)
        assert receipt is not None
        addresses = (f"/receipts/{receipt.verification_code}?lang=en", f"/pay/{order.pay_token}?lang=en")
        return [client.get(address).get_data(as_text=True) for address in addresses]

    assert all("given back" not in page for page in pages())
    desk.send(desk.ask(attempt, 150_000))
    assert all(
        "150,000 was given back" in page.replace("VND\xa0", "").replace("VND ", "") for page in pages()
    )
    desk.send(desk.ask(attempt, 50_000))
    assert all("All of this money was given back" in page for page in pages())


@pytest.mark.parametrize(("state", "given"), [("refunded", 150_000), ("paid", 200_000)])
def test_verify_finds_a_state_that_does_not_follow_the_money(desk: Desk, state: str, given: int) -> None:
    attempt = desk.paid()
    (fee,) = owed(desk, attempt)
    desk.send(desk.ask(attempt, given))
    assert desk.broken() == set()
    with desk.scene.runtime.database.begin() as uow:
        uow.run("UPDATE obligation SET state = %s WHERE id = %s", (state, fee.id))
        uow.run("UPDATE payment_order_obligation SET is_live = %s", (state == "paid",))
        uow.commit()
    assert "INV-18e" in desk.broken()


def test_lookup_api_tells_the_portal_what_was_given_back(desk: Desk, app: Flask) -> None:
    portal = PortalApi.of(app, desk.scene)
    attempt = desk.paid()
    (fee,) = owed(desk, attempt)
    body = {"document_no": fee.document_no, "second_factor": "0001", "agency_code": None, "document_on": None}
    desk.send(desk.ask(attempt, 150_000))
    (part,) = portal.post("/lookups", body).json["results"]
    assert (part["status"], part["given_back"]) == ("paid", {"amount": 150_000, "currency": "VND"})
    desk.send(desk.ask(attempt, 50_000))
    (whole,) = portal.post("/lookups", body).json["results"]
    assert (whole["status"], whole["given_back"]) == ("refunded", None)
    assert "đã được hoàn lại" in whole["next_step_vi"]
    assert "given back" in whole["next_step_en"]
    assert public_id("obl", fee.id)


_FOLLOWING = tuple(
    check for check in CORE_CHECKS if check.id in ("INV-05", "INV-18b", "INV-18e", "INV-65b", "INV-66")
)


@given(
    fees=st.lists(st.integers(1, 500_000), max_size=3),
    fine=st.integers(0, 3_000_000),
    cuts=st.lists(st.integers(1, 99), max_size=3),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_states_follow_the_money_however_it_goes_back(
    desk: Desk, fees: list[int], fine: int, cuts: list[int]
) -> None:
    today = desk.scene.runtime.clock.now().date()
    owing = [desk.scene.fee(amount) for amount in fees]
    owing += [desk.scene.fine(fine, served_on=today)] if fine else []
    if not owing:
        return
    attempt = settled(desk, *owing)
    left = attempt.amount
    for cut in [*cuts, 100]:
        part = left if cut == 100 else left * cut // 100
        if not part:
            continue
        desk.send(desk.ask(attempt, part))
        left -= part
        with desk.scene.runtime.database.begin() as uow:
            assert [row for check in _FOLLOWING for row in uow.run(check.sql).fetchall()] == []
    assert {(each.kind.value, each.state.value) for each in owed(desk, attempt)} == {
        ("dossier_fee", "refunded") if each.fine is None else ("traffic_fine", "open") for each in owing
    }
