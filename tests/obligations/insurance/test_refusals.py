"""What is refused of insurance notices, each with its reason."""

from datetime import date

import pytest

from tests.obligations.insurance.office import Office, member
from tests.obligations.test_api import GONE, changed, refused

TODAY = date(2026, 8, 15)


@pytest.fixture(autouse=True)
def august(office: Office) -> None:
    office.on(TODAY)


@pytest.mark.parametrize(
    ("path", "value", "field", "code"),
    [
        ("lines", [], "lines", "unknown_field"),
        ("document.household_name", "x", "document.household_name", "unknown_field"),
        ("document.months", 0, "document.months", "too_small"),
        ("document.months", 1.5, "document.months", "not_whole"),
        ("document.members", [], "document.members", "too_few"),
        ("document.members.0.insurance_code", GONE, "document.members.0.insurance_code", "missing"),
        ("document.members.0.insurance_code", None, "document.members.0.insurance_code", "null"),
        ("document.members.0.insurance_code", "99", "document.members.0.insurance_code", "invalid_format"),
        (
            "document.members.0.insurance_code",
            "00100000001",
            "document.members.0.insurance_code",
            "invalid_format",
        ),
        ("document.members.0.name", "LÊ VĂN A", "document.members.0.name", "unknown_field"),
        ("document.members.0.order", 0, "document.members.0.order", "too_small"),
        ("document.members.0.ref", "Lê Văn A", "document.members.0.ref", "invalid_format"),
        (
            "document.members.0.support_category",
            "Hộ nghèo",
            "document.members.0.support_category",
            "invalid_format",
        ),
        ("currency", "USD", "currency", "not_one_of"),
    ],
)
def test_household_notice_of_another_shape_is_refused(office, path, value, field, code):
    answer = office.portal.post("/obligations", changed(office.household(), path, value))
    body = refused(answer, 422, "invalid_request")
    assert [(each["field"], each["code"]) for each in body["errors"]] == [(field, code)]


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("document.months", 4, "months"),
        ("document.members.1.order", 1, "order"),
        ("document.members.1.order", 7, "order"),
        ("document.members.1.ref", "M1", "repeated_member"),
        ("document.members.1.insurance_code", "0009900001", "repeated_member"),
        ("document.members.1.insurance_code", "GD4000009900001", "repeated_member"),
        ("document.members.0.covered_through", "2026-09-15", "overlaps"),
        ("document.notice_no", "  .  ", None),
    ],
)
def test_household_that_can_not_be_is_refused_with_its_reason(office, path, value, reason):
    answer = office.portal.post("/obligations", changed(office.household(2), path, value))
    if reason is None:
        assert answer.status_code == 201  # a full stop is a number as good as another
        return
    assert refused(answer, 422, "invalid_contribution")["facts"]["reason"] == reason


def test_everybody_insured_already_leaves_nothing_to_pay(office):
    people = [member(1, covered_through="2027-08-31"), member(2, covered_through="2028-01-31")]
    answer = office.portal.post("/obligations", office.household(people))
    assert refused(answer, 422, "invalid_contribution")["facts"]["reason"] == "nothing_to_pay"


def test_notice_of_tomorrow_is_refused(office):
    body = changed(office.household(), "document.issued_on", "2026-08-16")
    refused(office.portal.post("/obligations", body), 422, "invalid_input")


def test_office_without_an_account_is_told_to_wait(office):
    answer = office.portal.post("/obligations", office.household(agency_code="G24.99"))
    assert refused(answer, 503, "contribution_account_missing")["facts"]["agency_code"] == "G24.99"


def test_agency_that_is_no_insurance_office_takes_no_contribution(office):
    with office.scene.runtime.database.begin() as uow:
        uow.run(
            "INSERT INTO service_account (id, beneficiary_account, agency_code, chapter, sub_item, valid_from, legal_basis) "
            "VALUES ('x', 'TK-PHI', 'H00.14', '000', '0000', '2020-01-01', 'x')"
        )
        uow.commit()
    answer = office.portal.post("/obligations", office.household(agency_code="H00.14"))
    refused(answer, 503, "contribution_account_missing")


def test_category_the_catalogue_does_not_know_is_no_full_price(office):
    body = office.household([member(1, support_category="hero")])
    assert refused(office.portal.post("/obligations", body), 503, "rule_not_in_force")["facts"]["kind"] == (
        "health_insurance_support"
    )


@pytest.mark.parametrize(
    ("income", "document", "reason"),
    [
        (1_499_999, {}, "below_floor"),
        (50_600_001, {}, "above_ceiling"),
        (1_500_000, {"months": 2}, "months"),
        (1_500_000, {"months": 72}, "months"),
    ],
)
def test_voluntary_choice_outside_the_law_is_refused(office, income, document, reason):
    answer = office.portal.post("/obligations", office.voluntary(income, **document))
    body = refused(answer, 422, "invalid_contribution")
    assert tuple(body["facts"][name] for name in ("reason", "floor", "ceiling")) == (
        reason,
        1_500_000,
        50_600_000,
    )


def test_voluntary_declaration_without_a_code_is_refused(office):
    body = changed(office.voluntary(), "document.insurance_code", GONE)
    refused(office.portal.post("/obligations", body), 422, "invalid_request")


def test_months_of_one_person_in_two_notices_are_refused_by_the_callers_reference(office):
    office.register(office.household(2))
    again = [member(1, code="0000000077"), member(2, code="0009900001")]
    answer = office.portal.post("/obligations", office.household(again, from_on=date(2026, 12, 1), months=3))
    body = refused(answer, 409, "months_in_another_notice")
    assert body["facts"]["ref"] == "M2"
    assert "0009900001" not in answer.text


def test_the_same_person_may_have_other_months_another_insurance_and_a_place_in_the_order(office):
    office.register(office.household(2))
    office.register(office.household(2, from_on=date(2027, 9, 1), months=3))
    office.register(office.voluntary(insurance_code="0009900001"))
    insured = [member(1, covered_through="2027-11-30"), member(2, code="0000000078")]
    made = office.register(office.household(insured, from_on=date(2026, 12, 1), months=12))
    assert [each["months"] for each in made["quote"]["contribution"]["members"]] == [0, 12]


def test_same_notice_again_is_the_same_and_other_contents_are_a_conflict(office):
    body = office.household(2)
    made = office.register(body)
    again = office.portal.post("/obligations", body)
    assert (again.status_code, again.json["id"]) == (200, made["id"])
    card = changed(body, "document.members.0.insurance_code", "GD4000009900001")
    assert office.portal.post("/obligations", card).status_code == 200
    for path, value in (
        ("document.months", 6),
        ("document.members.0.insurance_code", "0000000079"),
        ("document.members.0.covered_through", "2026-08-31"),
        ("document.members.1.support_category", "near_poor"),
        ("document.issued_on", "2026-08-14"),
    ):
        answer = office.portal.post("/obligations", changed(body, path, value))
        refused(answer, 409, "document_already_registered")


def test_no_code_of_a_person_is_kept_in_clear(office):
    office.register(office.household(3))
    with office.scene.runtime.database.begin() as uow:
        kept = uow.run(
            "SELECT row_to_json(m)::text || row_to_json(o)::text || row_to_json(f)::text "
            "FROM contribution_member m JOIN obligor o ON o.id = m.obligor_id "
            "JOIN obligor_field f ON f.obligor_id = o.id"
        ).fetchall()
    assert len(kept) == 3
    assert not any("99000" in row[0] for row in kept)
