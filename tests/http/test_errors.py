"""Failures become problems without a trace; browsers outside the API get pages."""

import logging

import psycopg
import pytest
from flask import Flask
from psycopg import errors as pg
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from payclear.http import operations
from payclear.http.errors import problem_of
from payclear.http.statuses import STATUS_OF
from payclear.kernel.errors import Conflict, ErrorCategory, Unavailable
from tests.portal_api import PortalApi

SECRET = "SELECT secret FROM somewhere"


def failing(error: BaseException):
    def act(*_: object, **__: object) -> None:
        raise error

    return act


def test_unexpected_failure_is_500_without_trace_and_logged(
    portal: PortalApi, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(operations, "answer_once", failing(ZeroDivisionError(SECRET)))
    with caplog.at_level(logging.ERROR):
        answer = portal.post("/payment-orders", portal.order_body())
    assert answer.status_code == 500
    assert answer.json["code"] == "internal"
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    assert [record.message for record in caplog.records] == ["http.failed"]
    assert caplog.records[0].exc_info is not None


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError(SECRET),
        pg.AdminShutdown(SECRET),
        pg.QueryCanceled(SECRET),
        pg.TooManyConnections(SECRET),
        OperationalError("SELECT", {}, psycopg.OperationalError(SECRET)),
        PoolExhausted(SECRET),
    ],
)
def test_database_failure_is_503_with_retry_after(
    portal: PortalApi, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(operations, "in_unit", failing(error))
    answer = portal.post("/payment-orders", portal.order_body())
    assert answer.status_code == 503
    assert answer.json["code"] == "unavailable"
    assert answer.headers["Retry-After"] == "2"
    assert SECRET not in answer.text


def test_unavailable_with_its_own_patience_is_503(portal: PortalApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "in_unit", failing(Unavailable("later", retry_after_s=7)))
    answer = portal.get("/payment-orders?portal_ref=a")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert "facts" not in answer.json


def test_broken_statement_is_our_failure_not_an_outage() -> None:
    assert problem_of(pg.UndefinedTable(SECRET)).status == 500
    assert problem_of(pg.CheckViolation(SECRET)).status == 500


def test_facts_are_shown_and_a_named_field_becomes_an_error() -> None:
    problem = problem_of(Conflict("no", field="lines.0", portal_ref="a"))
    assert problem.facts == {"portal_ref": "a"}
    assert [(each.field, each.code) for each in problem.fields] == [("lines.0", "conflict")]


def test_every_category_has_a_status_below_500_or_503() -> None:
    assert set(STATUS_OF) == set(ErrorCategory)
    assert all(400 <= status < 500 or status == 503 for status in STATUS_OF.values())


@pytest.mark.parametrize("accept", ["text/html,application/xhtml+xml,*/*;q=0.8", "text/html"])
def test_unknown_address_outside_the_api_is_a_page_for_a_browser(app: Flask, accept: str) -> None:
    answer = app.test_client().get("/nothing-here", headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/problem+json", ""])
def test_unknown_address_outside_the_api_is_a_problem_for_a_program(app: Flask, accept: str) -> None:
    answer = app.test_client().get("/nothing-here", headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")


def test_api_answers_problems_to_browsers_too(app: Flask) -> None:
    answer = app.test_client().get("/v1/nothing", headers={"Accept": "text/html"})
    assert answer.mimetype == "application/problem+json"
