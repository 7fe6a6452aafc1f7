"""Every kind of bad request gets its own 4xx, and what it would have changed is unchanged."""

from typing import Any

import pytest
from flask import Flask

from payclear.http.operations import BODY_BYTES_MAX
from payclear.identity.service import change_access, revoke_api_key
from payclear.kernel.clock import FixedClock
from tests.officers import take_step
from tests.portal_api import RETURN_URL, PortalApi
from tests.scenes import Scene

PATH = "/payment-orders"
OBLIGATION = "obl_01m80ban0repp8vxyphr9gwfa3"
BODY = {"portal_ref": "ref-1", "obligations": [OBLIGATION], "return_url": RETURN_URL}


def orders_in(portal: PortalApi) -> int:
    with portal.scene.runtime.database.begin() as uow:
        return uow.run(
            "SELECT (SELECT count(*) FROM payment_order) + (SELECT count(*) FROM idempotency_key)"
        ).fetchone()[0]


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    problem = answer.json
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["title"]
    assert problem["type"].endswith(f"/docs#error-{code}")
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    return problem


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "syntax"),
        (b"\xff", "encoding"),
        (b'{"portal_ref":"a","portal_ref":"b"}', "duplicate_name"),
        (b'{"expires_in_minutes":NaN}', "constant"),
        (b'{"expires_in_minutes":1e400}', "number"),
        (b'{"expires_in_minutes":99999999999999999}', "number"),
        (b'{"portal_ref":"\\u0000"}', "nul"),
        (b'{"portal_ref":"\\ud800"}', "surrogate"),
        (b"[" * 40 + b"]" * 40, "depth"),
    ],
)
def test_post_malformed_json_is_400(portal: PortalApi, body: bytes, reason: str) -> None:
    assert refused(portal.post(PATH, body), 400, "malformed_json")["facts"] == {"reason": reason}
    assert orders_in(portal) == 0


@pytest.mark.parametrize(
    "options",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "application/json; charset=utf-16"},
        {"content_type": "application/jsonp"},
        {"content_type": ""},
        {"headers": {"Content-Encoding": "gzip"}},
    ],
)
def test_post_wrong_media_type_is_415(portal: PortalApi, options: dict[str, Any]) -> None:
    refused(portal.post(PATH, BODY, **options), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=UTF-8", "Application/JSON"]
)
def test_post_json_media_type_is_taken(portal: PortalApi, content_type: str) -> None:
    refused(portal.post(PATH, BODY, content_type=content_type), 404, "obligation_not_found")


def test_post_without_body_is_400(portal: PortalApi) -> None:
    refused(portal.post(PATH), 400, "body_missing")
    refused(portal.post(PATH, b""), 400, "body_missing")


def test_post_too_large_body_is_413(portal: PortalApi) -> None:
    refused(portal.post(PATH, b'"' + b"x" * BODY_BYTES_MAX + b'"'), 413, "too_large")


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"portal_ref": None}, "portal_ref", "missing"),
        ({"portal_ref": ""}, "portal_ref", "too_short"),
        ({"portal_ref": 5}, "portal_ref", "wrong_type"),
        ({"portal_ref": "x" * 65}, "portal_ref", "too_long"),
        ({"portal_ref": "có dấu"}, "portal_ref", "invalid_format"),
        ({"obligations": None}, "obligations", "missing"),
        ({"obligations": []}, "obligations", "too_few"),
        ({"obligations": {}}, "obligations", "wrong_type"),
        ({"obligations": "obl"}, "obligations", "wrong_type"),
        ({"obligations": ["obl_1"]}, "obligations.0", "invalid_id"),
        ({"obligations": [OBLIGATION, OBLIGATION]}, "obligations", "repeated_item"),
        ({"obligations": [OBLIGATION] * 51}, "obligations", "too_many"),
        ({"return_url": None}, "return_url", "missing"),
        ({"return_url": 1}, "return_url", "wrong_type"),
        ({"return_url": "https://portal.example/" + "x" * 1000}, "return_url", "too_long"),
        ({"locale": "fr"}, "locale", "not_one_of"),
        ({"expires_in_minutes": 4}, "expires_in_minutes", "too_small"),
        ({"expires_in_minutes": -5}, "expires_in_minutes", "too_small"),
        ({"expires_in_minutes": 129_601}, "expires_in_minutes", "too_large"),
        ({"expires_in_minutes": 10.5}, "expires_in_minutes", "not_whole"),
        ({"expires_in_minutes": "60"}, "expires_in_minutes", "wrong_type"),
        ({"expires_in_minutes": True}, "expires_in_minutes", "wrong_type"),
        ({"amount": 1}, "amount", "unknown_field"),
    ],
)
def test_post_wrong_field_is_422_and_named(
    portal: PortalApi, changes: dict[str, Any], field: str, code: str
) -> None:
    body = {name: value for name, value in {**BODY, **changes}.items() if value is not None}
    problem = refused(portal.post(PATH, body), 422, "invalid_request")
    assert [(each["field"], each["code"]) for each in problem["errors"]] == [(field, code)]
    assert problem["errors"][0]["message"]
    assert orders_in(portal) == 0


