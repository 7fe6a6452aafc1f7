"""The catalogue's pages: a file is looked at, sent for approval, and decided by somebody else."""

import io
import re
import zipfile
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from payclear.identity.domain import StaffRole
from payclear.identity.sessions import create_staff
from payclear.kernel.clock import FixedClock
from payclear.runtime import Runtime
from tests.catalogue.conftest import HEAD, MONDAY, catalogue, priced  # noqa: F401  (a fixture)
from tests.console.conftest import PASSWORD, LogIn, token_of

HOME = "/console/catalogue"
WHY = "Nghị quyết 12/2026 của HĐND"
GOOD = HEAD + priced("PHI-2", 250_000, valid_from=MONDAY, predecessor="PHI-1")
BAD = HEAD + priced("PHI-1", 250_000)

pytestmark = pytest.mark.usefixtures("catalogue")


@pytest.fixture
def desks(runtime: Runtime, app: Flask, log_in: LogIn) -> dict[str, FlaskClient]:
    """Browsers of a maker, a checker, somebody who is both, and a viewer."""
    both = (StaffRole.CATALOGUE_MAKER, StaffRole.CATALOGUE_CHECKER)
    people = {"lap": both[:1], "duyet": both[1:], "ca.hai": both, "xem": ()}
    with runtime.database.begin() as uow:
        for login, roles in people.items():
            held = (StaffRole.VIEWER, *roles)
            create_staff(uow, login=login, display_name=login, password=PASSWORD, roles=held)
        uow.commit()
    clients = {}
    for login in people:
        clients[login] = app.test_client()
        assert log_in(clients[login], login).status_code == 303
    return clients


def send(
    desk: FlaskClient, text: str, act: str = "propose", *, reason: str = WHY, name: str = "tariff.csv"
) -> TestResponse:
    form = {
        "csrf_token": token_of(desk.get(HOME).text),
        "reason": reason,
        "act": act,
        "file": (io.BytesIO(text.encode()), name),
    }
    return desk.post(HOME, data=form, headers={"Origin": "http://localhost"})


def decide(desk: FlaskClient, address: str, act: str, reason: str = "") -> TestResponse:
    form = {"csrf_token": token_of(desk.get("/console/").text), "reason": reason}
    return desk.post(f"{address}/{act}", data=form, headers={"Origin": "http://localhost"})


def proposed(desk: FlaskClient, text: str = GOOD) -> str:
    answer = send(desk, text)
    assert answer.status_code == 303
    return answer.headers["Location"].partition("?")[0]


def see(desk: FlaskClient, address: str) -> str:
    answer = desk.get(address)
    assert answer.status_code == 200
    return unescape(answer.text)


def test_nobody_without_the_role_sends_or_decides(desks: dict[str, FlaskClient]) -> None:
    address = proposed(desks["lap"])
    assert send(desks["xem"], GOOD).status_code == 403
    assert send(desks["duyet"], GOOD).status_code == 403
    for who in ("xem", "lap"):
        assert decide(desks[who], address, "approve").status_code == 403
        assert decide(desks[who], address, "reject", WHY).status_code == 403
    assert "Chờ duyệt" in see(desks["xem"], address)


def test_maker_who_is_also_a_checker_can_not_decide_alone(desks: dict[str, FlaskClient]) -> None:
    address = proposed(desks["ca.hai"])
    page = see(desks["ca.hai"], address)
    assert "người khác phải quyết định" in page
    assert f"{address}/approve" not in page
    assert decide(desks["ca.hai"], address, "approve").status_code == 403
    assert decide(desks["ca.hai"], address, "reject", WHY).status_code == 403
    assert "Chờ duyệt" in see(desks["ca.hai"], address)


def test_file_with_problems_shows_each_with_its_line_and_is_not_kept(desks: dict[str, FlaskClient]) -> None:
    for act in ("compare", "propose"):
        answer = send(desks["lap"], BAD, act)
        assert answer.status_code == 422
        text = unescape(answer.text)
        assert "tariff.csv:2" in text
        assert "Dòng PHI-1 đã có và không sửa được (khác ở: amount)" in text
    assert "Chưa có thay đổi nào." in see(desks["lap"], HOME)


@pytest.mark.parametrize(
    ("text", "reason", "says"),
    [
        (HEAD + priced("PHI-1", 200_000), WHY, "Tệp không thay đổi gì trong danh mục"),
        (GOOD, "  ", "Cần ghi lý do"),
    ],
)
def test_file_that_changes_nothing_or_has_no_reason_is_not_sent(
    desks: dict[str, FlaskClient], text: str, reason: str, says: str
) -> None:
    answer = send(desks["lap"], text, reason=reason)
    assert answer.status_code == 422
    assert says in unescape(answer.text)


