"""Figures are made once in the night and read by everybody: the job, the page, the files, the command."""

import csv
import io
import json
from datetime import date, time, timedelta

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from payclear import cli
from payclear.kernel.clock import at_vietnam
from payclear.opendata.checks import faults_of
from payclear.opendata.desk import read_as_of
from payclear.opendata.domain import NoFigures
from payclear.opendata.jobs import days_to_publish, publish_days
from payclear.opendata.service import publish
from tests.database import TestServer
from tests.opendata.conftest import DAY, Town

NEXT = DAY + timedelta(days=1)
NIGHT = at_vietnam(NEXT, time(0, 30))


@pytest.fixture
def published(town: Town) -> Town:
    for _ in range(6):
        town.pay(amount=1_234_567)
    town.clock.set(at_vietnam(NEXT, time(0, 50)))
    assert publish_days() == "1 days published"
    return town


def test_job_publishes_yesterday_once(published: Town) -> None:
    assert publish_days() is None
    with published.runtime.database.begin() as uow:
        assert uow.one("SELECT day, as_of FROM open_data_snapshot") == (DAY, NIGHT)


def test_job_makes_up_for_missed_days_and_not_for_all_of_history(published: Town) -> None:
    published.clock.set(at_vietnam(DAY + timedelta(days=4), time(2, 0)))
    assert publish_days() == "3 days published"
    assert days_to_publish(published.clock.now(), []) == [DAY + timedelta(days=3)]
    long_ago = [DAY - timedelta(days=300)]
    assert len(days_to_publish(published.clock.now(), long_ago)) == 7


def test_day_that_is_not_settled_is_not_published() -> None:
    assert days_to_publish(at_vietnam(NEXT, time(0, 44)), [DAY - timedelta(days=1)]) == []
    assert days_to_publish(at_vietnam(NEXT, time(0, 45)), [DAY - timedelta(days=1)]) == [DAY]


def test_page_before_the_first_publication_says_so(client: FlaskClient) -> None:
    page = client.get("/so-lieu")
    assert page.status_code == 200
    assert "Chưa có ngày nào được công bố" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert client.get("/so-lieu.json").status_code == 404


@pytest.mark.parametrize("locale", ["vi", "en"])
def test_page_shows_the_day_and_may_be_kept(published: Town, client: FlaskClient, locale: str) -> None:
    page = client.get(f"/so-lieu?lang={locale}")
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "public, max-age=600"
    assert "Set-Cookie" not in page.headers
    assert ("7.407.402" if locale == "vi" else "7,407,402") in page.text
    assert ("100,0 %" if locale == "vi" else "100.0 %") in page.text
    assert "<script" not in page.text
    assert "opendata." not in page.text


@pytest.mark.parametrize("day", ["2026-11-20", "yesterday", "2026-13-01", "'; --"])
def test_day_that_is_not_published_is_not_found(published: Town, client: FlaskClient, day: str) -> None:
    for path in ("/so-lieu", "/so-lieu.csv", "/so-lieu.json"):
        answer = client.get(path, query_string={"ngay": day})
        assert answer.status_code == 404
        assert "public" not in answer.headers["Cache-Control"]


