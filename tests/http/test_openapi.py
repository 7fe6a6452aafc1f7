"""The document describes what is served, and what is served obeys the document."""

import json
import re
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from payclear.events.registry import all_event_types
from payclear.http.openapi import method_of, operations_of
from payclear.i18n.texts import all_keys
from payclear.kernel.ids import public_id
from tests.portal_api import PortalApi


@pytest.fixture
def document(app: Flask) -> dict[str, Any]:
    return app.test_client().get("/v1/openapi.json").json


def closed(schema: Any) -> Any:
    """The schema without room for names it does not know."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    shut = {name: closed(value) for name, value in schema.items()}
    if shut.get("type") == "object" and "properties" in shut:
        shut["additionalProperties"] = False
    return shut


def require_described(document: dict[str, Any], name: str, value: Any) -> None:
    components = closed(document["components"])
    schema = {"$ref": f"#/components/schemas/{name}", "components": components}
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    problems = [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(value)]
    assert problems == []


def test_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_document_names_every_operation_and_nothing_else(app: Flask, document: dict[str, Any]) -> None:
    served = {
        (rule.rule.replace("<", "{").replace(">", "}"), method_of(rule)) for rule, _ in operations_of(app)
    }
    described = {(path, method) for path, item in document["paths"].items() for method in item}
    assert described == served
    assert len(served) > 20


def test_document_secures_every_operation_and_documents_its_errors(document: dict[str, Any]) -> None:
    for item in document["paths"].values():
        for method, operation in item.items():
            assert operation["security"] == [{"apiKey": []}]
            assert {"401", "403", "422", "503"} <= operation["responses"].keys()
            if method == "post" and operation["operationId"] == "look_up":  # a question: nothing is kept
                assert {"400", "413", "415"} <= operation["responses"].keys()
            elif method == "post":
                assert {"400", "409", "413", "415"} <= operation["responses"].keys()
                assert "Idempotency-Key" in [each["name"] for each in operation["parameters"]]


def test_document_describes_every_event_we_send(document: dict[str, Any]) -> None:
    assert set(document["webhooks"]) == {each.name for each in all_event_types()}


def test_document_examples_obey_their_schemas(document: dict[str, Any]) -> None:
    for item in document["paths"].values():
        for operation in item.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is None:
                continue
            if content["schema"].get("format") == "binary":
                continue  # a file, in place of a JSON body
            schema = {**content["schema"], "components": document["components"]}
            Draft202012Validator(schema).validate(content["example"])


def test_answers_obey_the_document(portal: PortalApi, document: dict[str, Any]) -> None:
    made = portal.order()
    fee, fine = portal.scene.fee(), portal.scene.fine()
    require_described(document, "Order", made)
    require_described(
        document, "OrderList", portal.get(f"/payment-orders?portal_ref={made['portal_ref']}").json
    )
    require_described(document, "OrderList", portal.get("/payment-orders?portal_ref=none").json)
    for obligation in (fee, fine):
        require_described(
            document, "Obligation", portal.get(f"/obligations/{public_id('obl', obligation.id)}").json
        )
    order = portal.scene.paid_order()
    paid = portal.get(f"/payment-orders/{order.order_ref}").json
    assert paid["status"] == "paid"
    require_described(document, "Order", paid)
    require_described(document, "Problem", portal.post("/payment-orders", {}).json)
    require_described(document, "Problem", portal.post("/payment-orders", b"{").json)


@pytest.mark.parametrize("locale", ["vi", "en"])
def test_docs_page_shows_every_operation_shape_and_code(
    app: Flask, document: dict[str, Any], locale: str
) -> None:
    answer = app.test_client().get(f"/docs?lang={locale}")
    assert answer.status_code == 200
    assert answer.headers["Content-Language"] == locale
    page = answer.text
    assert "<script" not in page
    assert 'style="' not in page
    for item in document["paths"].values():
        for operation in item.values():
            assert f'id="operation-{operation["operationId"]}"' in page
    for name in document["components"]["schemas"]:
        assert f'id="shape-{name}"' in page
    for code in (
        "malformed_json",
        "idempotency_key_reused",
        "portal_ref_already_used",
        "internal",
        "too_large",
    ):
        assert f'id="error-{code}"' in page
    for each in document["webhooks"]:
        assert each in page


def test_docs_page_links_lead_somewhere(app: Flask) -> None:
    page = app.test_client().get("/docs").text
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets <= set(re.findall(r'id="([^"]+)"', page))


def test_every_operation_has_its_words_in_both_languages(app: Flask) -> None:
    known = set(all_keys())
    for _, described in operations_of(app):
        assert {f"docs.op_{described.name}", f"docs.op_{described.name}_text"} <= known


def test_openapi_json_may_be_cached_and_is_open(app: Flask) -> None:
    answer = app.test_client().get("/v1/openapi.json")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert json.loads(answer.data)["info"]["title"] == "payclear portal API"
