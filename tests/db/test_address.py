"""Which database a process and those it starts work on, and as whom it may migrate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from payclear.db.address import DatabaseAddress, OwnerMissing, configured, require_owner
from payclear.kernel.secret import Secret
from payclear.kernel.settings import Settings, load_settings

APP = "postgresql://payclear_app:one-long-password@db.example.vn/payclear"
OWNER = "postgresql://payclear_owner:one-long-password@db.example.vn/payclear"


def settings(environment: str, url: str, owner_url: str) -> Settings:
    made = load_settings("test", environ={})
    database = replace(made.database, url=Secret(url), owner_url=Secret(owner_url))
    return replace(made, environment=environment, database=database)


@pytest.mark.parametrize(
    "owner_url", ["", APP, APP.replace("postgresql://", "postgres://"), f"{APP}?connect_timeout=5"]
)
def test_migration_of_a_production_without_an_owner_of_its_own_is_refused(owner_url: str) -> None:
    with pytest.raises(OwnerMissing):
        require_owner(settings("production", APP, owner_url))


def test_migration_as_the_owner_is_allowed() -> None:
    require_owner(settings("production", APP, OWNER))


def test_migration_of_a_demonstration_needs_no_second_role() -> None:
    require_owner(settings("development", "", ""))
    require_owner(settings("test", APP, ""))


def test_address_told_to_child_processes_stands_in_place_of_the_files_it_came_from(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(APP)
    environ = {
        "PAYCLEAR_DATABASE_URL_FILE": str(tmp_path / "url"),
        "PAYCLEAR_DATABASE_OWNER_URL_FILE": "gone",
    }
    address = configured(settings("production", APP, ""))
    assert address is not None
    address.tell(environ)
    assert environ == {"PAYCLEAR_DATABASE_URL": address.url}
    told = load_settings("test", environ=environ)
    assert configured(told) == address


def test_owner_is_told_when_it_is_another_role() -> None:
    environ: dict[str, str] = {}
    DatabaseAddress("postgresql+psycopg://a@/x", "postgresql+psycopg://b@/x").tell(environ)
    assert environ["PAYCLEAR_DATABASE_OWNER_URL"] == "postgresql+psycopg://b@/x"