def test_json_is_the_published_bytes_and_is_not_sent_twice(published: Town, client: FlaskClient) -> None:
    answer = client.get(f"/so-lieu.json?ngay={DAY}")
    with published.runtime.database.begin() as uow:
        (body,) = uow.one("SELECT body FROM open_data_snapshot")
    assert answer.data == body
    again = client.get(f"/so-lieu.json?ngay={DAY}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("locale", ["vi", "en"])
def test_csv_re_adds_and_explains_itself(published: Town, client: FlaskClient, locale: str) -> None:
    answer = client.get(f"/so-lieu.csv?lang={locale}")
    assert answer.data.startswith("\ufeff".encode())
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert {"day", "as_of", "time_zone", "people_min"} <= {r["code"] for r in rows if r["record"] == "scope"}
    assert all(row["note"] for row in rows if row["record"] == "definition")
    (total,) = [r for r in rows if r["record"] == "total" and r["table"] == "payments_of_day"]
    for table in ("shares", "by_kind", "by_agency", "by_procedure", "by_province", "by_channel"):
        parts = [r for r in rows if r["table"] == f"payments_of_day.{table}"]
        assert sum(int(r["amount"]) for r in parts) == int(total["amount"]) == 7_407_402
    shares = [r["share_of_amount"] for r in rows if r["table"] == "payments_of_day.shares"]
    assert sum(int(each.replace(".", "")) for each in shares) == 1000


def test_page_reads_what_is_published_and_nothing_else(
    published: Town, client: FlaskClient, postgres: TestServer
) -> None:
    """Whoever reads the page never scans the tables of payments: it works while they are away."""
    tables = ("payment_order", "obligation", "order_transition", "obligation_transition", "lookup_count")
    with postgres.superuser() as connection:
        for table in tables:
            connection.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
        try:
            answers = [client.get(path).status_code for path in ("/so-lieu", "/so-lieu.csv", "/so-lieu.json")]
        finally:
            for table in tables:
                connection.execute(f"ALTER TABLE {table}_away RENAME TO {table}")
    assert answers == [200, 200, 200]


def test_figures_published_before_a_table_was_added_are_shown_without_it(
    town: Town, client: FlaskClient
) -> None:
    for _ in range(5):
        town.pay()
    town.clock.set(at_vietnam(NEXT, time(0, 50)))
    body, _ = town.figures(DAY, NIGHT)
    figures = json.loads(body)
    del figures["funnel"]["by_channel"]
    del figures["definitions"]["refunded"]
    tables = [
        figures["funnel"][f"by_{dimension}"]["rows"] for dimension in ("kind", "agency", "province", "age")
    ]
    for row in (figures["funnel"]["total"], *(row for rows in tables for row in rows)):
        del row["refunded"]
    with town.runtime.database.begin() as uow:
        assert publish(uow, DAY, NIGHT, json.dumps(figures).encode())
        uow.commit()
    assert [client.get(path).status_code for path in ("/so-lieu", "/so-lieu.csv")] == [200, 200]
    assert list(faults_of(figures)) == []


def test_visitor_who_asks_too_often_waits(published: Town, client: FlaskClient) -> None:
    answers = [client.get("/so-lieu.json").status_code for _ in range(61)]
    assert answers[-1] == 429


def call(postgres: TestServer, *words: str) -> tuple[int, bytes]:
    environ = {"PAYCLEAR_ENVIRONMENT": "test", "PAYCLEAR_DATABASE_URL": postgres.app_url}
    done = CliRunner().invoke(cli.main, ["open-data", *words], env=environ)
    return done.exit_code, done.stdout_bytes


def test_command_gives_the_published_bytes(
    published: Town, postgres: TestServer, client: FlaskClient
) -> None:
    as_json, as_csv = client.get("/so-lieu.json").data, client.get("/so-lieu.csv").data
    assert call(postgres, str(DAY)) == (0, as_json)
    assert call(postgres, str(DAY), "--format", "csv") == (0, as_csv)


def test_command_takes_any_time_in_viet_nam() -> None:
    assert read_as_of("2026-11-22T00:30") == read_as_of("2026-11-21T17:30:00+00:00") == NIGHT
    with pytest.raises(NoFigures):
        read_as_of("yesterday")


def test_names_of_agencies_are_those_of_the_day(published: Town, client: FlaskClient) -> None:
    figures = json.loads(client.get("/so-lieu.json").data)
    (row,) = figures["payments_of_day"]["by_agency"]["rows"]
    assert row["code"] == "H00.14"
    assert row["name"]["vi"]
    assert date.fromisoformat(figures["day"]) == DAY
