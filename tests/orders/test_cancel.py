"""Cancelling asks first: what the provider says of a live attempt decides, and its silence keeps the order."""

import pytest

from payclear.app import create_app
from payclear.contract.errors import OutcomeUnknown
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.orders.domain import OrderState
from payclear.orders.records import AttemptView, OrderView
from payclear.runtime import Runtime
from tests.checkout.fakes import ToldProvider, with_providers
from tests.portal_api import PortalApi
from tests.scenes import Scene


@pytest.fixture
def bank() -> ToldProvider:
    return ToldProvider()


@pytest.fixture
def portal(runtime: Runtime, bank: ToldProvider) -> PortalApi:
    told = with_providers(runtime, a=bank)
    return PortalApi.of(create_app(told), Scene(told).set_up())


def being_paid(portal: PortalApi) -> tuple[OrderView, AttemptView]:
    order = portal.scene.order()
    return order, portal.scene.attempt(order, provider_account="a")


def cancel(portal: PortalApi, order: OrderView, *, key: str | None = None):
    return portal.post(f"/payment-orders/{order.order_ref}/cancel", key=key)


@pytest.mark.parametrize("silence", [OutcomeUnknown("x"), RuntimeError("x")], ids=str)
def test_silent_provider_keeps_the_order(portal: PortalApi, bank: ToldProvider, silence: Exception) -> None:
    order, attempt = being_paid(portal)
    bank.status = silence
    answer = cancel(portal, order)
    assert (answer.status_code, answer.json["code"]) == (409, "attempt_in_progress")
    assert answer.json["facts"]["attempt_ref"] == attempt.attempt_ref
    assert len(bank.queries) == 1
    after = portal.scene.reload(order.id)
    assert (after.state, after.attempts[0].queries) == (OrderState.OPEN, 0)


def test_payment_that_the_provider_confirms_is_kept_and_can_not_be_cancelled(
    portal: PortalApi, bank: ToldProvider
) -> None:
    order, attempt = being_paid(portal)
    bank.status = portal.scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY)
    answer = cancel(portal, order)
    assert (answer.status_code, answer.json["code"]) == (409, "illegal_transition")
    assert portal.scene.reload(order.id).state is OrderState.PAID


def test_payment_that_the_provider_refused_stands_in_nobodys_way(
    portal: PortalApi, bank: ToldProvider
) -> None:
    order, attempt = being_paid(portal)
    bank.status = portal.scene.evidence(attempt, Outcome.REJECTED, source=EvidenceSource.STATUS_QUERY)
    answer = cancel(portal, order, key="once")
    assert (answer.status_code, answer.json["status"]) == (200, "cancelled")
    again = cancel(portal, order, key="once")
    assert (again.status_code, again.data) == (200, answer.data)
    assert len(bank.queries) == 1


def test_stranger_who_cancels_makes_nobody_ask(portal: PortalApi, bank: ToldProvider) -> None:
    order, _attempt = being_paid(portal)
    stranger = PortalApi.of(portal.app, portal.scene, portal_code="stranger")
    assert cancel(stranger, order).status_code == 404
    assert bank.queries == []


def test_order_that_nobody_pays_is_cancelled_without_a_question(
    portal: PortalApi, bank: ToldProvider
) -> None:
    assert cancel(portal, portal.scene.order()).status_code == 200
    assert bank.queries == []
