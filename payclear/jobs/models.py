"""Claims of periods and records of runs. procrastinate keeps its own tables beside them. Written only by `jobs`."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from payclear.db.base import Base, one_of, text_pk, utc, uuid_pk


class JobPeriod(Base):
    """One period of one periodic job, claimed once by whoever inserts it first (INV-29)."""

    __tablename__ = "job_period"

    job: Mapped[text_pk]
    period: Mapped[str] = mapped_column(primary_key=True)
    claimed_by: Mapped[str]
    claimed_at: Mapped[utc]


class RunOutcome(StrEnum):
    """How a run ended; `running` stays on a killed one."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class JobRun(Base):
    """One run of a job, with what it did."""

    __tablename__ = "job_run"
    __table_args__ = (one_of("outcome", RunOutcome), Index(None, "job", "started_at"))

    id: Mapped[uuid_pk]
    job: Mapped[str]
    started_at: Mapped[utc]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str]
    detail: Mapped[str]
