"""Pages in two languages, and what a visitor sees when something is refused or fails."""

import logging
import re

import psycopg
import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import RequestEntityTooLarge

from payclear.http.html import answer_errors_with_pages, asset, error_page, install_html, locale_of, render
from payclear.http.statuses import STATUS_OF
from payclear.i18n.texts import has_text, translate
from payclear.kernel.errors import Conflict, ErrorCategory


@pytest.fixture
def visitor(caplog: pytest.LogCaptureFixture) -> FlaskClient:
    caplog.set_level(logging.CRITICAL)
    app = Flask("payclear")
    install_html(app)
    pages = Blueprint("pages", __name__)
    answer_errors_with_pages(pages)
    failures = {
        "conflict": Conflict("internal detail", portal_ref="ref-1"),
        "large": RequestEntityTooLarge(),
        "bug": RuntimeError("internal detail"),
        "database": psycopg.OperationalError("internal detail"),
    }

    @pages.get("/fail/<what>")
    def fail(what: str) -> str:
        raise failures[what]

    @pages.get("/error/<int:status>")
    def page(status: int):
        return error_page(status, locale=locale_of())

    app.register_blueprint(pages)
    return app.test_client()


@pytest.mark.parametrize(
    ("what", "status"), [("conflict", 409), ("large", 413), ("bug", 500), ("database", 503)]
)
def test_failure_of_a_page_is_a_page_without_inner_detail(
    visitor: FlaskClient, what: str, status: int
) -> None:
    answer = visitor.get(f"/fail/{what}")
    assert answer.status_code == status
    assert answer.mimetype == "text/html"
    assert "internal detail" not in answer.text
    assert "ref-1" not in answer.text
    assert "Traceback" not in answer.text


def test_failure_of_the_database_says_when_to_come_back(visitor: FlaskClient) -> None:
    assert visitor.get("/fail/database").headers["Retry-After"] == "5"


def test_method_that_a_page_does_not_take_is_refused_by_status(visitor: FlaskClient) -> None:
    assert visitor.post("/fail/bug").status_code == 405


@pytest.mark.parametrize("status", [*sorted(set(STATUS_OF.values())), 405, 418, 451, 500, 502, 504])
def test_error_page_of_every_status_reads_in_both_languages(visitor: FlaskClient, status: int) -> None:
    vietnamese, english = visitor.get(f"/error/{status}"), visitor.get(f"/error/{status}?lang=en")
    assert vietnamese.status_code == english.status_code == status
    assert vietnamese.headers["Content-Language"] == "vi"
    assert english.headers["Content-Language"] == "en"
    assert '<html lang="vi">' in vietnamese.text
    assert translate("pages.service", "en") in english.text


def test_every_category_of_refusal_has_a_status_and_a_page() -> None:
    assert set(STATUS_OF) == set(ErrorCategory)
    for status in set(STATUS_OF.values()) - {415}:  # a page takes no other media type; shown as a bad request
        assert has_text(f"pages.error_{status}_title")
        assert has_text(f"pages.error_{status}_text")


@pytest.mark.parametrize(
    ("query", "locale"),
    [
        ("", "vi"),
        ("?lang=en", "en"),
        ("?lang=vi", "vi"),
        ("?lang=fr", "vi"),
        ("?lang=EN", "vi"),
        ("?lang=", "en"),
    ],
)
def test_language_is_the_one_asked_for_else_the_default(query: str, locale: str) -> None:
    with Flask("payclear").test_request_context(f"/{query}"):
        assert locale_of("en" if query == "?lang=" else "vi") == locale


def test_language_links_keep_the_other_parameters(visitor: FlaskClient) -> None:
    app = visitor.application
    with app.test_request_context("/error/404?code=A%26B&lang=vi"):
        text = render("error.html", locale="vi", shown=404).get_data(as_text=True)
    assert 'href="/error/404?code=A%26B&amp;lang=en"' in text


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example/x", "///evil.example/x"])
def test_language_links_never_lead_to_another_host(visitor: FlaskClient, path: str) -> None:
    app = visitor.application
    with app.test_request_context("/", environ_overrides={"PATH_INFO": path}):
        text = render("error.html", locale="vi", shown=404).get_data(as_text=True)
    links = [link for link in re.findall(r'href="([^"]*)"', text) if "lang=en" in link]
    assert links
    assert all(re.match(r"/(?![/\\])", link) for link in links)


def test_text_put_into_a_page_is_escaped(visitor: FlaskClient) -> None:
    with visitor.application.test_request_context("/<script>alert(1)</script>?x=<script>"):
        text = render("error.html", locale="vi", shown=404).get_data(as_text=True)
    assert "<script" not in text


def test_asset_address_changes_with_its_content_only() -> None:
    assert asset("payclear.css") == asset("payclear.css")
    assert asset("payclear.css").startswith("/static/payclear.css?v=")
    with pytest.raises(FileNotFoundError):
        asset("missing.css")