@pytest.mark.parametrize("body", [[], "x", 1, None, True])
def test_post_json_that_is_no_object_is_422(portal: PortalApi, body: Any) -> None:
    sent = b"null" if body is None else body
    assert refused(portal.post(PATH, sent), 422, "invalid_request")["errors"][0]["code"] == "not_an_object"


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("", "idempotency_key_missing"),
        ("   ", "idempotency_key_missing"),
        ("a b", "idempotency_key_invalid"),
        ("a,b", "idempotency_key_invalid"),
        ('""', "idempotency_key_invalid"),
        ('"a', "idempotency_key_invalid"),
        ('"a";p=1', "idempotency_key_invalid"),
        ('"a b"', "idempotency_key_invalid"),
        ("x" * 256, "idempotency_key_invalid"),
        ('"' + "x" * 256 + '"', "idempotency_key_invalid"),
        ("ph\u00ed", "idempotency_key_invalid"),
    ],
)
def test_post_bad_idempotency_key_is_400(portal: PortalApi, key: str, code: str) -> None:
    refused(portal.post(PATH, BODY, key=key), 400, code)


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("", "portal_ref", "missing"),
        ("?portal_ref=", "portal_ref", "too_short"),
        ("?portal_ref=a&portal_ref=b", "portal_ref", "repeated_item"),
        ("?portal_ref=a&limit=5", "limit", "unknown_field"),
        ("?portal_ref=%00", "portal_ref", "control_character"),
        ("?portal_ref=%ff", "portal_ref", "invalid_format"),
    ],
)
def test_get_wrong_query_is_422(portal: PortalApi, query: str, field: str, code: str) -> None:
    problem = refused(portal.get(PATH + query), 422, "invalid_request")
    assert [(each["field"], each["code"]) for each in problem["errors"]] == [(field, code)]


def test_query_where_none_is_taken_is_422(portal: PortalApi) -> None:
    refused(portal.post(PATH + "?dry_run=1", BODY), 422, "invalid_request")
    refused(portal.get(PATH + "/PC0000000000X?x=1"), 422, "invalid_request")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer",
        "Bearer ",
        "Basic cGs6eA==",
        "Bearer pk_x",
        "Bearer pk_aaaaaaaaaaaaaaaa_" + "0" * 52,
        "pk_only",
        "Bearer \xff\xfe",
    ],
)
def test_request_without_a_key_that_holds_is_401(portal: PortalApi, header: str | None) -> None:
    headers = {"Authorization": header or ""}
    for answer in (
        portal.post(PATH, BODY, headers=headers),
        portal.post(PATH, b"{", headers=headers, content_type="text/plain"),
        portal.get(PATH + "/PC0000000000X", headers=headers),
    ):
        refused(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="payclear"'


def test_revoked_key_is_401_within_a_second(portal: PortalApi, clock: FixedClock) -> None:
    assert portal.get(PATH + "?portal_ref=a").status_code == 200
    with portal.scene.runtime.database.begin() as uow:
        revoke_api_key(uow, portal.key.split("_")[1], actor="test")
        uow.commit()
    refused(portal.get(PATH + "?portal_ref=a"), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("orders:read", "POST", "/payment-orders"),
        ("orders:write", "GET", "/payment-orders/PC0000000000X"),
        ("orders:write", "GET", "/payment-orders?portal_ref=a"),
        ("orders:read", "POST", "/payment-orders/PC0000000000X/cancel"),
        ("obligations:read", "POST", "/obligations"),
        ("obligations:write", "GET", f"/obligations/{OBLIGATION}"),
        ("obligations:write", "POST", "/payment-orders"),
    ],
)
def test_key_without_the_scope_is_403(app: Flask, scene: Scene, scope: str, method: str, path: str) -> None:
    portal = PortalApi.of(app, scene, scopes=[scope])
    answer = portal.get(path) if method == "GET" else portal.post(path, {})
    refused(answer, 403, "scope_missing")
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("event", ["suspended", "retired"])
def test_barred_portal_reads_but_does_not_write(portal: PortalApi, event: str) -> None:
    with portal.scene.runtime.database.begin() as uow:
        take_step(uow, portal.scene.portal_code, event)
        uow.commit()
    assert portal.get(PATH + "?portal_ref=a").status_code == 200
    refused(portal.post(PATH, BODY), 403, "portal_barred")


