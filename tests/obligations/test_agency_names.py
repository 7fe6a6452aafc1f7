"""An agency is shown by the name it has today; a receipt keeps the name of the day the money was paid."""

from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient

from payclear.kernel.clock import FixedClock
from payclear.kernel.ids import public_id
from payclear.obligations.service import find_by_number
from payclear.orders.service import get_order
from payclear.receipts.service import for_order
from tests.factories.base import use
from tests.factories.catalogue import AgencyPlaceFactory
from tests.portal_api import PortalApi
from tests.scenes import Scene

OLD, NEW = "Sở Tư pháp cũ", "Sở Nội vụ mới"
TODAY, TOMORROW = date(2026, 11, 21), date(2026, 11, 22)


@pytest.fixture
def renamed(scene: Scene) -> Scene:
    """H00.14 has another name from tomorrow."""
    with scene.runtime.database.begin() as uow:
        use(uow.session)
        AgencyPlaceFactory(agency_code="H00.14", name_vi=OLD, name_en="Old", valid_to=TODAY)
        AgencyPlaceFactory(agency_code="H00.14", name_vi=NEW, name_en="New", valid_from=TOMORROW)
        uow.commit()
    return scene


@pytest.mark.parametrize("kind", ["fee", "fine"])
def test_api_and_pay_page_name_the_agency_as_it_is_called_today(
    portal: PortalApi, renamed: Scene, client: FlaskClient, clock: FixedClock, kind: str
) -> None:
    for name in (OLD, NEW):
        owed = renamed.fee() if kind == "fee" else renamed.fine()
        made = portal.order(obligations=[public_id("obl", owed.id)])
        assert made["documents"][0]["agency_name_vi"] == name
        assert (
            portal.get(f"/payment-orders/{made['order_ref']}").json["documents"][0]["agency_name_vi"] == name
        )
        assert portal.get(f"/obligations/{public_id('obl', owed.id)}").json["agency_name_vi"] == name
        assert name in client.get(made["pay_url"].removeprefix("http://localhost:8000")).text
        with renamed.runtime.database.begin() as uow:
            assert [each.agency_name_vi for each in find_by_number(uow, owed.document_no)] == [name]
        clock.advance(timedelta(days=1))


def test_receipt_keeps_the_name_of_its_day(renamed: Scene, client: FlaskClient, clock: FixedClock) -> None:
    paid = renamed.paid_order()
    with renamed.runtime.database.begin() as uow:
        receipt = for_order(uow, paid.id)
    assert receipt is not None
    page = f"/receipts/{receipt.verification_code}"
    before = client.get(page).text
    assert OLD in before
    clock.advance(timedelta(days=1))
    now = client.get(page).text
    assert (OLD in now, NEW in now) == (True, False)
    with renamed.runtime.database.begin() as uow:
        order = get_order(uow, portal_code=renamed.portal_code, order_ref=paid.order_ref)
    assert order.documents[0].agency_name_vi == NEW


def test_agency_that_is_no_more_keeps_its_last_name(scene: Scene) -> None:
    with scene.runtime.database.begin() as uow:
        use(uow.session)
        AgencyPlaceFactory(agency_code="H00.14", name_vi=OLD, name_en="Old", valid_to=date(2026, 10, 31))
        AgencyPlaceFactory(  # withdrawn before it came into force
            agency_code="H00.14", name_vi=NEW, valid_from=date(2026, 11, 10), valid_to=date(2026, 11, 9)
        )
        uow.commit()
    assert scene.order().documents[0].agency_name_vi == OLD
