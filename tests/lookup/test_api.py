"""Look-up and clearance over the portal API: guarded by scopes, the subject in a header, nothing kept."""

import logging

import pytest
from flask import Flask

from tests.lookup.conftest import Street
from tests.portal_api import PortalApi

QUESTION = {"document_no": "0012345/QĐ-XPHC", "second_factor": "4321"}
SUBJECT = {"Clearance-Subject": 'citizen-id="000000004321"'}


def test_look_up_answers_masked_and_with_the_next_step_in_both_languages(
    portal: PortalApi, street: Street
) -> None:
    street.fine()
    answer = portal.post("/lookups", QUESTION, key="")
    assert answer.status_code == 200
    (result,) = answer.json["results"]
    assert result["status"] == "payable"
    assert result["amount"] == {"amount": 1_000_000, "currency": "VND"}
    assert result["due_on"] == "2026-11-25"
    assert result["name_masked"].startswith("TRẦN T")
    assert "nộp ngay" in result["next_step_vi"]
    assert "pay now" in result["next_step_en"]
    assert "KHÔNG CÓ" not in answer.text


def test_miss_has_every_field_of_a_hit_and_wrong_factor_equals_unknown_number(
    portal: PortalApi, street: Street
) -> None:
    street.fine()
    hit = portal.post("/lookups", QUESTION).json
    wrong = portal.post("/lookups", QUESTION | {"second_factor": "0000"})
    unknown = portal.post("/lookups", QUESTION | {"document_no": "9999999/QĐ-XPHC"})
    assert wrong.data == unknown.data
    assert [name for name, _ in wrong.headers] == [name for name, _ in unknown.headers]
    assert set(wrong.json["results"][0]) == set(hit["results"][0])


def test_look_up_keeps_no_answer_and_needs_no_key(portal: PortalApi, street: Street) -> None:
    street.fine()
    portal.post("/lookups", QUESTION, key="")
    portal.post("/lookups", QUESTION, key="k-1")
    with street.scene.runtime.database.begin() as uow:
        assert uow.one("SELECT count(*) FROM idempotency_key") == (0,)


@pytest.mark.parametrize(
    "body",
    [
        {"document_no": "1/QĐ"},
        {"second_factor": "4321"},
        QUESTION | {"name": "TRẦN"},
        QUESTION | {"document_no": "x" * 61},
        QUESTION | {"document_on": "yesterday"},
        QUESTION | {"second_factor": 4321},
    ],
)
def test_question_of_another_shape_is_refused(portal: PortalApi, body: dict[str, object]) -> None:
    assert portal.post("/lookups", body).status_code == 422


def test_number_closes_after_wrong_factors_with_the_time_to_wait(portal: PortalApi, street: Street) -> None:
    street.fine()
    for _ in range(5):
        assert portal.post("/lookups", QUESTION | {"second_factor": "0000"}).status_code == 200
    refused = portal.post("/lookups", QUESTION)
    assert (refused.status_code, refused.json["code"]) == (429, "rate_limited")
    assert refused.headers["Retry-After"] == "600"


@pytest.mark.parametrize("path", ["/lookups", "/clearance?purpose=licence_exchange"])
def test_key_without_the_scope_is_refused(app: Flask, street: Street, path: str) -> None:
    other = PortalApi.of(app, street.scene, scopes=["obligations:read", "orders:read"])
    answer = other.post(path, QUESTION) if path == "/lookups" else other.get(path, headers=dict(SUBJECT))
    assert (answer.status_code, answer.json["code"]) == (403, "scope_missing")


def test_clearance_tells_status_and_count_and_nothing_else(portal: PortalApi, street: Street) -> None:
    street.fine()
    answer = portal.get("/clearance?purpose=licence_exchange", headers=dict(SUBJECT))
    assert answer.status_code == 200
    assert answer.json == {
        "status": "OUTSTANDING",
        "as_of": "2026-11-21T03:30:00Z",
        "count": 1,
        "reasons": [],
    }


def test_clearance_of_nobody_known_is_unknown_before_authorities_are_named(portal: PortalApi) -> None:
    answer = portal.get("/clearance?purpose=licence_issue", headers=dict(SUBJECT))
    assert (answer.json["status"], answer.json["reasons"]) == ("UNKNOWN", ["no_authority"])


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/clearance?purpose=licence_exchange", {}, "invalid_clearance_subject"),
        ("/clearance?purpose=curiosity", SUBJECT, "invalid_request"),
        ("/clearance", SUBJECT, "invalid_request"),
        ("/clearance?purpose=licence_issue&citizen_id=000000004321", SUBJECT, "invalid_request"),
    ],
)
def test_clearance_without_purpose_or_subject_or_with_the_subject_in_the_address_is_refused(
    portal: PortalApi, path: str, headers: dict[str, str], code: str
) -> None:
    answer = portal.get(path, headers=dict(headers))
    assert (answer.status_code, answer.json["code"]) == (422, code)
    assert "000000004321" not in answer.text


def test_neither_subject_nor_factor_reaches_a_log(
    portal: PortalApi, street: Street, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    street.fine()
    portal.get("/clearance?purpose=licence_exchange", headers=dict(SUBJECT))
    portal.post("/lookups", QUESTION | {"second_factor": "30A-123.45"})
    portal.post("/lookups", QUESTION | {"second_factor": "30A-999.99"})
    told = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    for hidden in ("4321", "30A", "0012345", "TRẦN"):
        assert hidden not in told
