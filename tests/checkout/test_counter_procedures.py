"""A procedure whose fee is taken at counters only: no bank or wallet online, a plain word where to pay, counters stay open."""

import re
from dataclasses import replace
from datetime import date, timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from payclear.checkout.decisions import decide
from payclear.checkout.queries import last_decision
from payclear.checkout.routing import Refusal, route
from payclear.kernel.clock import FixedClock
from payclear.kernel.ids import public_id
from payclear.kernel.payment_code import display
from payclear.runtime import Runtime
from tests.checkout.test_pages import kind, press, see
from tests.checkout.test_routing import NOON, OFFER, candidate, facts
from tests.collection.bank import Bank
from tests.collection.conftest import bank  # noqa: F401  (fixture)
from tests.factories.base import use
from tests.factories.catalogue import ProcedureFactory
from tests.factories.routing import rule
from tests.lookup.test_pages import hidden, look_up, status
from tests.portal_api import PortalApi
from tests.scenes import Scene

PROCEDURE = "1.009999"  # of `scene.fee`
TODAY = date(2026, 11, 21)
PHONE = {"vi": "quét mã QR", "en": "scan the QR code"}  # how a slip says that it may be paid online


def add(runtime: Runtime, *, mode: str = "counter", **columns: object) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        ProcedureFactory(collection_mode=mode, **columns)
        uow.commit()


def refusals(runtime: Runtime, scene: Scene, *obligations: object) -> set[str]:
    order = scene.order(*obligations)
    with runtime.database.begin() as uow:
        return {str(choice.refusal) for choice in decide(runtime, uow, order).choices}


def test_no_rule_offers_online_what_is_taken_at_counters_only() -> None:
    order = replace(facts(), is_counter_only=True)
    accounts = [candidate("a"), candidate("b", collects=True), candidate("c", is_online=False, collects=True)]
    choices = route(order, accounts, [rule("o", OFFER, 1)], [], now=NOON)
    assert {choice.account: choice.refusal for choice in choices} == {
        "a": Refusal.COUNTER_PROCEDURE,
        "b": Refusal.COUNTER_ONLY,
        "c": Refusal.COUNTER_ONLY,
    }


@pytest.mark.parametrize(("mode", "is_refused"), [("counter", True), ("mixed", False), ("online", False)])
def test_page_says_where_to_pay_and_offers_nothing_online(
    browser: FlaskClient, pay_scene: Scene, pay_runtime: Runtime, mode: str, is_refused: bool
) -> None:
    order = pay_scene.order()
    add(pay_runtime, mode=mode)
    page = see(browser, order)
    assert kind(page) == "choose"
    assert ('name="provider_account"' in page) is not is_refused
    assert ("chỉ thu tại quầy" in page) is is_refused
    assert display(order.payment_code) in page
    assert ("taken at counters only" in see(browser, order, "en")) is is_refused
    with pay_runtime.database.begin() as uow:
        decision = last_decision(uow, order.id)
    assert decision is not None
    assert ("counter_procedure" in {each.refusal for each in decision.decided}) is is_refused


def test_choice_from_an_old_page_is_refused(
    browser: FlaskClient, pay_scene: Scene, pay_runtime: Runtime
) -> None:
    order = pay_scene.order()
    add(pay_runtime)
    assert press(browser, order).status_code == 422
    assert pay_scene.reload(order.id).attempts == ()


def test_order_with_one_such_fee_is_not_paid_online_as_a_whole(
    pay_scene: Scene, pay_runtime: Runtime
) -> None:
    fee = pay_scene.fee()
    add(pay_runtime)
    assert "counter_procedure" in refusals(pay_runtime, pay_scene, fee, pay_scene.fine())
    assert "counter_procedure" not in refusals(pay_runtime, pay_scene, pay_scene.fine())


@pytest.mark.parametrize(
    ("rows", "is_refused"),
    [
        ([{"code": PROCEDURE, "valid_to": TODAY}], True),
        ([{"code": PROCEDURE, "valid_to": TODAY - timedelta(days=1)}], True),
        ([{"code": PROCEDURE, "valid_from": TODAY + timedelta(days=1)}], False),
        (
            [
                {"code": PROCEDURE, "valid_to": TODAY - timedelta(days=1)},
                {"code": PROCEDURE, "valid_from": TODAY, "mode": "online"},
            ],
            False,
        ),
        ([{"code": "1.009998"}], False),
        ([{"code": f"{PROCEDURE}.H00"}], False),
    ],
)
def test_today_s_row_of_the_catalogue_decides(
    pay_scene: Scene, pay_runtime: Runtime, rows: list[dict[str, object]], is_refused: bool
) -> None:
    fee = pay_scene.fee()
    for row in rows:
        add(pay_runtime, **row)
    assert ("counter_procedure" in refusals(pay_runtime, pay_scene, fee)) is is_refused


