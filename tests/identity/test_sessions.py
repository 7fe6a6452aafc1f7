"""Staff: signing in, staying in, being shut out."""

from datetime import timedelta

import pytest

from payclear.db.uow import Database
from payclear.identity.domain import StaffRole, WeakPassword
from payclear.identity.sessions import (
    LoginFailed,
    LoginTaken,
    NewSession,
    create_staff,
    disable_staff,
    log_in,
    log_out,
    staff_of_session,
)
from payclear.kernel.clock import FixedClock

PASSWORD = "mua thu ha noi."


@pytest.fixture
def staff_id(database: Database):
    with database.begin() as uow:
        made = create_staff(
            uow, login="an.nguyen", display_name="Nguyễn Thị An", password=PASSWORD, roles=[StaffRole.OFFICER]
        )
        uow.commit()
    return made


def enter(database: Database, login: str = "an.nguyen", password: str = PASSWORD) -> NewSession:
    return log_in(database, login=login, password=password)


def is_in(database: Database, token: str) -> bool:
    with database.begin() as uow:
        staff = staff_of_session(uow, token)
        uow.commit()
    return staff is not None


def actions(database: Database) -> list[str]:
    with database.begin() as uow:
        return [row[0] for row in uow.run("SELECT action FROM audit_entry ORDER BY id")]


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("nobody", PASSWORD),
        ("an.nguyen", "wrong"),
        ("an.nguyen", ""),
        ("an.nguyen", PASSWORD + "x"),
        ("", ""),
        ("an.nguyen' --", PASSWORD),
        ("an.nguyen", "x" * 1000),
        ("an\x00", "x\x00"),
        ("\udcff", "\udcff"),
    ],
)
def test_login_that_does_not_hold_opens_nothing(
    database: Database, staff_id: object, login: str, password: str
) -> None:
    with pytest.raises(LoginFailed):
        enter(database, login, password)
    with database.begin() as uow:
        assert uow.run("SELECT count(*) FROM staff_session").fetchone() == (0,)
    assert actions(database)[-1] == "staff.login_failed"


def test_login_typed_into_the_wrong_field_is_not_written_down(database: Database, staff_id: object) -> None:
    with pytest.raises(LoginFailed):
        enter(database, PASSWORD, "x")
    with database.begin() as uow:
        trail = uow.run(
            "SELECT actor, object_id FROM audit_entry WHERE action = 'staff.login_failed'"
        ).fetchall()
    assert trail == [("unknown", "")]


def test_login_of_a_disabled_account_is_refused_and_its_sessions_end(
    database: Database, staff_id: object
) -> None:
    session = enter(database)
    with database.begin() as uow:
        disable_staff(uow, staff_id, actor="binh.tran")
        uow.commit()
    assert not is_in(database, session.token)
    with pytest.raises(LoginFailed):
        enter(database)


def test_login_opens_a_session_whose_token_is_nowhere_in_the_database(
    database: Database, staff_id: object
) -> None:
    session = enter(database, "  AN.Nguyen ")
    with database.begin() as uow:
        staff = staff_of_session(uow, session.token)
        rows = str(uow.run("SELECT * FROM staff_session").fetchall())
    assert staff == session.staff
    assert staff
    assert (staff.login, staff.roles) == ("an.nguyen", {"officer"})
    assert session.token not in rows
    assert actions(database) == ["staff.created", "staff.logged_in"]


def test_each_login_makes_a_new_session(database: Database, staff_id: object) -> None:
    first, second = enter(database), enter(database)
    assert first.token != second.token
    assert first.staff.csrf_token != second.staff.csrf_token
    assert is_in(database, first.token)


def test_session_after_logout_opens_nothing(database: Database, staff_id: object) -> None:
    session, other = enter(database), enter(database)
    with database.begin() as uow:
        log_out(uow, session.token)
        log_out(uow, session.token)
        log_out(uow, "no such token")
        uow.commit()
    assert not is_in(database, session.token)
    assert is_in(database, other.token)
    assert actions(database).count("staff.logged_out") == 1


def test_session_in_use_lives_eight_hours_and_no_longer(
    database: Database, staff_id: object, clock: FixedClock
) -> None:
    session = enter(database)
    for _ in range(47):
        clock.advance(timedelta(minutes=10))
        assert is_in(database, session.token)
    clock.advance(timedelta(minutes=10))
    assert not is_in(database, session.token)


def test_session_idle_for_fifteen_minutes_is_over(
    database: Database, staff_id: object, clock: FixedClock
) -> None:
    session = enter(database)
    clock.advance(timedelta(minutes=15))
    assert not is_in(database, session.token)


def test_sessions_long_over_are_forgotten_at_the_next_login(
    database: Database, staff_id: object, clock: FixedClock
) -> None:
    enter(database)
    clock.advance(timedelta(days=2))
    enter(database)
    with database.begin() as uow:
        assert uow.run("SELECT count(*) FROM staff_session").fetchone() == (1,)


@pytest.mark.parametrize("token", ["", "x", "\udcff", "é" * 40])
def test_session_of_a_made_up_token_is_nobody(database: Database, token: str) -> None:
    assert not is_in(database, token)


def test_account_with_a_taken_login_or_a_weak_password_is_refused(
    database: Database, staff_id: object
) -> None:
    with database.begin() as uow, pytest.raises(LoginTaken):
        create_staff(uow, login="An.Nguyen", display_name="x", password=PASSWORD, roles=[])
    with database.begin() as uow, pytest.raises(WeakPassword):
        create_staff(uow, login="binh.tran", display_name="x", password="short", roles=[])


def test_password_hashed_by_older_settings_is_renewed_at_login(
    database: Database, staff_id: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stored() -> str:
        with database.begin() as uow:
            row = uow.run("SELECT password_hash FROM staff").fetchone()
        return str(row[0]) if row else ""

    before = stored()
    monkeypatch.setattr("payclear.identity.sessions.needs_rehash", lambda _: True)
    enter(database)
    assert stored() != before
    enter(database)
