"""Makes the SQLAlchemy engine of a process. It must never be created before a fork."""

from typing import Any

from sqlalchemy import Engine, create_engine, event, text

from payclear.db.embedded import require_supported
from payclear.kernel.settings import Settings


def make_engine(
    url: str, settings: Settings, *, application_name: str = "payclear", pool_size: int | None = None
) -> Engine:
    """Create a pooled engine on PostgreSQL 15 to 18 with the limits of the settings.

    Every connection speaks UTC, refuses to wait for locks longer than five seconds and commits durably.
    """
    database = settings.database
    options = {
        "application_name": application_name,
        "timezone": "UTC",
        "statement_timeout": str(database.statement_timeout_ms),
        "lock_timeout": "5000",
        "idle_in_transaction_session_timeout": "60000",
        "synchronous_commit": database.synchronous_commit,
    }
    engine = create_engine(
        url,
        pool_size=pool_size or database.pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=False,
        connect_args={
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
            "connect_timeout": 5,
            "prepare_threshold": 1,
        },
    )
    event.listen(engine, "connect", _check_version)
    return engine


def server_version(engine: Engine) -> int:
    """The server's version number, for example 180001."""
    with engine.connect() as connection:
        return int(connection.execute(text("SHOW server_version_num")).scalar_one())


def _check_version(dbapi_connection: Any, _record: Any) -> None:
    require_supported(dbapi_connection.info.server_version)