@pytest.mark.parametrize(
    ("sent", "rows", "is_refused"),
    [
        (f"{PROCEDURE}.H00", [{"code": PROCEDURE}], True),
        (f"{PROCEDURE}.000.00.00.H00", [{"code": PROCEDURE}], True),
        (f"{PROCEDURE}.01", [{"code": PROCEDURE}], True),
        (f"{PROCEDURE}.01", [{"code": PROCEDURE, "online_service_code": f"{PROCEDURE}.01"}], True),
        (f"{PROCEDURE}.H00", [{"code": PROCEDURE}, {"code": f"{PROCEDURE}.H00", "mode": "mixed"}], False),
        (f"{PROCEDURE}.H00", [{"code": PROCEDURE, "mode": "online"}, {"code": f"{PROCEDURE}.H00"}], True),
    ],
)
def test_local_and_online_codes_lead_to_the_row_that_says_it(
    pay_scene: Scene, pay_runtime: Runtime, sent: str, rows: list[dict[str, object]], is_refused: bool
) -> None:
    fee = pay_scene.fee()
    with pay_runtime.database.begin() as uow:
        uow.run("UPDATE dossier SET procedure_code = %s", (sent,))
        uow.commit()
    for row in rows:
        add(pay_runtime, **row)
    assert ("counter_procedure" in refusals(pay_runtime, pay_scene, fee)) is is_refused


def test_portal_reads_where_and_when_the_fee_is_paid(
    app: Flask, scene: Scene, runtime: Runtime, clock: FixedClock
) -> None:
    portal = PortalApi.of(app, scene)
    path = f"/obligations/{public_id('obl', scene.fee().id)}"
    told = portal.get(path).json["pricing"]
    assert (told["collection_mode"], told["collection_timing"]) == (None, None)
    add(runtime, collection_timing="after", valid_to=TODAY)
    add(runtime, mode="mixed", valid_from=TODAY + timedelta(days=1))
    told = portal.get(path).json["pricing"]
    assert (told["collection_mode"], told["collection_timing"]) == ("counter", "after")
    clock.advance(timedelta(days=1))
    told = portal.get(path).json["pricing"]
    assert (told["collection_mode"], told["collection_timing"]) == ("mixed", "before")


def test_bank_collects_at_its_counter(bank: Bank, scene: Scene, runtime: Runtime) -> None:  # noqa: F811
    fee = scene.fee()
    add(runtime)
    assert bank.bill(fee.document_no)["amount"] == 200_000
    assert bank.bill(scene.order(fee).payment_code)["amount"] == 200_000


@pytest.mark.parametrize(("lang", "word"), [("vi", "chỉ thu tại quầy"), ("en", "taken at counters only")])
def test_look_up_sends_to_a_counter(
    client: FlaskClient, scene: Scene, runtime: Runtime, lang: str, word: str
) -> None:
    fee = scene.fee()
    page = look_up(client, "0001", document_no=fee.document_no, lang=lang)
    assert (status(page), word in page) == ("payable", False)
    add(runtime)
    page = unescape(look_up(client, "0001", document_no=fee.document_no, lang=lang))
    assert (status(page), word in page, 'action="/tra-cuu/nop-thay"' in page) == (
        "payable_at_counter",
        True,
        False,
    )
    assert "200" in page
    slip = client.post("/tra-cuu/phieu", data=hidden(page, "/tra-cuu/phieu"))
    assert (slip.status_code, 'data-testid="payment-code"' in slip.text) == (200, True)
    assert word in unescape(slip.text)
    assert (PHONE[lang] in unescape(slip.text), "<svg" in slip.text) == (False, False)


@pytest.mark.parametrize("lang", ["vi", "en"])
def test_slip_of_what_may_be_paid_online_is_scanned(
    client: FlaskClient, scene: Scene, runtime: Runtime, lang: str
) -> None:
    fee = scene.fee()
    add(runtime, mode="mixed")
    page = look_up(client, "0001", document_no=fee.document_no, lang=lang)
    slip = unescape(client.post("/tra-cuu/phieu", data=hidden(page, "/tra-cuu/phieu")).text)
    assert (PHONE[lang] in slip, "<svg" in slip) == (True, True)


def test_payer_who_holds_a_link_is_sent_to_a_counter(
    client: FlaskClient, scene: Scene, runtime: Runtime
) -> None:
    page = look_up(client, "0001", document_no=scene.fee().document_no)
    made = client.post("/tra-cuu/nop-thay", data=hidden(page, "/tra-cuu/nop-thay")).text
    address = re.search(r"/nop-thay/[A-Za-z0-9_-]+", made)
    assert address
    add(runtime)
    shown = client.get(address.group()).text
    assert 'data-testid="at-counter"' in shown
    paying = client.post(address.group(), data=hidden(shown, address.group()))
    assert "chỉ thu tại quầy" in unescape(client.get(paying.headers["Location"]).text)


def test_portal_s_look_up_says_counter(app: Flask, scene: Scene, runtime: Runtime) -> None:
    asked = {"document_no": scene.fee().document_no, "second_factor": "0001"}
    add(runtime)
    answer = PortalApi.of(app, scene).post("/lookups", asked)
    (told,) = answer.json["results"]
    assert (told["status"], told["amount"]["amount"]) == ("payable_at_counter", 200_000)
    assert "quầy" in told["next_step_vi"]
