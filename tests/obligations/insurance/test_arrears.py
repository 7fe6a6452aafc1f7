"""Months that are over are not sold at today's price: what they cost in arrears, the catalogue does not know."""

from datetime import date

import pytest

from tests.database import TestServer
from tests.obligations.insurance.office import Office, at
from tests.obligations.test_api import refused

NOVEMBER = date(2026, 11, 22)


@pytest.fixture(autouse=True)
def november(office: Office) -> None:
    office.on(NOVEMBER)


def rule_says(postgres: TestServer, kind: str, months: int) -> None:
    """The catalogue allows so many months back."""
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE legal_parameter SET value = value || jsonb_build_object('months_back_most', %s::int) "
            "WHERE kind = %s",
            (months, kind),
        )


@pytest.mark.parametrize(
    ("from_on", "months", "is_over"),
    [
        (date(2024, 1, 1), 12, True),
        (date(2026, 8, 1), 3, True),  # ended with October
        (date(2026, 8, 15), 3, False),  # ended on 14 November: this month is not over
        (date(2026, 9, 1), 3, False),
        (date(2026, 11, 1), 3, False),
    ],
)
def test_household_period_that_is_over_is_refused(
    office: Office, from_on: date, months: int, is_over: bool
) -> None:
    answer = office.portal.post("/obligations", office.household(1, from_on=from_on, months=months))
    if not is_over:
        assert answer.status_code == 201
        return
    body = refused(answer, 422, "contribution_in_arrears")
    assert body["facts"] == {"reason": "arrears", "begin_on": "2026-11-01"}


@pytest.mark.parametrize(("from_on", "months"), [(date(2026, 10, 1), 1), (date(2021, 1, 1), 60)])
def test_missing_years_of_voluntary_insurance_are_refused(office: Office, from_on: date, months: int) -> None:
    answer = office.portal.post("/obligations", office.voluntary(from_on=from_on, months=months))
    refused(answer, 422, "contribution_in_arrears")


def test_catalogue_says_how_far_back_is_allowed(office: Office, postgres: TestServer) -> None:
    rule_says(postgres, "voluntary_social_insurance", 2)
    made = office.register(office.voluntary(from_on=date(2026, 9, 1)))
    assert made["quote"]["total"]["amount"] == 330_000
    answer = office.portal.post("/obligations", office.voluntary(from_on=date(2026, 8, 1)))
    assert refused(answer, 422, "contribution_in_arrears")["facts"]["begin_on"] == "2026-09-01"


def test_quote_holds_while_the_period_is_not_over_and_no_longer(office: Office) -> None:
    made = office.register(office.voluntary(from_on=date(2026, 11, 1)))
    assert at(made["quote"]["valid_until"]) == at("2026-11-30T17:00:00Z")
    office.on(date(2026, 12, 1))
    assert office.read(made)["quote"] is None
    answer = office.portal.post("/payment-orders", office.portal.order_body(obligations=[made["id"]]))
    refused(answer, 422, "contribution_in_arrears")


def test_notice_of_a_past_period_whose_months_are_all_paid_says_so(office: Office) -> None:
    office.pay(office.register(office.household(1, from_on=date(2026, 11, 1), months=6)))
    second = office.register(office.household(1, from_on=date(2026, 11, 1), months=3))
    office.on(date(2027, 3, 1))
    answer = office.portal.post("/payment-orders", office.portal.order_body(obligations=[second["id"]]))
    assert refused(answer, 422, "invalid_contribution")["facts"]["reason"] == "nothing_to_pay"
