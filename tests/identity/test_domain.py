"""Roles, logins, passwords, sessions' life, and where a citizen may be sent back to."""

from datetime import UTC, datetime, timedelta

import pytest

from payclear.identity.domain import (
    InvalidLogin,
    InvalidPortal,
    SessionTimes,
    StaffRole,
    WeakPassword,
    allows,
    is_return_url_allowed,
    normal_login,
    require_login,
    require_portal,
    require_strong_password,
)

REGISTERED = (
    "https://portal.example/return",
    "https://dvc.tinhmau.example:8443/ket-qua/",
    "http://127.0.0.1:8200/",
)


@pytest.mark.parametrize(
    "url",
    [
        "https://portal.example/return",
        "https://portal.example/return/",
        "https://portal.example/return/7",
        "https://portal.example/return?dossier=7&next=https://evil.example",
        "https://portal.example:443/return",
        "https://PORTAL.example/return",
        "https://dvc.tinhmau.example:8443/ket-qua/",
        "https://dvc.tinhmau.example:8443/ket-qua/7?a=b",
        "http://127.0.0.1:8200/return?x=%20",
    ],
)
def test_return_url_below_a_registered_prefix_is_allowed(url: str) -> None:
    assert is_return_url_allowed(url, REGISTERED)


TRICKS = [
    "",
    " ",
    "/return",
    "//portal.example/return",
    "///portal.example/return",
    "portal.example/return",
    "http://portal.example/return",
    "HTTPS://portal.example@evil.example/return",
    "https://portal.example",
    "https://portal.example/",
    "https://portal.example/returned",
    "https://portal.example/return-evil",
    "https://portal.example/return\\..\\admin",
    "https://portal.example/return/../admin",
    "https://portal.example/return/..",
    "https://portal.example/return/./../admin",
    "https://portal.example/return/%2e%2e/admin",
    "https://portal.example/return/%2E./admin",
    "https://portal.example/return/.%2e/admin",
    "https://portal.example/Return",
    "https://portal.example//return",
    "https://portal.example:8443/return",
    "https://portal.example:0/return",
    "https://portal.example:/return",
    "https://portal.example:99999/return",
    "https://portal.example:4x3/return",
    "https://portal.example./return",
    "https://portal.example.evil.example/return",
    "https://evilportal.example/return",
    "https://sub.portal.example/return",
    "https://evil.example/https://portal.example/return",
    "https://evil.example/return?https://portal.example/return",
    "https://evil.example#https://portal.example/return",
    "https://evil.example\\@portal.example/return",
    "https://evil.example\\.portal.example/return",
    "https://user@portal.example/return",
    "https://user:pass@portal.example/return",
    "https://@portal.example/return",
    "https://portal.example@evil.example/return",
    "https://portal.example%40evil.example/return",
    "https://portal.example%2freturn",
    "https://portal.example%00.evil.example/return",
    "https://portal.example/return#fragment",
    "https://portal.example/return\n",
    "https://portal.example/return\r\nLocation: https://evil.example",
    "https://portal.example/return\t",
    "https:// portal.example/return",
    " https://portal.example/return",
    "https://portal.example/return ",
    "https://portal.example/ret urn",
    "https:portal.example/return",
    "https:/portal.example/return",
    "https:///portal.example/return",
    "https://portal。example/return",
    "https://portal.example/retùrn",
    "https://pоrtal.example/return",
    "https://[::1]/return",
    "https://[portal.example]/return",
    "https://[/return",
    "javascript:alert(1)",
    "javascript://portal.example/return%0aalert(1)",
    "data:text/html,https://portal.example/return",
    "vbscript:x",
    "file:///portal.example/return",
    "ftp://portal.example/return",
    "wss://portal.example/return",
    "https://portal.example/return<script>",
    'https://portal.example/return"onload=',
    "https://portal.example/return`x`",
    "https://portal.example/return{x}",
    "https://dvc.tinhmau.example/ket-qua/",
    "https://dvc.tinhmau.example:8443/ket-qua",
    "http://127.0.0.1:8201/",
    "http://127.0.0.2:8200/",
    "http://localhost:8200/",
    "http://2130706433:8200/",
    "https://127.0.0.1:8200/",
    "https://portal.example/return?" + "x" * 1000,
]


@pytest.mark.parametrize("url", TRICKS)
def test_return_url_of_a_redirect_trick_is_refused(url: str) -> None:
    assert not is_return_url_allowed(url, REGISTERED)


def test_return_url_tricks_are_at_least_sixty() -> None:
    assert len(set(TRICKS)) >= 60


def test_return_url_without_registered_prefixes_is_refused() -> None:
    assert not is_return_url_allowed("https://portal.example/return", ())
    assert not is_return_url_allowed("https://portal.example/return", ("not a url",))


@pytest.mark.parametrize("code", ["", "A", "a_b", "a--b", "-a", "x" * 41, "a b"])
def test_portal_of_a_bad_code_is_refused(code: str) -> None:
    with pytest.raises(InvalidPortal):
        require_portal(code, ["https://portal.example/"])


@pytest.mark.parametrize(
    "prefix", ["", "https://portal.example", "http://portal.example/", "https://portal.example/?a=b", "//x/"]
)
def test_portal_of_a_bad_return_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidPortal):
        require_portal("tinhmau", [prefix])


def test_portal_of_good_code_and_prefix_is_accepted() -> None:
    require_portal("tinh-mau-1", REGISTERED)


@pytest.mark.parametrize(
    ("roles", "needed", "expected"),
    [
        ((), StaffRole.VIEWER, False),
        (("viewer",), StaffRole.VIEWER, True),
        (("viewer",), StaffRole.OFFICER, False),
        (("officer",), StaffRole.VIEWER, True),
        (("officer",), StaffRole.OFFICER, True),
        (("admin",), StaffRole.VIEWER, False),
    ],
)
def test_role_allows_what_it_is_for(roles: tuple[str, ...], needed: StaffRole, expected: bool) -> None:
    assert allows(roles, needed) is expected


@pytest.mark.parametrize("login", ["", "a", "1a", "a b", "Ạn", "a" * 41, "an@mau"])
def test_login_that_could_not_be_typed_again_is_refused(login: str) -> None:
    with pytest.raises(InvalidLogin):
        require_login(login)


def test_login_is_compared_without_case_and_spaces() -> None:
    assert normal_login("  An.Nguyen ") == "an.nguyen"


@pytest.mark.parametrize("password", ["", "short", "14-characters-", "an.nguyen-2026!!"])
def test_password_that_is_short_or_the_login_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        require_strong_password(password, login="an.nguyen")


def test_password_of_fifteen_plain_letters_is_enough() -> None:
    require_strong_password("mua thu ha noi.", login="an.nguyen")


def test_session_lives_fifteen_idle_minutes_and_eight_hours() -> None:
    begun = datetime(2026, 11, 21, 1, tzinfo=UTC)
    times = SessionTimes(last_seen_at=begun, expires_at=begun + timedelta(hours=8), ended_at=None)
    assert times.is_live(begun + timedelta(minutes=14, seconds=59))
    assert not times.is_live(begun + timedelta(minutes=15))
    used = SessionTimes(
        last_seen_at=begun + timedelta(hours=7, minutes=59),
        expires_at=begun + timedelta(hours=8),
        ended_at=None,
    )
    assert used.is_live(begun + timedelta(hours=7, minutes=59, seconds=59))
    assert not used.is_live(begun + timedelta(hours=8))
    ended = SessionTimes(last_seen_at=begun, expires_at=begun + timedelta(hours=8), ended_at=begun)
    assert not ended.is_live(begun)
