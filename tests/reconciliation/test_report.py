"""The day's report: rows that re-add, CSV that no spreadsheet executes, pages for staff in two languages."""

import csv
import io
from datetime import timedelta

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from payclear.app import create_app
from payclear.kernel.clock import FixedClock
from reconciliation import jobs
from reconciliation.closing.checks import CHECKS
from reconciliation.commands import reconcile
from reconciliation.discrepancies.domain import age_band
from reconciliation.errors import DayNotReconciled
from reconciliation.reports.csv_file import COLUMNS
from reconciliation.reports.terminal import summary
from tests.console.conftest import log_in, staff  # noqa: F401  (fixtures)
from tests.database import TestServer
from tests.reconciliation.nights import NightScene
from tests.scenes import VNPAY


def rows_of(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def a_day(nights: NightScene) -> None:
    nights.line(nights.paid(150_000))
    nights.line(nights.unpaid(20_000))
    nights.line(nights.paid(3_000_000), amount=3_000_001)
    nights.line(attempt_ref="=HYPERLINK(1)", provider_ref="+1", amount=77_000)
    nights.paid(9_000)
    nights.write(count=4)
    nights.night()


def test_day_without_a_run_is_not_found(nights: NightScene) -> None:
    with pytest.raises(DayNotReconciled):
        nights.report()


def test_csv_rows_re_add_to_the_totals(nights: NightScene) -> None:
    a_day(nights)
    rows = rows_of(nights.csv())
    assert tuple(rows[0]) == COLUMNS
    summed = [row for row in rows if row["count"] and row["amount"]]
    totals = {(row["record"], row["code"]): (int(row["count"]), int(row["amount"])) for row in summed}
    matched = [int(row["amount"]) for row in rows if row["record"] == "matched"]
    assert totals["statement_part", "matched"] == (len(matched), sum(matched)) == (2, 170_000)
    listed = [row for row in rows if row["record"] == "discrepancy"]
    differing = [int(row["theirs"]) for row in listed if row["state"] == "open" and row["line_no"]]
    assert totals["statement_part", "differing"] == (len(differing), sum(differing)) == (2, 3_077_001)
    assert totals["statement_total", "listed"] == (4, 3_247_001)
    assert totals["books_total", "captured"] == (4, 3_179_000)
    checks = {row["record"]: row["state"] for row in rows if row["code"] == "adds_up"}
    assert checks == {"statement_check": "yes", "books_check": "yes"}
    scope = {row["code"]: row["note"] for row in rows if row["record"] == "scope"}
    assert scope["provider_account"] == VNPAY
    assert scope["as_of"] == "2026-11-21T03:30:00.000000Z"
    assert len([row for row in rows if row["record"] == "definition" and row["note"]]) == 9


def test_csv_shows_hostile_references_as_text(nights: NightScene) -> None:
    a_day(nights)
    unknown = next(row for row in rows_of(nights.csv()) if row["code"] == "B02")
    assert (unknown["attempt_ref"], unknown["provider_ref"]) == ("'=HYPERLINK(1)", "'+1")


def test_summary_names_verdict_totals_and_discrepancies(nights: NightScene) -> None:
    a_day(nights)
    text = "\n".join(summary(nights.report()))
    assert "Discrepancies" in text
    assert text.count("adds up") == 2
    assert "B05 open" in text
    assert "B01 adopted" in text


@pytest.mark.parametrize(
    ("age", "band"), [(0, "0-1"), (1, "0-1"), (2, "2-7"), (8, "8-30"), (30, "8-30"), (31, ">30")]
)
def test_age_band(age: int, band: str) -> None:
    assert age_band(age) == band


@pytest.fixture
def desk(nights: NightScene, staff: None, log_in) -> FlaskClient:  # noqa: F811
    client = create_app(nights.runtime).test_client()
    assert log_in(client).status_code == 303
    return client


@pytest.mark.parametrize("path", ["", f"/{VNPAY}/2026-11-21", f"/{VNPAY}/2026-11-21.csv"])
def test_page_without_a_session_leads_to_the_login(nights: NightScene, path: str) -> None:
    a_day(nights)
    answer = create_app(nights.runtime).test_client().get(f"/console/reconciliation{path}")
    assert answer.status_code == 303
    assert "/console/login" in answer.headers["Location"]


@pytest.mark.parametrize(
    "path", [f"/{VNPAY}/2026-11-20", f"/{VNPAY}/nonsense", "/nobody/2026-11-21", f"/{VNPAY}/x.csv"]
)
def test_page_of_a_day_nobody_reconciled_is_not_found(
    desk: FlaskClient, nights: NightScene, path: str
) -> None:
    assert desk.get(f"/console/reconciliation{path}").status_code == 404


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        (
            "vi",
            ["Có chênh lệch", "Số tiền của đối tác lớn hơn", "Các phần cộng lại đúng bằng tổng", "3.000.001"],
        ),
        ("en", ["Discrepancies", "The provider&#39;s amount is larger", "The parts add up", "3,000,001"]),
    ],
)
def test_page_of_a_day_shows_verdict_totals_and_discrepancies(
    desk: FlaskClient, nights: NightScene, locale: str, words: list[str]
) -> None:
    a_day(nights)
    text = desk.get(f"/console/reconciliation/{VNPAY}/2026-11-21?lang={locale}").text
    assert [word for word in words if word not in text] == []
    assert "style=" not in text
    assert "<script" not in text


