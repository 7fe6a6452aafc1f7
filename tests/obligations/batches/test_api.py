"""The portal API of batches, refusals first."""

import csv
import io

import pytest
from flask import Flask

from payclear.obligations.batches import jobs
from payclear.obligations.batches.domain import FILE_BYTES_MAX
from tests.obligations.batches.conftest import Office
from tests.obligations.batches.files import csv_file, json_file, row, xlsx_file
from tests.portal_api import PortalApi

CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PATH = "/decision-batches"


@pytest.fixture
def portal(app: Flask, office: Office) -> PortalApi:
    return PortalApi.of(app, office.scene)


def work(office: Office) -> None:
    """What a worker does with the queue."""
    for (arguments,) in office.rows(
        "SELECT args FROM procrastinate_jobs WHERE task_name = 'decisions.take_batch'"
    ):
        jobs.take_batch(**arguments)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?agency_code=Z99", 422, "unknown_agency"),
        ("?complete_to=2026-11-20", 422, "invalid_coverage"),
        ("?key_kinds=shoe_size", 422, "invalid_request"),
        ("?complete_to=20/11/2026", 422, "invalid_request"),
        ("?name=x", 422, "invalid_request"),
    ],
)
def test_upload_that_says_what_can_not_be_is_refused(
    portal: PortalApi, query: str, status: int, code: str
) -> None:
    answer = portal.post(PATH + query, csv_file([row(1)]), content_type=CSV)
    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_upload_needs_key_scope_type_and_a_body(app: Flask, portal: PortalApi, office: Office) -> None:
    content = csv_file([row(1)])
    refusals = [
        portal.post(PATH, content, key="", content_type=CSV),
        portal.post(PATH, content, content_type="text/plain"),
        portal.post(PATH, content, content_type=CSV, headers={"Content-Encoding": "gzip"}),
        portal.post(PATH, b"", content_type=CSV),
        PortalApi.of(app, office.scene, scopes=["orders:write"]).post(PATH, content, content_type=CSV),
        portal.post(PATH, content, content_type=CSV, headers={"Authorization": "Bearer pk_nobody"}),
    ]
    assert [each.json["code"] for each in refusals] == [
        "idempotency_key_missing",
        "unsupported_media_type",
        "unsupported_media_type",
        "body_missing",
        "scope_missing",
        "unauthenticated",
    ]
    assert office.rows("SELECT count(*) FROM decision_batch") == [(0,)]


def test_upload_larger_than_a_batch_may_be_is_refused(portal: PortalApi) -> None:
    answer = portal.post(PATH, b"x" * (FILE_BYTES_MAX + 1), content_type=CSV)
    assert answer.status_code == 413


def test_upload_is_answered_at_once_and_followed_to_its_results(portal: PortalApi, office: Office) -> None:
    content = csv_file([row(1), row(2, amount="=1+1", decision_no="+7/QĐ"), row(3, decision_no="-9")])
    sent = portal.post(PATH + "?agency_code=H00.14", content, content_type=f"{CSV}; charset=utf-8")
    assert (sent.status_code, sent.json["status"], sent.json["rows"]) == (202, "received", None)
    address = sent.headers["Location"].removeprefix("/v1")
    early = portal.get(f"{address}/results")
    assert (early.status_code, early.json["code"]) == (409, "decision_batch_not_finished")
    work(office)
    batch = portal.get(address).json
    assert (batch["status"], batch["rows"]) == ("finished", 3)
    assert batch["results"] == {"registered": 1, "unchanged": 0, "version": 0, "refused": 2}
    file = portal.get(f"{address}/results")
    assert file.mimetype == CSV
    lines = list(csv.DictReader(io.StringIO(file.data.decode("utf-8-sig"))))
    assert [(line["row"], line["result"], line["column"], line["code"]) for line in lines] == [
        ("2", "registered", "", ""),
        ("3", "refused", "decision_no", "invalid_format"),
        ("4", "refused", "decision_no", "invalid_format"),
    ]
    assert lines[1]["message_vi"].startswith("Nội dung")
    assert lines[1]["message_en"].startswith("The cell")
    assert "MẪU" not in file.data.decode()
    page = portal.get(f"{address}/results.json").json
    assert page["next_after"] is None
    assert [each["result"] for each in page["results"]] == ["registered", "refused", "refused"]
    assert portal.get(f"/obligations/{page['results'][0]['obligation']}").json["status"] == "open"


def test_results_come_in_pages(portal: PortalApi, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payclear.obligations.batches.api.PAGE", 2)
    sent = portal.post(PATH, json_file([row(n) for n in (1, 2, 3)]), content_type="application/json")
    work(office)
    address = f"{PATH}/{sent.json['id']}/results.json"
    first = portal.get(address).json
    rest = portal.get(f"{address}?after={first['next_after']}").json
    assert [[each["row"] for each in page["results"]] for page in (first, rest)] == [[1, 2], [3]]
    assert rest["next_after"] is None


def test_same_key_and_file_answer_the_same_and_another_key_the_same_batch(portal: PortalApi) -> None:
    content = xlsx_file([row(1)])
    first = portal.post(PATH, content, key="k-1", content_type=XLSX)
    again = portal.post(PATH, content, key="k-1", content_type=XLSX)
    other = portal.post(PATH, content, key="k-2", content_type=XLSX)
    assert again.data == first.data
    assert again.headers["Idempotent-Replayed"] == "true"
    assert other.json["id"] == first.json["id"]
    clash = portal.post(PATH, xlsx_file([row(2)]), key="k-1", content_type=XLSX)
    assert clash.json["code"] == "idempotency_key_reused"


def test_unreadable_batch_says_why_in_both_languages(portal: PortalApi, office: Office) -> None:
    content = csv_file([row(1)]).replace(b"plate,", "Lỗi vi phạm,".encode(), 1)
    sent = portal.post(PATH, content, content_type=CSV)
    work(office)
    problem = portal.get(f"{PATH}/{sent.json['id']}").json["problem"]
    assert (problem["code"], problem["line"], problem["column"]) == ("offence_column", 1, "J")
    assert "hành vi vi phạm" in problem["message_vi"]
    assert "offence" in problem["message_en"]


def test_batch_of_another_portal_is_not_found(app: Flask, portal: PortalApi, office: Office) -> None:
    sent = portal.post(PATH, csv_file([row(1)]), content_type=CSV)
    stranger = PortalApi.of(app, office.scene, portal_code="stranger")
    for path in ("", "/results", "/results.json"):
        assert stranger.get(f"{PATH}/{sent.json['id']}{path}").status_code == 404
    assert portal.get(f"{PATH}/bat_x").status_code == 404


def test_clock_starts_what_a_dead_worker_left(portal: PortalApi, office: Office) -> None:
    sent = portal.post(PATH, csv_file([row(1)]), content_type=CSV)
    with office.runtime.database.begin() as uow:
        uow.run("DELETE FROM procrastinate_jobs")
        uow.commit()
    assert jobs.take_due() == "1 batches started"
    assert jobs.take_due() is None
    work(office)
    assert portal.get(f"{PATH}/{sent.json['id']}").json["status"] == "finished"
    assert jobs.take_due() is None
