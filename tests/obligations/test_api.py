"""The portal API of obligations, refusals first."""

import copy
from typing import Any

import pytest
from flask import Flask

from payclear.kernel.clock import FixedClock
from payclear.kernel.ids import new_uuid, public_id
from payclear.obligations.schemas import obligation_json
from payclear.runtime import Runtime
from tests.database import TestServer
from tests.portal_api import PortalApi
from tests.scenes import Scene

LINE = {
    "type": "fee_phi",
    "name": "Phí mẫu",
    "amount": 150_000,
    "beneficiary_account": "TK-PHI",
    "chapter": "000",
    "sub_item": "0000",
}
FEE: dict[str, Any] = {
    "kind": "dossier_fee",
    "agency_code": "H00.14",
    "document": {
        "dossier_code": "H00.14-261121-0007",
        "procedure_code": "1.009999",
        "filed_on": "2026-11-21",
    },
    "obligor": {"name": "NGUYỄN VĂN MẪU", "citizen_id": "000000000001"},
    "lines": [LINE],
    "currency": "VND",
}
FINE: dict[str, Any] = {
    "kind": "traffic_fine",
    "agency_code": "H00.14",
    "document": {
        "decision_no": "0012345/QĐ-XPHC",
        "decided_on": "2026-10-30",
        "served_on": "2026-11-01",
        "served_method": "handed",
    },
    "obligor": {"name": "PHẠM VĂN MẪU"},
    "lines": [{**LINE, "type": "fine", "amount": 1_000_000, "beneficiary_account": "TK-PHAT"}],
    "surcharge": {"beneficiary_account": "TK-CHAMNOP", "chapter": "000", "sub_item": "0000"},
}
GONE = object()