def test_page_of_a_large_day_shows_the_first_rows_and_leads_to_the_csv(
    desk: FlaskClient, nights: NightScene
) -> None:
    for number in range(203):
        nights.line(provider_ref=f"X{number}", outcome="pending")
        nights.line(provider_ref=f"Y{number}", outcome="rejected")
    nights.write(problems=tuple({"line_no": 900 + n, "code": "odd", "detail": ""} for n in range(201)))
    nights.night()
    text = desk.get(f"/console/reconciliation/{VNPAY}/2026-11-21?lang=en").text
    assert text.count("3 more rows are in the CSV file.") == 2
    assert text.count("1 more rows are in the CSV file.") == 1
    assert len([row for row in rows_of(nights.csv()) if row["record"] == "discrepancy"]) == 203


def test_list_of_days_leads_to_each_day(desk: FlaskClient, nights: NightScene) -> None:
    assert "no-days" in desk.get("/console/reconciliation").text
    a_day(nights)
    text = desk.get("/console/reconciliation").text
    assert f"/console/reconciliation/{VNPAY}/2026-11-21" in text
    for account in ("other", "%00", "vnpay-demo%00"):
        assert desk.get(f"/console/reconciliation?account={account}").status_code == 404
    assert "no-days" in desk.get("/console/reconciliation?before=2026-11-21").text


def test_day_as_csv_is_the_report(desk: FlaskClient, nights: NightScene) -> None:
    a_day(nights)
    answer = desk.get(f"/console/reconciliation/{VNPAY}/2026-11-21.csv")
    assert answer.mimetype == "text/csv"
    assert answer.data == nights.csv()


def test_pages_of_waiting_and_held_days_say_so(desk: FlaskClient, nights: NightScene) -> None:
    nights.night()
    assert "Chưa nhận được sao kê" in desk.get(f"/console/reconciliation/{VNPAY}/2026-11-21").text
    nights.line(nights.paid())
    nights.write(merchant="SOMEBODY", problems=({"line_no": 0, "code": "odd", "detail": ""},))
    nights.night()
    text = desk.get(f"/console/reconciliation/{VNPAY}/2026-11-21").text
    assert "Tệp ghi tên tài khoản khác" in text


def test_invariants_turn_red_for_planted_violations(nights: NightScene, postgres: TestServer) -> None:
    a_day(nights)
    assert nights.offenders() == []
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE statement_line SET line_no = 900 WHERE line_no = 2")
    assert {line[:6] for line in nights.offenders()} == {"INV-22"}
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE statement_line SET line_no = 2 WHERE line_no = 900")
        connection.execute("UPDATE discrepancy SET entry_id = NULL WHERE code = 'B02'")
    assert {line[:6] for line in nights.offenders()} == {"INV-23"}


