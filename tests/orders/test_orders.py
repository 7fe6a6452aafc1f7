"""Creating, reading, cancelling and expiring orders."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from payclear.kernel.payment_code import is_payment_code
from payclear.kernel.states import IllegalTransition
from payclear.obligations.records import ObligationNotFound
from payclear.orders.checkout import open_attempt
from payclear.orders.domain import OrderState
from payclear.orders.errors import (
    AttemptInProgress,
    DuplicatePortalRef,
    ObligationInOrder,
    ObligationNotPayable,
    OrderNotFound,
    OrderNotPayable,
)
from payclear.orders.service import CreateOrder, cancel_order, create_order, expire_order, get_order
from tests.scenes import Scene


def command(scene: Scene, *ids, portal_ref: str = "ref", portal_code: str | None = None) -> CreateOrder:
    return CreateOrder(
        portal_code=portal_code or scene.portal_code,
        portal_ref=portal_ref,
        obligation_ids=ids,
        return_url="https://portal.example/return",
        locale="vi",
        expires_in=timedelta(hours=24),
        actor="key-1",
    )


def events(scene: Scene, order) -> list[str]:
    with scene.runtime.database.begin() as uow:
        rows = uow.run("SELECT type FROM event WHERE aggregate_id = %s ORDER BY sequence", (order.id,))
        return [row[0] for row in rows]


def test_order_collects_the_sum_of_its_obligations(scene: Scene) -> None:
    order = scene.order(
        scene.fee(150_000, 50_000), scene.fine(1_000_000, served_on=datetime(2026, 11, 20).date())
    )
    assert order.amount.amount == 1_200_000
    assert is_payment_code(order.payment_code)
    assert len(order.lines) == 3
    assert events(scene, order) == ["payment_order.created"]


def test_order_with_a_fine_ends_at_midnight_because_its_quote_does(scene: Scene) -> None:
    order = scene.order(scene.fine())
    assert order.expires_at == datetime(2026, 11, 21, 17, 0, tzinfo=UTC)


def test_order_of_fees_only_lasts_as_long_as_asked(scene: Scene) -> None:
    assert scene.order(expires_in_minutes=90).expires_at == scene.runtime.clock.now() + timedelta(minutes=90)


def test_obligation_is_in_one_open_order_at_most(scene: Scene) -> None:
    fee = scene.fee()
    scene.order(fee)
    with pytest.raises(ObligationInOrder):
        scene.order(fee)


def test_paid_obligation_can_not_be_ordered_again(scene: Scene) -> None:
    fee = scene.fee()
    scene.apply(scene.evidence(scene.attempt(scene.order(fee))))
    with pytest.raises(ObligationNotPayable):
        scene.order(fee)


def test_portal_ref_is_unique_for_ever(scene: Scene) -> None:
    first, second = scene.fee(), scene.fee()
    with scene.runtime.database.begin() as uow:
        create_order(uow, command(scene, first.id, portal_ref="same"))
        uow.commit()
    with scene.runtime.database.begin() as uow, pytest.raises(DuplicatePortalRef):
        create_order(uow, command(scene, second.id, portal_ref="same"))


def test_foreign_and_unknown_obligations_are_not_found(scene: Scene) -> None:
    other = Scene(scene.runtime, portal_code="otherportal", agency_code="H01.14")
    with scene.runtime.database.begin() as uow:
        from tests.factories.base import use
        from tests.factories.reference import PortalFactory

        use(uow.session)
        PortalFactory(code=other.portal_code)
        uow.commit()
    mine = scene.fee()
    for portal_code, obligation_id in ((other.portal_code, mine.id), (scene.portal_code, uuid4())):
        with scene.runtime.database.begin() as uow, pytest.raises(ObligationNotFound):
            create_order(uow, command(scene, obligation_id, portal_code=portal_code))


def test_foreign_order_is_not_found(scene: Scene) -> None:
    order = scene.order()
    with scene.runtime.database.begin() as uow, pytest.raises(OrderNotFound):
        get_order(uow, portal_code="otherportal", order_ref=order.order_ref)


def test_cancelled_order_frees_its_obligation_and_says_so_once(scene: Scene) -> None:
    fee = scene.fee()
    order = scene.order(fee)
    for _ in range(2):
        with scene.runtime.database.begin() as uow:
            view = cancel_order(uow, portal_code=scene.portal_code, order_ref=order.order_ref, actor="key-1")
            uow.commit()
    assert view.state is OrderState.CANCELLED
    assert events(scene, order) == ["payment_order.created", "payment_order.cancelled"]
    assert scene.order(fee).state is OrderState.OPEN


def test_order_is_not_cancelled_while_a_payment_is_being_confirmed(scene: Scene) -> None:
    order = scene.order()
    scene.attempt(order)
    with scene.runtime.database.begin() as uow, pytest.raises(AttemptInProgress):
        cancel_order(uow, portal_code=scene.portal_code, order_ref=order.order_ref, actor="key-1")


def test_paid_order_can_not_be_cancelled(scene: Scene) -> None:
    order = scene.paid_order()
    with scene.runtime.database.begin() as uow, pytest.raises(IllegalTransition):
        cancel_order(uow, portal_code=scene.portal_code, order_ref=order.order_ref, actor="key-1")


def test_order_expires_when_its_time_is_over(scene: Scene) -> None:
    order = scene.order(expires_in_minutes=30)
    with scene.runtime.database.begin() as uow:
        assert not expire_order(uow, order.id)
    scene.runtime.clock.advance(timedelta(minutes=30))
    with scene.runtime.database.begin() as uow:
        assert expire_order(uow, order.id)
        uow.commit()
    assert scene.reload(order.id).state is OrderState.EXPIRED
    assert events(scene, order)[-1] == "payment_order.expired"


def test_order_with_a_live_attempt_does_not_expire(scene: Scene) -> None:
    order = scene.order(expires_in_minutes=30)
    scene.attempt(order)
    scene.runtime.clock.advance(timedelta(days=2))
    with scene.runtime.database.begin() as uow:
        assert not expire_order(uow, order.id)


def test_no_second_attempt_while_one_is_live(scene: Scene) -> None:
    order = scene.order()
    scene.attempt(order)
    with pytest.raises(AttemptInProgress):
        scene.attempt(order, provider_account="sandbox-demo")


def test_no_attempt_in_the_last_minute_of_an_order(scene: Scene) -> None:
    order = scene.order(expires_in_minutes=30)
    scene.runtime.clock.advance(timedelta(minutes=29, seconds=30))
    line = scene.runtime.providers.get("vnpay-demo")
    with scene.runtime.database.begin() as uow, pytest.raises(OrderNotPayable):
        open_attempt(uow, order_id=order.id, line=line, settings=scene.runtime.settings.orders)


def test_attempt_ends_with_its_order_at_the_latest(scene: Scene) -> None:
    order = scene.order(expires_in_minutes=10)
    assert scene.attempt(order).expires_at == order.expires_at
