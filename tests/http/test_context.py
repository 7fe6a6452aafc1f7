"""Request ids and the access log."""

import logging

import pytest
from flask import Flask

from payclear.kernel.logs import JsonFormatter, current_request_id
from tests.portal_api import PortalApi


@pytest.mark.parametrize("given", ["trace-0123456789", "A" * 8, "a.b_c-" + "9" * 58])
def test_request_id_of_the_caller_is_kept(portal: PortalApi, given: str) -> None:
    answer = portal.get("/payment-orders?portal_ref=a", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == given


@pytest.mark.parametrize(
    "given", ["short", "A" * 65, "has space", "semi;colon", "-leading", "ph\u00ed-12345678"]
)
def test_request_id_of_another_grammar_is_replaced(portal: PortalApi, given: str) -> None:
    answer = portal.get("/payment-orders?portal_ref=a", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"].startswith("req_")


def test_access_line_tells_route_status_and_portal_but_no_query(
    portal: PortalApi, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answer = portal.get("/payment-orders?portal_ref=SECRET-REF")
        portal.get("/payment-orders/PC0000000000X")
    lines = [record for record in caplog.records if record.message == "http.request"]
    assert [(line.method, line.route, line.status, line.portal) for line in lines] == [
        ("GET", "/v1/payment-orders", 200, portal.scene.portal_code),
        ("GET", "/v1/payment-orders/<order_ref>", 404, portal.scene.portal_code),
    ]
    assert lines[0].ms == 0.0
    written = " ".join(JsonFormatter().format(record) for record in caplog.records)
    assert "SECRET-REF" not in written
    assert portal.key not in written
    assert answer.status_code == 200
    assert current_request_id() is None


def test_access_line_of_an_unknown_address_names_no_route(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        app.test_client().open("/x%0aforged?y=1", method="P\u0052OPFIND")
    (line,) = [record for record in caplog.records if record.message == "http.request"]
    assert (line.route, line.status, line.portal) == (None, 404, None)
