"""Brings a database to the newest schema as its owner; called by `payclear migrate`, `payclear run` and the tests."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from payclear.db.embedded import require_supported

FOLDER = Path(__file__).resolve().parents[2] / "migrations"
APP_ROLE = "payclear_app"
LOCK_KEY = 7_401_620_031


def head() -> str:
    """The newest revision, as `migrations/.current-head` names it."""
    return (FOLDER / ".current-head").read_text(encoding="utf-8").strip()


def migrate(owner_url: str, *, to: str = "head") -> str:
    """Apply every migration up to `to`; two at once take turns. Returns the revision reached."""
    engine = create_engine(owner_url, poolclass=NullPool)
    try:
        return _migrate(engine, to)
    finally:
        engine.dispose()


def current_revision(engine: Engine) -> str | None:
    """The revision a database stands at, or None for an empty one."""
    with engine.connect() as connection:
        if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar_one() is None:
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _migrate(engine: Engine, to: str) -> str:
    with engine.connect() as connection:
        require_supported(int(connection.execute(text("SHOW server_version_num")).scalar_one()))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
        connection.execute(text(_ENSURE_ROLE))
        connection.execute(text("SET lock_timeout = '2s'"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}"))
        connection.commit()
        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        connection.execute(text(f"GRANT SELECT ON alembic_version TO {APP_ROLE}"))
        connection.commit()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


_ENSURE_ROLE = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN
        CREATE ROLE {APP_ROLE} NOLOGIN;
    END IF;
END $$
"""