@pytest.mark.parametrize(
    ("violation", "invariant"),
    [
        ("DELETE FROM discrepancy WHERE code = 'B05'", "INV-22"),
        ("UPDATE reconciliation_match SET amount = amount + 1", "INV-22"),
        ("UPDATE reconciliation_run SET lines_sum = lines_sum + 1", "INV-22"),
        ("DELETE FROM reconciliation_settlement", "INV-22"),
        (
            "INSERT INTO statement_line_exclusion"
            " SELECT statement_id, line_no, run_id, 'no_money_moved', matched_at FROM reconciliation_match",
            "INV-22",
        ),
        ("DELETE FROM posting WHERE account_code = 'provider_receivable' AND side = 'C'", "INV-23"),
    ],
)  # fmt: skip
def test_invariant_turns_red_for_a_planted_violation(
    nights: NightScene, postgres: TestServer, violation: str, invariant: str
) -> None:
    a_day(nights)
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(violation)
    assert invariant in {line[:6] for line in nights.offenders()}


def test_old_money_that_nobody_lists_is_an_offence(
    nights: NightScene, postgres: TestServer, clock: FixedClock
) -> None:
    nights.paid()
    nights.write()
    nights.night()
    clock.advance(timedelta(days=3))
    later = nights.today + timedelta(days=3)
    nights.write(later)
    nights.night(later)
    assert nights.offenders() == []
    with postgres.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM discrepancy")
    assert [line[:6] for line in nights.offenders()] == ["INV-23"]
    assert {check.id for check in CHECKS} == {"INV-03c", "INV-04b", "INV-22", "INV-23", "INV-23b"}


def test_night_job_hands_yesterday_of_every_account_to_a_job(nights: NightScene) -> None:
    assert jobs.night() == "1 accounts"
    with nights.runtime.database.begin() as uow:
        queued = uow.run("SELECT task_name, args FROM procrastinate_jobs").fetchall()
    assert queued == [("reconciliation.day", {"account": VNPAY, "day": "2026-11-20"})]


def test_catch_up_takes_the_days_without_a_finished_run(nights: NightScene, clock: FixedClock) -> None:
    nights.write()
    nights.night()
    clock.advance(timedelta(days=3))
    assert jobs.catch_up() == "7 days"
    with nights.runtime.database.begin() as uow:
        days = uow.run("SELECT args->>'day' FROM procrastinate_jobs ORDER BY 1").fetchall()
    assert ("2026-11-21",) not in days
    assert jobs.catch_up() is None


def test_day_job_reconciles_and_says_the_verdict(nights: NightScene) -> None:
    nights.line(nights.paid())
    nights.write()
    assert jobs.reconcile_day(account=VNPAY, day="2026-11-21") == f"{VNPAY} 2026-11-21: reconciled"


@pytest.mark.parametrize("arguments", [["nobody", "2020-01-02"], [VNPAY, "yesterday"], [VNPAY, "9000-01-01"]])
def test_command_says_what_is_wrong_in_a_sentence(
    nights: NightScene, postgres: TestServer, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from payclear.kernel.problems import OperatorProblem

    monkeypatch.setenv("PAYCLEAR_DATABASE_URL", postgres.app_url)
    done = CliRunner().invoke(reconcile, arguments)
    assert isinstance(done.exception, OperatorProblem)
    assert str(done.exception).endswith(".")


def test_command_takes_a_file_and_prints_the_day(
    nights: NightScene, postgres: TestServer, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYCLEAR_DATABASE_URL", postgres.app_url)
    path = tmp_path / "cut.xlsx"
    path.write_bytes(b"PK\x03\x04 cut in the middle")
    done = CliRunner().invoke(reconcile, [VNPAY, "2020-01-02", "--file", str(path)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "Incomplete" in done.output
    assert "not_a_workbook" in done.output
