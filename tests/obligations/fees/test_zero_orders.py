"""Orders with nothing to collect: never payable, announced once, explained on the page; mixed ones collect the rest."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from payclear.contract.collection import CollectionVerdict
from payclear.kernel.ids import parse_public_id
from payclear.kernel.states import IllegalTransition
from payclear.obligations.service import find_many
from payclear.operations.verify import verify
from payclear.orders.checkout import open_attempt
from payclear.orders.collecting import take_collected
from payclear.orders.errors import OrderNotPayable
from payclear.orders.records import OrderView
from payclear.orders.service import cancel_order, expire_order, find_by_payment_code
from payclear.runtime import Runtime
from tests.database import TestServer
from tests.obligations.fees.conftest import BIRTH, CLAIM, COPIES, told
from tests.portal_api import PortalApi
from tests.scenes import VNPAY, Scene

# The scene pays without a callback in the inbox and without a choice on the page.
NOT_IN_THE_SCENE = {"INV-15", "INV-40"}


def offences(runtime: Runtime) -> list[str]:
    broken = [finding.check.id for finding in verify(runtime.database) if not finding.holds]
    return [each for each in broken if each not in NOT_IN_THE_SCENE]


def registered(portal: PortalApi, number: int, **changes: Any) -> str:
    answer = portal.post("/obligations", told(code=f"H00.14-261121-{number:04d}", **changes))
    assert answer.status_code == 201, answer.text
    return str(answer.json["id"])


def zero_order(portal: PortalApi) -> dict[str, Any]:
    return portal.order(obligations=[registered(portal, 900, procedure=BIRTH)])


def view_of(runtime: Runtime, order: dict[str, Any]) -> OrderView:
    with runtime.database.begin() as uow:
        found = find_by_payment_code(uow, order["payment_code"])
    assert found is not None
    return found


def test_exempted_obligation_has_no_money_and_says_why(portal: PortalApi, runtime: Runtime) -> None:
    shown = portal.post("/obligations", told(claim=CLAIM)).json
    assert (shown["status"], shown["quote"], shown["principal"]["amount"]) == ("exempted", None, 0)
    assert shown["pricing"]["exemption"] == {"reason": "payer_class", "legal_basis": "test"}
    zero = portal.get(f"/obligations/{registered(portal, 2, procedure=BIRTH)}").json
    assert zero["pricing"]["exemption"]["reason"] == "zero_fee"
    assert offences(runtime) == []


def test_zero_order_is_at_its_end_from_the_start(portal: PortalApi, runtime: Runtime) -> None:
    order = zero_order(portal)
    assert (order["status"], order["amount"]["amount"]) == ("exempted", 0)
    assert (order["attempts"], order["receipt_url"], order["paid_at"]) == ([], None, None)
    with runtime.database.begin() as uow:
        events = uow.run(
            "SELECT type, sequence, convert_from(body, 'UTF8')::jsonb -> 'data' ->> 'amount' FROM event"
        )
        assert events.fetchall() == [("payment_order.exempted", 1, "0")]
        assert uow.one(
            "SELECT (SELECT count(*) FROM journal_entry) + (SELECT count(*) FROM payment_attempt)"
        ) == (0,)
    assert offences(runtime) == []


def test_zero_order_can_be_neither_paid_nor_cancelled_nor_expired(
    portal: PortalApi, runtime: Runtime, scene: Scene
) -> None:
    order = view_of(runtime, zero_order(portal))
    with runtime.database.begin() as uow, pytest.raises(OrderNotPayable):
        open_attempt(
            uow, order_id=order.id, line=runtime.providers.get(VNPAY), settings=runtime.settings.orders
        )
    with runtime.database.begin() as uow, pytest.raises(IllegalTransition):
        cancel_order(uow, portal_code=scene.portal_code, order_ref=order.order_ref, actor="key")
    with runtime.database.begin() as uow:
        assert not expire_order(uow, order.id)
    assert portal.post(f"/payment-orders/{order.order_ref}/cancel").status_code == 409


def test_money_that_came_for_a_zero_order_all_the_same_lies_in_suspense(
    portal: PortalApi, runtime: Runtime, scene: Scene
) -> None:
    order = view_of(runtime, zero_order(portal))
    other = scene.attempt(scene.order(amount=70_000))
    evidence = replace(scene.evidence(other, amount=70_000, provider_ref="TELLER-1"), attempt_ref="")
    line = runtime.providers.get(VNPAY)
    values = {"order_id": order.id, "line": line, "evidence": evidence, "attempts_max": 5}
    with runtime.database.begin() as uow:
        asked = take_collected(uow, money_moved=False, **values)
        assert asked.verdict is CollectionVerdict.NOT_PAYABLE
        taken = take_collected(uow, money_moved=True, **values)
        assert taken.verdict is CollectionVerdict.SUSPENDED
        uow.commit()
    assert scene.reload(order.id).state == "exempted"
    with runtime.database.begin() as uow:
        assert uow.run("SELECT kind, amount FROM suspense_case").fetchall() == [("late_success", 70_000)]
    assert offences(runtime) == []


def test_page_of_a_zero_order_says_that_nothing_is_to_be_paid_and_why(app: Flask, portal: PortalApi) -> None:
    order = zero_order(portal)
    page = app.test_client().get(f"/pay/{order['pay_url'].rpartition('/')[2]}")
    assert page.status_code == 200
    assert 'data-kind="exempted"' in page.text
    assert "Không phải nộp" in page.text
    assert "Thủ tục không thu phí, lệ phí" in page.text
    assert 'name="provider_account"' not in page.text
    assert 'data-testid="payment-code"' not in page.text
    english = app.test_client().get(f"/pay/{order['pay_url'].rpartition('/')[2]}?lang=en")
    assert "Nothing is to be paid" in english.text


def test_exempted_obligation_may_be_ordered_again_under_another_reference(portal: PortalApi) -> None:
    owed = registered(portal, 1, procedure=BIRTH)
    assert [portal.order(obligations=[owed])["status"] for _ in range(2)] == ["exempted", "exempted"]


def test_mixed_order_collects_what_is_payable_and_leaves_the_exempted_as_it_is(
    app: Flask, portal: PortalApi, runtime: Runtime, scene: Scene
) -> None:
    free = registered(portal, 1, procedure=BIRTH)
    owed = registered(portal, 2, procedure=COPIES, items=[{"item_code": "L01", "quantity": 4}])
    made = portal.order(obligations=[free, owed])
    assert (made["status"], made["amount"]["amount"]) == ("open", 32_000)
    assert sorted(line["amount"]["amount"] for line in made["lines"]) == [0, 32_000]
    page = app.test_client().get(f"/pay/{made['pay_url'].rpartition('/')[2]}")
    assert 'data-testid="exemption"' in page.text
    order = view_of(runtime, made)
    scene.apply(scene.evidence(scene.attempt(order)))
    assert scene.reload(order.id).state == "paid"
    with runtime.database.begin() as uow:
        states = {
            view.id: view.state
            for view in find_many(uow, [parse_public_id("obl", each) for each in (free, owed)])
        }
        assert uow.one("SELECT count(*) FROM posting WHERE amount = 0") == (0,)
    assert [states[parse_public_id("obl", each)] for each in (free, owed)] == ["exempted", "paid"]
    assert offences(runtime) == []


@pytest.mark.parametrize(
    ("sql", "invariant"),
    [
        ("UPDATE dossier SET exemption_reason = NULL, exemption_basis = NULL", "INV-63"),
        ("UPDATE obligation_line SET amount = 5", "INV-63"),
        ("UPDATE obligation SET state = 'open', version = version", "INV-63"),
        ("UPDATE payment_order_obligation SET is_live = true", "INV-63"),
    ],
)
def test_verify_finds_exempted_with_money_or_without_a_reason(
    portal: PortalApi, runtime: Runtime, postgres: TestServer, sql: str, invariant: str
) -> None:
    zero_order(portal)
    assert offences(runtime) == []
    with runtime.database.begin() as uow:
        uow.run(sql)
        uow.commit()
    assert invariant in offences(runtime)


def test_order_of_nothing_that_is_not_exempted_is_refused_by_the_database(
    portal: PortalApi, runtime: Runtime
) -> None:
    zero_order(portal)
    for sql in ("UPDATE payment_order SET state = 'open'", "UPDATE payment_order SET amount = 1"):
        with runtime.database.begin() as uow, pytest.raises(Exception, match="nothing_is_exempted"):
            uow.run(sql)
