"""The base of every factory: rows go into the session of the test's unit of work."""

import factory
from sqlalchemy.orm import Session

_sessions: list[Session] = []


def use(session: Session) -> None:
    """Bind the factories to a session until the next call."""
    _sessions[:] = [session]


class ModelFactory(factory.alchemy.SQLAlchemyModelFactory):
    class Meta:
        abstract = True
        sqlalchemy_session_factory = staticmethod(lambda: _sessions[0])
        sqlalchemy_session_persistence = "flush"
