"""What the page offered is kept with its reasons, and tied to the attempt that was chosen from it."""

import logging
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from payclear.checkout.queries import DecisionRow, FeeRow, decisions_of, fees_of
from payclear.checkout.service import ProviderNotOffered, start
from payclear.contract.errors import NotSent, OutcomeUnknown
from payclear.kernel.clock import FixedClock
from payclear.obligations.fees.pricing import procedures_behind
from payclear.operations.verify import verify
from payclear.orders.domain import AttemptState
from payclear.orders.records import OrderView
from payclear.runtime import Runtime
from tests.checkout.fakes import PAY_ADDRESS, ToldProvider, with_providers
from tests.database import TestServer
from tests.factories.base import use
from tests.factories.catalogue import ProcedureFactory
from tests.factories.reference import PortalFactory
from tests.factories.routing import RoutingRuleFactory, ServiceFeeProgrammeFactory
from tests.scenes import Scene


def plant(runtime: Runtime, *factories: tuple[type, dict]) -> None:
    with runtime.database.begin() as uow:
        use(uow.session)
        for factory, values in factories:
            factory(**values)
        uow.commit()


def decisions(runtime: Runtime, order: OrderView) -> list[DecisionRow]:
    with runtime.database.begin() as uow:
        return decisions_of(uow, order.id)


def fees(runtime: Runtime, order: OrderView) -> list[FeeRow]:
    with runtime.database.begin() as uow:
        return fees_of(uow, order.id)


def go(runtime: Runtime, order: OrderView, account: str = "a") -> str:
    return start(runtime, order.pay_token, account, payer_ip="127.0.0.1", public_url="https://p", locale="vi")


def test_page_keeps_why_each_account_was_offered_or_not_once(
    browser: FlaskClient, pay_runtime: Runtime, pay_scene: Scene
) -> None:
    plant(pay_runtime, (RoutingRuleFactory, {"code": "offer-all", "reason_vi": "Mọi nơi"}))
    order = pay_scene.order(amount=100_000)
    for _ in range(3):
        browser.get(f"/pay/{order.pay_token}")
    [kept] = decisions(pay_runtime, order)
    offered, refused = kept.choices
    assert (offered["account"], offered["offered"], offered["rule"]) == ("a", True, "offer-all")
    assert (refused["account"], refused["refusal"], refused["limit"]) == ("b", "below_minimum", 500_000)
    assert kept.decided_at == pay_runtime.clock.now()