def test_form_of_another_site_or_without_a_file_does_nothing(desks: dict[str, FlaskClient]) -> None:
    desk = desks["lap"]
    token = token_of(desk.get(HOME).text)
    file = (io.BytesIO(GOOD.encode()), "tariff.csv")
    form = {"csrf_token": token, "act": "propose", "reason": WHY}
    elsewhere = desk.post(HOME, data={**form, "file": file}, headers={"Origin": "https://evil.example"})
    assert elsewhere.status_code == 403
    assert desk.post(HOME, data=form, headers={"Origin": "http://localhost"}).status_code == 422
    huge = desk.post(HOME, data=b"a" * 5_600_000, content_type="multipart/form-data; boundary=x")
    assert huge.status_code == 413
    assert "Chưa có thay đổi nào." in see(desk, HOME)


def test_difference_is_shown_and_nothing_is_kept(desks: dict[str, FlaskClient]) -> None:
    answer = send(desks["lap"], GOOD, "compare")
    assert answer.status_code == 200
    text = unescape(answer.text)
    assert "Thêm 1, hết hiệu lực 1, sửa ngày sắp tới 0; giữ nguyên 0." in text
    assert re.search(r"valid_to:</span> – → <strong>22/11/2026</strong>", text)
    assert re.search(r"amount:</span> 200\.000\s₫ → <strong>250\.000\s₫</strong>", text)
    assert "Chưa có thay đổi nào." in see(desks["lap"], HOME)


def test_second_person_approves_and_both_stand_on_the_page(desks: dict[str, FlaskClient]) -> None:
    address = proposed(desks["lap"])
    assert WHY in see(desks["duyet"], HOME)
    assert decide(desks["duyet"], address, "approve", "Đúng nghị quyết").status_code == 303
    page = see(desks["xem"], address)
    for expected in ("Đã duyệt", "lap, ", "duyet, ", "Đúng nghị quyết", "PHI-2", "so với dòng PHI-1"):
        assert expected in page, expected
    assert decide(desks["duyet"], address, "approve").status_code == 409
    assert "PHI-2" in desks["xem"].get(f"{HOME}/export/tariff.csv").text


def test_second_person_rejects_with_a_reason_only(desks: dict[str, FlaskClient]) -> None:
    address = proposed(desks["lap"])
    assert decide(desks["duyet"], address, "reject", " ").status_code == 422
    assert decide(desks["duyet"], address, "reject", "Sai số nghị quyết").status_code == 303
    assert "Sai số nghị quyết" in see(desks["lap"], address)


def test_maker_takes_a_change_back(desks: dict[str, FlaskClient]) -> None:
    address = proposed(desks["lap"])
    assert decide(desks["lap"], address, "withdraw").status_code == 303
    assert "Đã rút lại" in see(desks["lap"], address)


def test_change_that_can_not_be_approved_any_more_says_why(
    desks: dict[str, FlaskClient], clock: FixedClock, log_in: LogIn
) -> None:
    address = proposed(desks["lap"])
    clock.advance(timedelta(days=2))
    log_in(desks["duyet"], "duyet")
    page = see(desks["duyet"], address)
    assert "không còn duyệt được" in page
    assert f"{address}/approve" not in page
    assert decide(desks["duyet"], address, "approve").status_code == 409


@pytest.mark.parametrize(
    "address",
    [f"{HOME}/changes/chg_x", f"{HOME}/changes/ord_0", f"{HOME}/export/staff.csv", f"{HOME}?before=x"],
)
def test_address_of_nothing_is_not_found(desks: dict[str, FlaskClient], address: str) -> None:
    assert desks["xem"].get(address).status_code == 404


def test_everything_is_downloaded_as_zip_and_yaml(desks: dict[str, FlaskClient]) -> None:
    packed = desks["xem"].get(f"{HOME}/export/zip")
    assert "tariff.csv" in zipfile.ZipFile(io.BytesIO(packed.data)).namelist()
    assert packed.headers["Content-Disposition"] == 'attachment; filename="danh-muc.zip"'
    assert "PHI-1" in desks["xem"].get(f"{HOME}/export/yaml").text
    assert desks["xem"].get(f"{HOME}/export/exe").status_code == 404


def test_pages_speak_english_too(desks: dict[str, FlaskClient]) -> None:
    address = proposed(desks["lap"])
    assert "Waits for approval" in see(desks["duyet"], f"{address}?lang=en")
