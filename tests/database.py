"""One private PostgreSQL a test process, migrated once; every test starts with empty tables."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import psycopg

from payclear.db.embedded import APP_ROLE, OWNER_ROLE, SUPERUSER, EmbeddedServer, create_database
from payclear.db.migrate import migrate

# Deletes whatever a test left, as the superuser with triggers off: append-only tables refuse everybody else.
_EMPTY = """
DO $$
DECLARE
    name text;
    filled boolean;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
        AND tablename NOT IN ('alembic_version', 'ledger_account')
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', name) INTO filled;
        IF filled THEN
            EXECUTE format('DELETE FROM %I', name);
        END IF;
    END LOOP;
END $$
"""


@dataclass(slots=True)
class TestServer:
    """A running server with one migrated database; other processes of a journey use its addresses too."""

    __test__ = False

    server: EmbeddedServer

    @property
    def app_url(self) -> str:
        """SQLAlchemy address of the application role."""
        return self.server.url(APP_ROLE)

    @property
    def owner_url(self) -> str:
        """SQLAlchemy address of the owner role."""
        return self.server.url(OWNER_ROLE)

    def superuser(self) -> psycopg.Connection[tuple[object, ...]]:
        """A superuser's own connection, for planting what no role of ours could write."""
        return psycopg.connect(self.server.conninfo(SUPERUSER, "payclear"), autocommit=True)

    def empty(self) -> None:
        """Delete every row of every table but the chart of accounts."""
        with self.superuser() as connection:
            connection.execute(_EMPTY)

    def kill_and_recover(self) -> None:
        """Kill the server as a power cut would, and start it on the same data."""
        running = self.server.start()
        os.kill(running.pid, signal.SIGKILL)
        self.server.stop("immediate")
        self.server.start()

    def new_database(self, name: str) -> str:
        """Make one more, unmigrated database; returns the owner's address."""
        with psycopg.connect(self.server.conninfo(SUPERUSER, SUPERUSER), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            create_database(connection, name)
        return self.server.url(OWNER_ROLE, name)


def start_server(folder: Path) -> TestServer:
    """Start a throw-away cluster and migrate it."""
    server = EmbeddedServer(folder, max_connections=200)
    server.start()
    started = TestServer(server)
    migrate(started.owner_url)
    return started