def test_page_keeps_a_new_decision_when_rules_health_or_attempts_change_it(
    browser: FlaskClient, pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    order = pay_scene.order(amount=600_000)
    browser.get(f"/pay/{order.pay_token}")
    plant(pay_runtime, (RoutingRuleFactory, {}))
    browser.get(f"/pay/{order.pay_token}")
    told.answer = NotSent("refused")
    go(pay_runtime, order)
    browser.get(f"/pay/{order.pay_token}")
    newest, second, first = decisions(pay_runtime, order)
    assert first.rules_digest != second.rules_digest
    assert [choice["account"] for choice in second.choices] == ["a", "b"]
    assert [choice["account"] for choice in newest.choices] == ["b", "a"]


def test_closed_order_has_no_decision(browser: FlaskClient, pay_runtime: Runtime, pay_scene: Scene) -> None:
    order = pay_scene.paid_order(provider_account="a")
    browser.get(f"/pay/{order.pay_token}")
    assert decisions(pay_runtime, order) == []


def test_account_withheld_since_the_page_was_shown_is_refused_without_a_trace(
    pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    order = pay_scene.order()
    plant(
        pay_runtime,
        (RoutingRuleFactory, {"rank": 1, "effect": "withhold", "kind": "dossier_fee"}),
        (RoutingRuleFactory, {"rank": 2}),
    )
    with pytest.raises(ProviderNotOffered):
        go(pay_runtime, order)
    assert told.requests == []
    assert pay_scene.reload(order.id).attempts == ()
    assert decisions(pay_runtime, order) == []


def test_circuit_that_is_open_is_not_offered(
    pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    told.answer = OutcomeUnknown("timeout")
    for _ in range(pay_runtime.settings.gateway.failures_to_open):
        assert go(pay_runtime, pay_scene.order(amount=600_000)).startswith("/pay/")
    pay_runtime.clock.advance(timedelta(seconds=6))
    with pytest.raises(ProviderNotOffered) as refused:
        go(pay_runtime, pay_scene.order(amount=600_000))
    assert refused.value.facts["reason"] == "paused"
    other = pay_scene.order(amount=600_000)
    assert go(pay_runtime, other, "b") == PAY_ADDRESS


def test_attempt_knows_its_decision_and_its_fee_and_the_provider_gets_the_states_amount(
    pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    plant(pay_runtime, (ServiceFeeProgrammeFactory, {"code": "p", "per_million": 11_000}))
    order = pay_scene.order(amount=200_000)
    assert go(pay_runtime, order) == PAY_ADDRESS
    assert told.requests[0].amount == order.amount
    [fee] = fees(pay_runtime, order)
    assert (fee.money.amount, fee.borne_by, fee.programme_code) == (3_300, "PAYER", "p")
    assert pay_scene.reload(order.id).attempts[0].money == order.amount
    assert broken(pay_runtime) == set()


@pytest.mark.parametrize(
    ("at", "borne_by"),
    [
        (datetime(2026, 11, 21, 16, 59, 59, tzinfo=UTC), "PAYER"),
        (datetime(2026, 11, 21, 17, 0, tzinfo=UTC), "WAIVED"),
        (datetime(2026, 11, 22, 16, 59, 59, tzinfo=UTC), "WAIVED"),
        (datetime(2026, 11, 22, 17, 0, tzinfo=UTC), "PAYER"),
    ],
)
def test_waiver_holds_from_midnight_to_midnight_in_viet_nam(
    pay_runtime: Runtime, pay_scene: Scene, clock: FixedClock, at: datetime, borne_by: str
) -> None:
    day = date(2026, 11, 22)
    waiver = {"borne_by": "WAIVED", "fixed": 0, "valid_from": day, "valid_to": day}
    plant(pay_runtime, (ServiceFeeProgrammeFactory, {}), (ServiceFeeProgrammeFactory, waiver))
    order = pay_scene.order(expires_in_minutes=10_000)
    clock.set(at)
    go(pay_runtime, order)
    [fee] = fees(pay_runtime, order)
    assert fee.borne_by == borne_by
    assert broken(pay_runtime) & {"INV-40", "INV-41"} == set()


def test_failover_comes_only_after_an_end_and_puts_the_refusing_account_last(
    browser: FlaskClient, pay_runtime: Runtime, pay_scene: Scene, told: ToldProvider
) -> None:
    order = pay_scene.order(amount=600_000)
    told.answer = OutcomeUnknown("timeout")
    go(pay_runtime, order)
    assert 'data-kind="confirming"' in browser.get(f"/pay/{order.pay_token}").text
    assert go(pay_runtime, order, "b").startswith("/pay/")
    assert [attempt.state for attempt in pay_scene.reload(order.id).attempts] == [AttemptState.IN_DOUBT]


def test_page_looked_at_while_an_attempt_lives_has_its_provider_asked_but_not_too_often(
    browser: FlaskClient, pay_runtime: Runtime, pay_scene: Scene, clock: FixedClock
) -> None:
    order = pay_scene.order()
    pay_scene.attempt(order, provider_account="a")
    waiting = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'orders.query_attempt'"
    counts = []
    for _ in range(3):
        clock.advance(timedelta(seconds=15))
        browser.get(f"/pay/{order.pay_token}")
        with pay_runtime.database.begin() as uow:
            counts.append(uow.one(waiting)[0])
    assert counts == [0, 1, 1]


def test_provider_that_answers_no_question_is_not_asked(runtime: Runtime) -> None:
    from payclear.app import create_app
    from payclear.contract.manifest import Capability

    made = with_providers(runtime, a=ToldProvider().able(Capability.QR))
    scene = Scene(made).set_up()
    order = scene.order()
    scene.attempt(order, provider_account="a")
    made.clock.advance(timedelta(minutes=1))
    create_app(made).test_client().get(f"/pay/{order.pay_token}")
    with made.database.begin() as uow:
        assert uow.one(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'orders.query_attempt'"
        ) == (0,)


def broken(runtime: Runtime) -> set[str]:
    return {finding.check.id for finding in verify(runtime.database) if not finding.holds}


PLANTS = [
    ("INV-40", "UPDATE routing_decision SET choices = '[]'"),
    ("INV-40", "UPDATE routing_decision SET decided_at = decided_at + interval '2 minutes'"),
    ("INV-40", "UPDATE routing_decision SET choices = jsonb_set(choices, '{0,offered}', 'false')"),
    (
        "INV-40",
        "UPDATE routing_decision SET order_id = (SELECT id FROM payment_order o WHERE NOT EXISTS"
        " (SELECT 1 FROM payment_attempt a WHERE a.order_id = o.id))",
    ),
    ("INV-40", "DELETE FROM attempt_routing WHERE attempt_id IN (SELECT id FROM payment_attempt LIMIT 1)"),
    ("INV-41", "UPDATE attempt_service_fee SET amount = amount + 1"),
    ("INV-41", "UPDATE attempt_service_fee SET borne_by = 'AGENCY'"),
    ("INV-41", "UPDATE service_fee_programme SET per_million = per_million + 1000"),
    ("INV-41", "UPDATE service_fee_programme SET valid_to = '2026-11-20'"),
    ("INV-41", "UPDATE service_fee_programme SET provider_account = 'b'"),
]


@pytest.mark.parametrize(("invariant", "sql"), PLANTS, ids=lambda value: str(value)[:60])
def test_planted_violation_turns_its_invariant_red(
    pay_runtime: Runtime, pay_scene: Scene, postgres: TestServer, invariant: str, sql: str
) -> None:
    terms = {"per_million": 12_345, "vat_inclusive": False, "vat_per_mille": 80, "fee_max": 9_999}
    plant(pay_runtime, (RoutingRuleFactory, {}), (ServiceFeeProgrammeFactory, terms))
    pay_scene.order()
    go(pay_runtime, pay_scene.order(amount=123_457))
    assert broken(pay_runtime) == set()
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(sql)
    assert invariant in broken(pay_runtime)


def test_account_is_switched_off_for_a_procedure_by_whatever_code_the_dossier_names_it(
    browser: FlaskClient, pay_runtime: Runtime, pay_scene: Scene
) -> None:
    off = {"effect": "withhold", "rank": 1, "provider_account": "a", "procedure_code": "1.000656"}
    fees_owed = [pay_scene.fee(600_000), pay_scene.fee(600_000)]  # of the local code
    plant(
        pay_runtime,
        (ProcedureFactory, {"code": "1.000656", "online_service_code": "DVC.0007"}),
        (ProcedureFactory, {"code": "1.009999", "national_code": "1.000656"}),
        (RoutingRuleFactory, {"code": "off", **off}),
        (RoutingRuleFactory, {"code": "offer-all", "rank": 9}),
    )
    order = pay_scene.order(fees_owed[0])
    browser.get(f"/pay/{order.pay_token}")
    [kept] = decisions(pay_runtime, order)
    assert {each["account"]: each["rule"] for each in kept.choices} == {"a": "off", "b": "offer-all"}
    with pytest.raises(ProviderNotOffered):
        go(pay_runtime, order)
    fine = pay_scene.order(pay_scene.fine(600_000))
    browser.get(f"/pay/{fine.pay_token}")
    assert {each["rule"] for each in decisions(pay_runtime, fine)[0].choices} == {"offer-all"}
    mixed = pay_scene.order(pay_scene.fine(600_000), fees_owed[1])
    browser.get(f"/pay/{mixed.pay_token}")
    assert {each["rule"] for each in decisions(pay_runtime, mixed)[0].choices} == {"off", "offer-all"}


@pytest.mark.parametrize(
    ("code", "national"),
    [
        ("1.000656", "1.000656"),
        ("1.009999", "1.000656"),
        ("DVC.0007", "1.000656"),
        ("1.000656.000.00.00.H56", "1.000656"),
        ("1.007777.000.00.00.H56", "1.007777"),
        ("một chuỗi lạ", "mộtchuỗilạ"),
    ],
)
def test_every_code_of_a_procedure_leads_to_the_national_one(
    pay_runtime: Runtime, pay_scene: Scene, code: str, national: str
) -> None:
    fee = pay_scene.fee()
    plant(
        pay_runtime,
        (ProcedureFactory, {"code": "1.000656", "online_service_code": "DVC.0007"}),
        (ProcedureFactory, {"code": "1.009999", "national_code": "1.000656"}),
    )
    with pay_runtime.database.begin() as uow:
        uow.run("UPDATE dossier SET procedure_code = %s WHERE obligation_id = %s", (code, fee.id))
        assert procedures_behind(uow, [fee.id, fee.id]) == [national, national]


def test_account_is_switched_off_for_one_portal_only(
    browser: FlaskClient, pay_runtime: Runtime, pay_scene: Scene
) -> None:
    off = {"code": "off", "effect": "withhold", "rank": 1, "portal_code": pay_scene.portal_code}
    plant(pay_runtime, (RoutingRuleFactory, off), (RoutingRuleFactory, {"code": "offer-all", "rank": 9}))
    plant(pay_runtime, (PortalFactory, {"code": "other"}))
    other = replace(pay_scene, portal_code="other")
    for scene, offered in ((pay_scene, {False}), (other, {True})):
        order = scene.order(scene.fee(600_000))
        browser.get(f"/pay/{order.pay_token}")
        [kept] = decisions(pay_runtime, order)
        assert {each["offered"] for each in kept.choices} == offered
