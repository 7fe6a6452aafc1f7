"""Taxes, obligations on land and contributions: the agency's own lines, with the law they rest on."""

from datetime import date
from typing import Any

import pytest

from tests.obligations.insurance.office import Office, amounts
from tests.obligations.test_api import GONE, changed, refused

TODAY = date(2026, 11, 21)
OWN_LINE = {"tax": "tax", "land_obligation": "land", "contribution": "contribution"}


def line(kind: str, amount: int = 2_500_000, **changes: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "name": "Khoản mẫu",
        "amount": amount,
        "beneficiary_account": "TK-PHI",
        "chapter": "000",
        "sub_item": "0000",
    } | changes


def notice(kind: str, *lines: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": kind,
        "agency_code": "H00.14",
        "obligor": {"name": "CÔNG TY MẪU", "kind": "organisation", "tax_code": "0100000012"},
        "document": {
            "notice_no": "TB-2026-000045",
            "issued_on": "2026-11-01",
            "due_on": "2026-12-01",
            "legal_basis": "Luật mẫu, Điều 1",
        },
        "lines": list(lines) or [line(OWN_LINE[kind])],
    }


@pytest.fixture(autouse=True)
def budget(office: Office) -> None:
    office.on(TODAY)


@pytest.mark.parametrize(
    ("path", "value", "code", "fact"),
    [
        ("lines.0.type", "fee_phi", "invalid_notice", ("reason", "lines")),
        ("lines.0.type", "fine", "invalid_notice", ("reason", "lines")),
        ("lines.0.type", "insurance", "invalid_notice", ("reason", "lines")),
        ("lines.0.type", "other_service", "invalid_notice", ("reason", "lines")),
        ("lines.0.chapter", "999", "unknown_budget_code", ("kind", "chapter")),
        ("lines.0.sub_item", "9999", "unknown_budget_code", ("budget_code", "9999")),
        (
            "lines.0.beneficiary_account",
            "TK-LA",
            "unknown_beneficiary_account",
            ("beneficiary_account", "TK-LA"),
        ),
        ("document.due_on", "2026-10-31", "invalid_notice", ("reason", "due_on")),
        ("document.issued_on", "2026-11-22", "invalid_input", None),
        ("document.legal_basis", GONE, "invalid_request", None),
        ("document.legal_basis", " ", "invalid_request", None),
        ("lines", [], "invalid_request", None),
        ("lines.0.amount", 0, "invalid_request", None),
    ],
)
@pytest.mark.parametrize("kind", OWN_LINE)
def test_notice_that_can_not_be_is_refused(office, kind, path, value, code, fact):
    answer = refused(office.portal.post("/obligations", changed(notice(kind), path, value)), 422, code)
    if fact is not None:
        assert answer["facts"][fact[0]] == fact[1]


@pytest.mark.parametrize("kind", OWN_LINE)
def test_notice_is_registered_ordered_and_paid_as_the_agency_states_it(office, kind):
    body = notice(
        kind, line(OWN_LINE[kind]), line("other_service", 40_000, beneficiary_account="TK-BUUCHINH")
    )
    made = office.register(body)
    assert made["notice"] == {"due_on": "2026-12-01", "legal_basis": "Luật mẫu, Điều 1"}
    assert (made["document_no"], made["principal"]["amount"]) == ("TB-2026-000045", 2_540_000)
    assert (amounts(made), made["quote"]["valid_until"]) == ([2_500_000, 40_000], None)
    assert made["quote"]["contribution"] is None
    again = office.portal.post("/obligations", body)
    assert (again.status_code, again.json) == (200, made)
    refused(
        office.portal.post("/obligations", changed(body, "document.legal_basis", "Luật khác")),
        409,
        "document_already_registered",
    )
    assert office.pay(made).amount.amount == 2_540_000
    assert office.read(made)["status"] == "paid"


def test_one_number_may_be_a_tax_and_a_contribution(office):
    assert office.register(notice("tax"))["id"] != office.register(notice("contribution"))["id"]