def changed(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy with one place changed: `document.filed_on`, `lines.0.amount`; GONE takes it away."""
    made = copy.deepcopy(body)
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    place: Any = made
    for step in steps:
        place = place[step]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return made


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
    return answer.json


def rows(runtime: Runtime) -> list[int]:
    with runtime.database.begin() as uow:
        return [
            uow.run(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("obligation", "obligor", "obligation_line", "idempotency_key")
        ]


@pytest.mark.parametrize(
    ("body", "path", "value", "field", "code"),
    [
        (FEE, "kind", GONE, "kind", "missing"),
        (FEE, "kind", "toll", "kind", "not_one_of"),
        (FEE, "kind", 5, "kind", "not_one_of"),
        (FEE, "kind", "traffic_fine", "document.decided_on", "missing"),
        (FEE, "agency_code", GONE, "agency_code", "missing"),
        (FEE, "agency_code", "H 00", "agency_code", "invalid_format"),
        (FEE, "document", GONE, "document", "missing"),
        (FEE, "document", [], "document", "not_an_object"),
        (FEE, "document.filed_on", "21/11/2026", "document.filed_on", "not_a_date"),
        (FEE, "document.filed_on", "2026-02-29", "document.filed_on", "not_a_date"),
        (FEE, "document.filed_on", "0001-01-01", "document.filed_on", "date_out_of_range"),
        (FEE, "document.offence", "x", "document.offence", "unknown_field"),
        (FEE, "obligor", GONE, "obligor", "missing"),
        (FEE, "obligor.name", " ", "obligor.name", "too_short"),
        (FEE, "obligor.name", "A\u0000", "obligor.name", "malformed"),
        (FEE, "obligor.name", "A\nB", "obligor.name", "control_character"),
        (FEE, "obligor.name", "x" * 201, "obligor.name", "too_long"),
        (FEE, "obligor.citizen_id", "12345", "obligor.citizen_id", "invalid_format"),
        (FEE, "obligor.citizen_id", 1, "obligor.citizen_id", "wrong_type"),
        (FEE, "obligor.citizen_id", "12345678", "obligor.citizen_id", "invalid_format"),
        (FEE, "obligor.citizen_id", "NGUYENVANMAU", "obligor.citizen_id", "invalid_format"),
        (FEE, "obligor.id_type", "tax_code", "obligor.id_type", "not_one_of"),
        (FEE, "obligor.phone", "09", "obligor.phone", "invalid_format"),
        (FEE, "obligor.offence", "x", "obligor.offence", "unknown_field"),
        (FEE, "obligor.kind", "ghost", "obligor.kind", "not_one_of"),
        (FEE, "obligor.plate_colour", "green", "obligor.plate_colour", "not_one_of"),
        (FEE, "obligor.tax_code", "0100000001", "obligor.tax_code", "not_allowed_here"),
        (FEE, "lines", GONE, "lines", "missing"),
        (FEE, "lines", [], "lines", "missing"),
        (FEE, "lines", {"0": LINE}, "lines", "wrong_type"),
        (FEE, "lines", [LINE] * 51, "lines", "too_many"),
        (FEE, "lines.0", None, "lines.0", "null"),
        (FEE, "lines.0.amount", GONE, "lines.0.amount", "missing"),
        (FEE, "lines.0.amount", 0, "lines.0.amount", "too_small"),
        (FEE, "lines.0.amount", -1, "lines.0.amount", "too_small"),
        (FEE, "lines.0.amount", 10**15 + 1, "lines.0.amount", "too_large"),
        (FEE, "lines.0.amount", 0.5, "lines.0.amount", "not_whole"),
        (FEE, "lines.0.amount", 150_000.5, "lines.0.amount", "not_whole"),
        (FEE, "lines.0.amount", "150000", "lines.0.amount", "wrong_type"),
        (FEE, "lines.0.amount", True, "lines.0.amount", "wrong_type"),
        (FEE, "lines.0.amount", None, "lines.0.amount", "null"),
        (FEE, "lines.0.amount", {"amount": 1}, "lines.0.amount", "wrong_type"),
        (FEE, "lines.0.type", "late_surcharge", "lines.0.type", "not_one_of"),
        (FEE, "lines.0.chapter", "00", "lines.0.chapter", "too_short"),
        (FEE, "lines.0.chapter", "\u0661\u0662\u0663", "lines.0.chapter", "invalid_format"),
        (FEE, "lines.0.sub_item", "00000", "lines.0.sub_item", "too_long"),
        (FEE, "currency", "USD", "currency", "not_one_of"),
        (FEE, "surcharge", FINE["surcharge"], "surcharge", "unknown_field"),
        (FINE, "surcharge", GONE, "surcharge", "missing"),
        (FINE, "document.served_method", "shouted", "document.served_method", "not_one_of"),
        (FINE, "document.served_on", "9999-12-31", "document.served_on", "date_out_of_range"),
        (FINE, "document.decision_no", "", "document.decision_no", "too_short"),
    ],
)
def test_register_wrong_shape_is_refused_and_named(
    portal: PortalApi, runtime: Runtime, body: dict[str, Any], path: str, value: object, field: str, code: str
) -> None:
    answer = portal.post("/obligations", changed(body, path, value))
    if code == "malformed":
        refused(answer, 400, "malformed_json")
    else:
        problem = refused(answer, 422, "invalid_request")
        assert (field, code) in [(each["field"], each["code"]) for each in problem["errors"]]
    assert rows(runtime) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("body", "path", "value", "code"),
    [
        (FEE, "agency_code", "H99.99", "unknown_agency"),
        (FEE, "lines.0.beneficiary_account", "TK-NONE", "unknown_beneficiary_account"),
        (FEE, "document.dossier_code", "H00.14-261122-0007", "invalid_dossier_code"),
        (FEE, "document.procedure_code", "9.1", "invalid_input"),
        (FEE, "document.filed_on", "2026-11-22", "filing_date_refused"),
        (FEE, "lines.0.type", "fine", "invalid_input"),
        (FEE, "lines.0.type", "insurance", "invalid_input"),
        (FEE, "lines.0.type", "tax", "invalid_input"),
        (FEE, "lines.0.type", "land", "invalid_input"),
        (FEE, "lines.0.type", "contribution", "invalid_input"),
        (FINE, "lines.0.type", "fee_phi", "invalid_input"),
        (FINE, "surcharge.beneficiary_account", "TK-NONE", "unknown_beneficiary_account"),
        (FINE, "document.served_on", "2026-10-29", "invalid_fine_decision"),
        (FINE, "document.decided_on", "2026-11-22", "invalid_input"),
        (FINE, "document.served_on", "2026-11-22", "invalid_fine_decision"),
        (FEE, "lines", [{**LINE, "amount": 10**15}] * 2, "invalid_amount"),
    ],
)
def test_register_what_can_not_be_true_is_422(
    portal: PortalApi, runtime: Runtime, body: dict[str, Any], path: str, value: object, code: str
) -> None:
    refused(portal.post("/obligations", changed(body, path, value)), 422, code)
    assert rows(runtime) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("body", "path", "value"),
    [
        (FEE, "lines.0.amount", 150_001),
        (FEE, "lines.0.name", "Phí khác"),
        (FEE, "document.filed_on", "2026-11-20"),
        (FINE, "document.served_on", "2026-11-02"),
        (FINE, "surcharge.beneficiary_account", "TK-PHAT"),
    ],
)
def test_register_known_document_with_other_contents_is_409(
    portal: PortalApi, body: dict[str, Any], path: str, value: object
) -> None:
    assert portal.post("/obligations", body).status_code == 201
    refused(portal.post("/obligations", changed(body, path, value)), 409, "document_already_registered")


def test_register_decision_number_of_another_day_is_another_decision(portal: PortalApi) -> None:
    first = portal.post("/obligations", FINE)
    second = portal.post("/obligations", changed(FINE, "document.decided_on", "2026-10-31"))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json["id"] != second.json["id"]


def test_register_document_of_another_portal_is_409(app: Flask, scene: Scene, portal: PortalApi) -> None:
    assert portal.post("/obligations", FEE).status_code == 201
    stranger = PortalApi.of(app, scene, portal_code="stranger")
    answer = stranger.post("/obligations", FEE)
    refused(answer, 409, "document_already_registered")
    assert "by another portal or with other contents" in answer.json["detail"]
    assert portal.key not in answer.text


def test_register_fine_while_our_catalogue_lacks_the_rate_is_503(
    portal: PortalApi, runtime: Runtime, postgres: TestServer
) -> None:
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM legal_parameter WHERE kind = 'late_surcharge'")
    refused(portal.post("/obligations", FINE), 503, "rule_not_in_force")
    assert rows(runtime) == [0, 0, 0, 0]


def test_register_again_is_the_same_obligation(portal: PortalApi, runtime: Runtime) -> None:
    first = portal.post("/obligations", FEE)
    again = portal.post("/obligations", changed(FEE, "lines.0.amount", 150_000.0))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == first.json
    assert again.headers["Location"] == first.headers["Location"] == f"/v1/obligations/{first.json['id']}"
    assert rows(runtime) == [1, 1, 1, 2]


def test_register_fee_answers_lines_and_a_quote_that_does_not_move(portal: PortalApi) -> None:
    made = portal.post("/obligations", FEE).json
    assert (made["kind"], made["status"], made["due_on"]) == ("dossier_fee", "open", None)
    assert made["principal"] == {"amount": 150_000, "currency": "VND"}
    assert made["lines"] == [{**LINE, "amount": {"amount": 150_000, "currency": "VND"}}]
    assert made["quote"]["total"] == made["principal"]
    assert (made["quote"]["for_date"], made["quote"]["valid_until"]) == ("2026-11-21", None)


def test_register_fine_quotes_the_surcharge_of_today_until_midnight(
    portal: PortalApi, clock: FixedClock
) -> None:
    made = portal.post("/obligations", FINE).json
    quote = made["quote"]
    assert made["due_on"] == "2026-11-11"
    assert (quote["late_days"], quote["surcharge"]["amount"], quote["total"]["amount"]) == (
        9,
        4_500,
        1_004_500,
    )
    assert quote["valid_until"] == "2026-11-21T17:00:00Z"
    assert quote["legal_basis"]
    assert [line["type"] for line in quote["lines"]] == ["fine", "late_surcharge"]
    assert [line["type"] for line in made["lines"]] == ["fine"]
    clock.set(clock.now().replace(hour=17))  # midnight in Viet Nam
    later = portal.get(f"/obligations/{made['id']}").json["quote"]
    assert (later["for_date"], later["late_days"]) == ("2026-11-22", 10)


def test_register_never_answers_with_personal_data(portal: PortalApi) -> None:
    answer = portal.post("/obligations", FEE)
    for text in (answer.text, portal.get(f"/obligations/{answer.json['id']}").text):
        assert "NGUYỄN" not in text
        assert "000000000001" not in text


def test_register_personal_data_is_not_stored_in_clear(portal: PortalApi, runtime: Runtime) -> None:
    portal.post("/obligations", FEE)
    with runtime.database.begin() as uow:
        row = uow.run("SELECT o::text, k.body FROM obligor o, idempotency_key k").fetchone()
    assert "000000000001" not in str(row)
    assert "NGUYỄN".encode().hex() not in str(row)


@pytest.mark.parametrize(
    "obligation_id",
    [public_id("obl", new_uuid()), public_id("ord", new_uuid()), "obl_1", "x", "%00", "A" * 3000],
    ids=["nobody's", "another kind", "short", "letter", "NUL", "long"],
)
def test_read_unknown_obligation_is_404(portal: PortalApi, obligation_id: str) -> None:
    refused(portal.get(f"/obligations/{obligation_id}"), 404, "obligation_not_found")


def test_read_foreign_obligation_is_404(app: Flask, scene: Scene, portal: PortalApi) -> None:
    made = portal.post("/obligations", FEE).json
    stranger = PortalApi.of(app, scene, portal_code="stranger")
    refused(stranger.get(f"/obligations/{made['id']}"), 404, "obligation_not_found")


def test_read_paid_obligation_has_nothing_to_quote(portal: PortalApi, scene: Scene) -> None:
    fee = scene.fee()
    scene.apply(scene.evidence(scene.attempt(scene.order(fee))))
    read = portal.get(f"/obligations/{public_id('obl', fee.id)}").json
    assert (read["status"], read["quote"]) == ("paid", None)


def test_obligation_json_writes_the_same_for_the_same_view(scene: Scene) -> None:
    fee = scene.fee()
    told = {"can_be_looked_up": True, "holds_money": False}
    assert obligation_json(fee, None, **told) == obligation_json(fee, None, **told)
