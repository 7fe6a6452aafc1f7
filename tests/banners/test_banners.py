"""A banner on citizens' pages: an officer writes it, every public page says it for its time, and it is only text."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from payclear.banners.domain import SPAN_MAX, TEXT_LENGTH_MAX, BannerRefused
from payclear.banners.service import READ_EVERY, SHOWN_MAX, BannerNotUp, newest, put_up, take_down
from payclear.kernel.clock import FixedClock
from payclear.runtime import Runtime
from tests.console.conftest import LogIn, desk, log_in, staff, token_of  # noqa: F401
from tests.database import TestServer
from tests.scenes import Scene

VI, EN = "Hệ thống bảo trì từ 22:00 đến 23:00.", "Work on the service from 22:00 to 23:00."
PutUp = Callable[..., None]


@pytest.fixture
def up(runtime: Runtime, clock: FixedClock) -> PutUp:
    """Put a banner up, and let the pages read it."""

    def put(*, after: int = 0, hours: int = 1, text_vi: str = VI, text_en: str = EN) -> None:
        begins_at = clock.now() + timedelta(minutes=after)
        with runtime.database.begin() as uow:
            put_up(
                uow,
                text_vi=text_vi,
                text_en=text_en,
                begins_at=begins_at,
                ends_at=begins_at + timedelta(hours=hours),
                by="an.nguyen",
            )
            uow.commit()
        clock.advance(READ_EVERY)

    return put


@pytest.mark.parametrize("path", ["/tra-cuu", "/so-lieu", "/pay/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"])
def test_every_public_page_says_it_in_its_language(client: FlaskClient, up: PutUp, path: str) -> None:
    pages = [client.get(f"{path}?lang={lang}").text for lang in ("vi", "en")]
    assert not any('data-testid="banner"' in page for page in pages)
    up()
    said = [client.get(f"{path}?lang={lang}").text for lang in ("vi", "en")]
    assert [VI in said[0], EN in said[0], VI in said[1], EN in said[1]] == [True, False, False, True]
    assert all('role="status"' in page for page in said)


def test_payment_page_says_it(client: FlaskClient, scene: Scene, up: PutUp) -> None:
    order = scene.order()
    up()
    assert VI in client.get(f"/pay/{order.pay_token}").text


def test_banner_stands_for_its_time_only(client: FlaskClient, up: PutUp, clock: FixedClock) -> None:
    up(after=30)
    assert VI not in client.get("/tra-cuu").text
    clock.advance(timedelta(minutes=30))
    assert VI in client.get("/tra-cuu").text
    clock.advance(timedelta(hours=1))
    assert VI not in client.get("/tra-cuu").text


def test_text_is_text_and_never_markup(client: FlaskClient, up: PutUp) -> None:
    up(text_vi='Sự cố <script>alert("1")</script>\n& <b>gấp</b>')
    page = client.get("/tra-cuu").text
    assert "<script" not in page
    assert "Sự cố &lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; &lt;b&gt;gấp&lt;/b&gt;" in page


def test_no_more_than_a_few_stand_above_a_page(client: FlaskClient, up: PutUp) -> None:
    for number in range(SHOWN_MAX + 2):
        up(text_vi=f"Sự cố {number}")
    assert client.get("/tra-cuu").text.count('data-testid="banner"') == SHOWN_MAX


def test_pages_are_shown_while_banners_can_not_be_read(
    client: FlaskClient, up: PutUp, clock: FixedClock, postgres: TestServer
) -> None:
    up(hours=3)
    assert VI in client.get("/tra-cuu").text
    with postgres.superuser() as connection:
        connection.execute("ALTER TABLE public_banner RENAME TO public_banner_away")
        try:
            clock.advance(READ_EVERY)
            page = client.get("/tra-cuu")
        finally:
            connection.execute("ALTER TABLE public_banner_away RENAME TO public_banner")
    assert (page.status_code, VI in page.text) == (200, True)


def test_officer_puts_it_up_and_takes_it_down_by_the_console(
    app: Flask,
    desk: FlaskClient,  # noqa: F811
    runtime: Runtime,
    clock: FixedClock,
) -> None:
    page = desk.get("/console/banners").text
    assert "Chưa có thông báo nào." in page
    form = {
        "csrf_token": token_of(page),
        "text_vi": VI,
        "text_en": EN,
        "begins_at": "",
        "ends_at": "2026-11-21T12:00",
    }
    assert desk.post("/console/banners", data=form).status_code == 303
    clock.advance(READ_EVERY)
    citizen = app.test_client()
    assert VI in citizen.get("/tra-cuu").text
    listed = desk.get("/console/banners").text
    assert 'data-state="up"' in listed
    assert 'data-testid="banner"' not in listed  # the staff's own pages are not headed by it
    with runtime.database.begin() as uow:
        (banner,) = newest(uow)
    assert banner.ends_at.isoformat() == "2026-11-21T05:00:00+00:00"
    down = f"/console/banners/{banner.id}/take-down"
    assert desk.post(down, data={"csrf_token": token_of(listed)}).status_code == 303
    assert desk.post(down, data={"csrf_token": token_of(listed)}).status_code == 422
    clock.advance(READ_EVERY)
    assert VI not in citizen.get("/tra-cuu").text
    with runtime.database.begin() as uow:
        acts = uow.run(
            "SELECT actor, action FROM audit_entry WHERE object_type = 'public_banner' ORDER BY id"
        ).fetchall()
    assert acts == [("an.nguyen", "public_banner.put_up"), ("an.nguyen", "public_banner.taken_down")]


@pytest.mark.parametrize(
    "change",
    [
        {"text_en": " \u200b\n"},
        {"text_vi": "a" * (TEXT_LENGTH_MAX + 1)},
        {"ends_at": ""},
        {"ends_at": "tomorrow"},
        {"ends_at": "2026-11-21T10:00"},
        {"ends_at": "2027-11-21T10:00"},
        {"begins_at": "2026-11-21T13:00"},
        {"begins_at": "2026-11-21T11:00+05:00"},
        {"begins_at": "0001-01-01T00:00"},
    ],
)
def test_banner_that_says_nothing_or_never_ends_is_refused_and_what_was_typed_stays(
    desk: FlaskClient,  # noqa: F811
    runtime: Runtime,
    change: dict[str, str],
) -> None:
    token = token_of(desk.get("/console/banners").text)
    form = {"csrf_token": token, "text_vi": VI, "text_en": EN, "begins_at": "", "ends_at": "2026-11-21T12:00"}
    answer = desk.post("/console/banners", data=form | change)
    assert (answer.status_code, 'data-testid="problem"' in answer.text) == (422, True)
    assert "text_vi" in change or VI in answer.text
    with runtime.database.begin() as uow:
        assert newest(uow) == []


def test_viewer_reads_and_may_not_write(app: Flask, staff: None, log_in: LogIn) -> None:  # noqa: F811
    client = app.test_client()
    assert log_in(client, "binh.tran").status_code == 303
    page = client.get("/console/banners").text
    assert "<textarea" not in page
    form = {"csrf_token": token_of(page), "text_vi": VI, "text_en": EN, "ends_at": "2026-11-21T12:00"}
    assert client.post("/console/banners", data=form).status_code == 403


def test_banner_in_the_past_or_for_ever_is_refused(runtime: Runtime, clock: FixedClock) -> None:
    now = clock.now()
    with runtime.database.begin() as uow:
        for begins_at, ends_at in (
            (now, now),
            (now - timedelta(hours=2), now - timedelta(hours=1)),
            (now, now + SPAN_MAX + timedelta(minutes=1)),
        ):
            with pytest.raises(BannerRefused):
                put_up(uow, text_vi=VI, text_en=EN, begins_at=begins_at, ends_at=ends_at, by="an.nguyen")


def test_banner_that_is_over_is_not_taken_down(runtime: Runtime, up: PutUp, clock: FixedClock) -> None:
    up()
    clock.advance(timedelta(hours=2))
    with runtime.database.begin() as uow, pytest.raises(BannerNotUp):
        take_down(uow, newest(uow)[0].id, by="an.nguyen")
