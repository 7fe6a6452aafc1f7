"""What the code under test says to the database, for tests that nothing is asked twice or once for each row."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import event

from payclear.runtime import Runtime

_OURS = re.compile(r"\s*(SELECT|INSERT|UPDATE|WITH)\b")


@contextmanager
def recorded(runtime: Runtime) -> Iterator[list[str]]:
    """Every statement that connections made meanwhile execute, but for those of the driver itself."""
    said: list[str] = []

    class Recording(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> "Recording":
            if _OURS.match(str(query)):
                said.append(str(query))
            return super().execute(query, params, **options)

    def connected(connection: Any, _record: Any) -> None:
        connection.cursor_factory = Recording

    engine = runtime.database.engine
    event.listen(engine, "connect", connected)
    engine.dispose()
    try:
        yield said
    finally:
        event.remove(engine, "connect", connected)
        engine.dispose()
