"""Portals and their keys: who may call, and how fast a key dies."""

from dataclasses import replace
from datetime import timedelta

import pytest

from payclear.db.uow import Database
from payclear.http.auth import PortalNotCollecting
from payclear.identity.domain import InvalidPortal, Scope
from payclear.identity.models import PortalState
from payclear.identity.service import (
    CACHE_TTL_S,
    KeyTaken,
    PortalBarred,
    PortalExists,
    PortalNotFound,
    Principal,
    ScopeMissing,
    TooManyKeys,
    Unauthenticated,
    authenticate_portal,
    create_portal,
    get_portal,
    issue_api_key,
    revoke_api_key,
)
from payclear.kernel.clock import FixedClock
from payclear.kernel.errors import InvalidInput, NotFound
from payclear.kernel.settings import Settings
from tests.officers import take_step

OTHER_PROCESS = "UPDATE portal_api_key SET revoked_at = now()"


@pytest.fixture
def portal(database: Database) -> str:
    with database.begin() as uow:
        create_portal(
            uow,
            code="tinhmau",
            name_vi="Tỉnh Mẫu",
            name_en="Sample Province",
            return_url_prefixes=["https://portal.example/return"],
        )
        uow.commit()
    return "tinhmau"


def issue(database: Database, portal: str, full_text: str | None = None, **options: object) -> str:
    with database.begin() as uow:
        issued = issue_api_key(uow, portal, full_text, **options)
        uow.commit()
    return issued.full_text


def ask(database: Database, key: str) -> Principal:
    with database.begin() as uow:
        return authenticate_portal(uow, f"Bearer {key}")


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic abc", "pk_x_y", "Bearer pk_x", "Bearer nonsense", "Bearer \x00"],
)
def test_header_without_a_key_is_refused(database: Database, header: str | None) -> None:
    with database.begin() as uow, pytest.raises(Unauthenticated):
        authenticate_portal(uow, header)


def test_key_that_nobody_has_is_refused(database: Database, portal: str) -> None:
    key = issue(database, portal)
    with pytest.raises(Unauthenticated):
        ask(database, key[:-1] + ("0" if key[-1] != "0" else "1"))


def test_key_of_a_portal_names_it_and_what_it_may_do(database: Database, portal: str) -> None:
    principal = ask(database, issue(database, portal, scopes=[Scope.ORDERS_READ]))
    assert (principal.portal_code, principal.state, principal.may_collect) == (
        portal,
        PortalState.ACTIVE,
        True,
    )
    assert principal.return_url_prefixes == ("https://portal.example/return",)
    principal.require(Scope.ORDERS_READ)
    with pytest.raises(ScopeMissing):
        principal.require(Scope.ORDERS_WRITE)


def test_key_is_stored_as_a_digest_only(database: Database, portal: str) -> None:
    key = issue(database, portal)
    with database.begin() as uow:
        stored = uow.run("SELECT secret_hash, id FROM portal_api_key").fetchone()
        trail = uow.run("SELECT string_agg(facts::text, ' ') FROM audit_entry").fetchone()
    assert stored
    assert len(stored[0]) == 32
    assert key.rsplit("_", 1)[1] not in str(stored) + str(trail)


def test_key_revoked_here_is_refused_at_once(database: Database, portal: str) -> None:
    key = issue(database, portal)
    principal = ask(database, key)
    with database.begin() as uow:
        revoke_api_key(uow, principal.key_id, actor="an.nguyen")
        uow.commit()
    with pytest.raises(Unauthenticated):
        ask(database, key)
    with database.begin() as uow, pytest.raises(NotFound):
        revoke_api_key(uow, principal.key_id, actor="an.nguyen")


def test_key_revoked_by_another_process_is_refused_within_a_second(
    database: Database, portal: str, clock: FixedClock
) -> None:
    key = issue(database, portal)
    ask(database, key)
    with database.begin() as uow:
        uow.run(OTHER_PROCESS)
        uow.commit()
    assert ask(database, key).portal_code == portal
    clock.advance(timedelta(seconds=CACHE_TTL_S))
    with pytest.raises(Unauthenticated):
        ask(database, key)


def test_key_past_its_time_is_refused_also_from_memory(
    database: Database, portal: str, clock: FixedClock
) -> None:
    key = issue(database, portal, expires_at=clock.now() + timedelta(milliseconds=500))
    ask(database, key)
    clock.advance(timedelta(milliseconds=500))
    with pytest.raises(Unauthenticated):
        ask(database, key)


@pytest.mark.parametrize("event", ["suspended", "retired"])
def test_key_of_a_barred_portal_reads_and_writes_nothing_at_once(
    database: Database, portal: str, event: str
) -> None:
    key = issue(database, portal)
    ask(database, key).require_collecting()
    with database.begin() as uow:
        take_step(uow, portal, event)
        uow.commit()
    with pytest.raises(PortalBarred):
        ask(database, key).require_collecting()
    ask(database, key).require(Scope.ORDERS_READ)


@pytest.mark.parametrize(
    ("state", "admits_testing", "may"),
    [
        (PortalState.REGISTERED, True, False),
        (PortalState.TESTING, True, True),
        (PortalState.TESTING, False, False),
        (PortalState.ACTIVE, False, True),
    ],
)
def test_portal_collects_when_active_and_outside_production_when_tested(
    database: Database, state: PortalState, admits_testing: bool, may: bool
) -> None:
    with database.begin() as uow:
        create_portal(uow, code="moi", name_vi="M", name_en="N", return_url_prefixes=[], state=state)
        uow.commit()
    key = issue(database, "moi")
    with database.begin() as uow:
        principal = authenticate_portal(uow, f"Bearer {key}", admits_testing=admits_testing)
    assert principal.may_collect is may
    if not may:
        with pytest.raises(PortalNotCollecting):
            principal.require_collecting()


def test_third_live_key_is_refused_until_one_is_revoked(database: Database, portal: str) -> None:
    first = issue(database, portal)
    issue(database, portal)
    with pytest.raises(TooManyKeys):
        issue(database, portal)
    with database.begin() as uow:
        revoke_api_key(uow, ask(database, first).key_id, actor="an.nguyen")
        uow.commit()
    issue(database, portal)


def test_demonstration_key_issued_twice_is_one_key(
    database: Database, portal: str, settings: Settings
) -> None:
    text = settings.portal_example.api_key.reveal()
    assert issue(database, portal, text) == issue(database, portal, text) == text
    assert ask(database, text).portal_code == portal
    with database.begin() as uow:
        create_portal(uow, code="khac", name_vi="K", name_en="O", return_url_prefixes=[])
        uow.commit()
    with pytest.raises(KeyTaken):
        issue(database, "khac", text)


def test_key_of_another_form_or_for_nobody_is_refused(database: Database, portal: str) -> None:
    with pytest.raises(InvalidInput):
        issue(database, portal, "secret")
    with pytest.raises(PortalNotFound):
        issue(database, "nobody")


def test_portal_registered_twice_or_badly_is_refused(database: Database, portal: str) -> None:
    with database.begin() as uow, pytest.raises(PortalExists):
        create_portal(uow, code=portal, name_vi="x", name_en="x", return_url_prefixes=[])
    with database.begin() as uow, pytest.raises(InvalidPortal):
        create_portal(uow, code="x", name_vi="x", name_en="x", return_url_prefixes=["http://portal.example/"])
    with database.begin() as uow, pytest.raises(PortalNotFound):
        get_portal(uow, "nobody")


def test_principal_is_a_frozen_value(database: Database, portal: str) -> None:
    principal = ask(database, issue(database, portal))
    assert replace(principal) == principal
