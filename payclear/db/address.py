"""Where the database of this process is: the configured one, or the embedded server.

Used by every command that needs a database; nobody else decides where it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import make_url

from payclear.db.embedded import APP_ROLE, OWNER_ROLE, EmbeddedServer
from payclear.kernel.problems import OperatorProblem
from payclear.kernel.settings import Settings

URL_VARIABLE = "PAYCLEAR_DATABASE_URL"
OWNER_URL_VARIABLE = "PAYCLEAR_DATABASE_OWNER_URL"


class OwnerMissing(OperatorProblem):
    """Migrations of a production without a role of their own."""


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """SQLAlchemy addresses of the two roles: the application works, the owner migrates."""

    url: str
    owner_url: str

    def tell(self, environ: MutableMapping[str, str]) -> None:
        """Let child processes find the same database, in place of whatever named it before."""
        for variable in (URL_VARIABLE, OWNER_URL_VARIABLE):
            environ.pop(f"{variable}_FILE", None)
            environ.pop(variable, None)
        environ[URL_VARIABLE] = self.url
        if self.owner_url != self.url:
            environ[OWNER_URL_VARIABLE] = self.owner_url


def configured(settings: Settings) -> DatabaseAddress | None:
    """The configured database, or None when the embedded server is meant."""
    url = settings.database.url.reveal()
    if not url:
        return None
    return DatabaseAddress(with_driver(url), with_driver(settings.database.owner_url.reveal() or url))


def require_owner(settings: Settings) -> None:
    """Refuse to migrate a production as the application role: what it owns it could change. Raises OwnerMissing."""
    if not settings.is_production:
        return
    address = configured(settings)
    if address is None or not settings.database.owner_url:
        raise OwnerMissing(
            f"Migrations need a role of their own in production: set {OWNER_URL_VARIABLE}_FILE for this command."
        )
    if make_url(address.owner_url).username == make_url(address.url).username:
        raise OwnerMissing("database.url and database.owner_url must be two roles in production.")


def of_embedded(server: EmbeddedServer) -> DatabaseAddress:
    """The addresses of a started embedded server."""
    return DatabaseAddress(server.url(APP_ROLE), server.url(OWNER_ROLE))


def with_driver(url: str) -> str:
    """An ordinary PostgreSQL address with the driver that payclear uses."""
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


@contextmanager
def open_database(settings: Settings) -> Iterator[DatabaseAddress]:
    """The database for the time of one command; starts or joins the embedded server when none is configured.

    It tells the address to processes this one starts, through the environment.
    """
    address = configured(settings)
    if address is not None:
        address.tell(os.environ)
        yield address
        return
    with EmbeddedServer(settings.database.state_folder) as server:
        address = of_embedded(server)
        address.tell(os.environ)
        yield address
