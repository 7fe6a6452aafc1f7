"""What a look-up says of an insurance notice whose months can not be paid: why, and what to do."""

from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient

from payclear.kernel.clock import FixedClock
from payclear.lookup.domain import LookupStatus
from tests.lookup.conftest import Street
from tests.lookup.test_pages import look_up, status
from tests.obligations.insurance.conftest import office  # noqa: F401
from tests.obligations.insurance.office import Office

FACTOR = "0003"


@pytest.fixture(autouse=True)
def august(office: Office) -> None:  # noqa: F811
    office.on(date(2026, 8, 15))


def test_months_that_another_notice_paid_are_said_to_be_paid(
    office: Office,  # noqa: F811
    street: Street,
    client: FlaskClient,
) -> None:
    office.pay(office.register(office.household(1, months=12)))
    second = office.register(office.household(1, months=3))
    (found,) = street.ask(second["document_no"], FACTOR)
    assert (found.status, found.quote) == (LookupStatus.MONTHS_PAID, None)
    page = look_up(client, FACTOR, document_no=second["document_no"])
    assert status(page) == "months_paid"
    assert "đã được đóng theo một thông báo khác" in page
    assert 'data-testid="pay"' not in page


def test_some_months_paid_and_months_over_say_so(office: Office, street: Street) -> None:  # noqa: F811
    office.pay(office.register(office.household(1, from_on=date(2026, 12, 1), months=3)))
    around = office.register(office.household(1, from_on=date(2026, 9, 1), months=12))
    (found,) = street.ask(around["document_no"], FACTOR)
    assert found.status is LookupStatus.MONTHS_OVERLAP
    short = office.register(office.voluntary(from_on=date(2026, 9, 1), insurance_code="0099000077"))
    assert street.ask(short["document_no"], FACTOR)[0].status is LookupStatus.PAYABLE
    office.on(date(2026, 10, 1))
    assert street.ask(short["document_no"], FACTOR)[0].status is LookupStatus.MONTHS_OVER


def test_portal_is_told_in_both_languages(
    app: Flask,
    office: Office,  # noqa: F811
    clock: FixedClock,
) -> None:
    office.pay(office.register(office.household(1, months=12)))
    second = office.register(office.household(1, months=3))
    body = {"document_no": second["document_no"], "second_factor": FACTOR}
    (told,) = office.portal.post("/lookups", body, key="").json["results"]
    assert told["status"] == "months_paid"
    assert "đã được đóng" in told["next_step_vi"]
    assert "were paid" in told["next_step_en"]