def test_portal_calls_from_its_own_networks_only(app: Flask, scene: Scene) -> None:
    portal = PortalApi.of(app, scene, portal_code="new-portal", allowed_networks=["203.0.113.0/24"])
    refused(portal.get(PATH + "?portal_ref=a"), 403, "portal_address_refused")
    with portal.scene.runtime.database.begin() as uow:
        change_access(uow, "new-portal", networks=["127.0.0.0/8"], requests_per_minute=None, actor="test")
        uow.commit()
    assert portal.get(PATH + "?portal_ref=a").status_code == 200


def test_portal_with_a_rate_waits_its_turn_and_others_do_not(app: Flask, scene: Scene) -> None:
    portal = PortalApi.of(app, scene, portal_code="new-portal", requests_per_minute=12)
    other = PortalApi.of(app, scene)
    statuses = [portal.get(PATH + "?portal_ref=a").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    answer = portal.get(PATH + "?portal_ref=a")
    refused(answer, 429, "rate_limited")
    assert answer.headers["Retry-After"] == "5"
    assert other.get(PATH + "?portal_ref=a").status_code == 200


def test_registered_portal_reads_but_does_not_write(app: Flask, scene: Scene) -> None:
    portal = PortalApi.of(app, scene, portal_code="new-portal", state="registered")
    assert portal.get(PATH + "?portal_ref=a").status_code == 200
    refused(portal.post(PATH, BODY), 403, "portal_not_collecting")


def test_portal_in_testing_may_write(app: Flask, scene: Scene) -> None:
    portal = PortalApi.of(app, scene, portal_code="new-portal", state="testing")
    refused(portal.post(PATH, BODY), 404, "obligation_not_found")


def test_unknown_address_is_404_and_wrong_method_405(portal: PortalApi) -> None:
    refused(portal.get("/nothing"), 404, "not_found")
    refused(portal.get("/payment-orders/"), 404, "not_found")
    answer = portal._call("DELETE", PATH, {})
    refused(answer, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("accepted", "title"),
    [
        ("", "Nội dung gửi lên không phải là JSON hợp lệ"),
        ("fr", "Nội dung gửi lên không phải là JSON hợp lệ"),
        ("vi-VN, en;q=0.5", "Nội dung gửi lên không phải là JSON hợp lệ"),
        ("en-GB, vi;q=0.5", "The request body is not valid JSON"),
        ("en", "The request body is not valid JSON"),
    ],
)
def test_problem_title_is_in_the_callers_language(portal: PortalApi, accepted: str, title: str) -> None:
    answer = portal.post(PATH, b"{", headers={"Accept-Language": accepted})
    assert answer.json["title"] == title
    assert answer.headers["Content-Language"] in ("vi", "en")


def test_head_and_options_are_answered(portal: PortalApi) -> None:
    assert portal._call("HEAD", PATH + "?portal_ref=a", {}).status_code == 200
    assert portal._call("OPTIONS", PATH, {}).status_code == 200


def test_every_route_of_the_api_is_an_operation_with_a_scope(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/v1") and rule.endpoint != "docs.openapi_json":
            described = getattr(app.view_functions[rule.endpoint], "operation", None)
            assert described is not None, rule.rule
            assert described.scope, rule.rule
            assert (described.writes or described.asks) == ("POST" in (rule.methods or ())), rule.rule
            assert not (described.writes and described.asks), rule.rule
