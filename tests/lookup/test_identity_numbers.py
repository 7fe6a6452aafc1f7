"""Whatever number names a person opens what they owe: citizen number, old card, passport; a name alone opens nothing."""

from typing import Any

import pytest

from payclear.lookup.domain import InvalidSubject, LookupStatus, read_subject
from payclear.obligations.rules.identity_numbers import IdType, normalise_id_no, personal_type_of
from tests.lookup.conftest import Street
from tests.obligations.insurance.conftest import office  # noqa: F401
from tests.obligations.insurance.office import Office, member
from tests.obligations.test_api import FEE, changed, refused
from tests.portal_api import PortalApi

NUMBER = FEE["document"]["dossier_code"]


def registered(portal: PortalApi, **obligor: Any) -> dict[str, Any]:
    answer = portal.post("/obligations", changed(FEE, "obligor", {"name": "NGUYỄN VĂN MẪU", **obligor}))
    assert answer.status_code == 201, answer.text
    return answer.json


@pytest.mark.parametrize(
    ("obligor", "factors"),
    [
        ({"citizen_id": "001099004321"}, ["4321"]),
        ({"citizen_id": "012344321"}, ["4321"]),
        ({"citizen_id": "c1234321"}, ["4321", "C1234321"]),
        ({"citizen_id": "L01X00T4K"}, ["0T4K", "0t4k"]),
        ({"citizen_id": "12344321", "id_type": "passport"}, ["4321"]),
    ],
)
def test_passport_is_taken_and_opens_the_look_up_like_any_number(
    portal: PortalApi, street: Street, obligor: dict[str, str], factors: list[str]
) -> None:
    assert registered(portal, **obligor)["can_be_looked_up"] is True
    for factor in factors:
        assert street.ask(NUMBER, factor)[0].status is LookupStatus.PAYABLE
    assert street.ask(NUMBER, "9999")[0].status is LookupStatus.NOT_FOUND


def test_number_that_is_not_of_the_stated_kind_is_refused(portal: PortalApi) -> None:
    body = changed(FEE, "obligor", {"name": "X", "citizen_id": "C1234567", "id_type": "citizen_id"})
    answer = refused(portal.post("/obligations", body), 422, "invalid_request")
    assert [(each["field"], each["code"]) for each in answer["errors"]] == [
        ("obligor.citizen_id", "invalid_format")
    ]


def test_name_alone_can_not_be_looked_up_and_the_answer_says_so(portal: PortalApi) -> None:
    made = registered(portal)
    assert made["can_be_looked_up"] is False
    assert portal.get(f"/obligations/{made['id']}").json["can_be_looked_up"] is False


def test_organisation_is_looked_up_by_its_tax_code(portal: PortalApi, street: Street) -> None:
    assert registered(portal, kind="organisation", tax_code="0101234567-001")["can_be_looked_up"] is True
    assert street.ask(NUMBER, "7-001")[0].status is LookupStatus.PAYABLE


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("001 099 004 321", IdType.CITIZEN_ID),
        ("012345678", IdType.OLD_IDENTITY_CARD),
        ("c1234567", IdType.PASSPORT),
        ("C12345", IdType.PASSPORT),
        ("C1234", None),
        ("NGUYENVAN", None),
        ("12345678", None),
        ("0010990043211", None),
    ],
)
def test_kind_of_a_persons_number(typed: str, kind: IdType | None) -> None:
    assert personal_type_of(normalise_id_no(typed)) is kind


def test_clearance_is_asked_for_a_passport_too() -> None:
    assert read_subject('citizen-id="C1234567"').value == "C1234567"
    with pytest.raises(InvalidSubject):
        read_subject('citizen-id="NGUYENVAN"')


def test_personal_number_stands_for_the_insurance_code_and_is_not_cut(office: Office) -> None:  # noqa: F811
    # Two people whose personal numbers end alike are two people.
    people = [member(1, code="001099000001"), member(2, code="002099000001")]
    made = office.register(office.household(people, months=3))
    again = office.household([member(1, code="001099000001")], months=3)
    refused(office.portal.post("/obligations", again), 409, "months_in_another_notice")
    assert len(made["quote"]["contribution"]["members"]) == 2
