"""Opens, ages, changes and resolves discrepancies; every change leaves a history row.

Called by the passes of a run, in their transaction. A row is found again by its line or by its key, so that
an item that changes class keeps its age.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from payclear.db.uow import UnitOfWork
from payclear.kernel.calendar import BusinessCalendar
from payclear.kernel.ids import new_uuid
from reconciliation.discrepancies import queries
from reconciliation.discrepancies.classify import Finding
from reconciliation.discrepancies.domain import (
    CODE_FACTS,
    DISCREPANCY_STATES,
    LEG_A,
    Code,
    DiscrepancyState,
    Resolution,
    identity_of,
)

Place = tuple[UUID, int]


@dataclass(frozen=True, slots=True)
class DiscrepancyRow:
    """A discrepancy as it stands."""

    id: UUID
    identity: str
    version: int
    key: str
    code: str
    state: str
    first_on: date
    last_on: date
    age_business_days: int
    attempt_id: UUID | None
    attempt_ref: str
    provider_ref: str
    statement_id: UUID | None
    line_no: int | None
    ours: int | None
    theirs: int | None
    has_case: bool
    case_open: bool
    entry_id: UUID | None

    @property
    def place(self) -> Place | None:
        """The line it is about, if any."""
        if self.statement_id is None or self.line_no is None:
            return None
        return (self.statement_id, self.line_no)


class Register:
    """The live discrepancies of one account; collects changes and writes them by `flush`."""

    def __init__(
        self,
        uow: UnitOfWork,
        *,
        provider_account: str,
        run_id: UUID,
        business_on: date,
        calendar: BusinessCalendar,
        rows: Iterable[DiscrepancyRow],
    ) -> None:
        self._uow = uow
        self._account = provider_account
        self._run_id = run_id
        self._on = business_on
        self._calendar = calendar
        self._taken: set[UUID] = set()
        self._inserts: dict[str, dict[str, Any]] = {}
        self._changes: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._by_place: dict[Place, DiscrepancyRow] = {}
        self._by_key: dict[str, DiscrepancyRow] = {}
        for row in rows:
            self._by_key[row.key] = row
            if row.place is not None:
                self._by_place[row.place] = row

    def of_line(self, place: Place) -> DiscrepancyRow | None:
        """The live discrepancy about a line."""
        return self._by_place.get(place)

    def of_key(self, key: str) -> DiscrepancyRow | None:
        """The live discrepancy with a key; an attempt's key is its reference."""
        return self._by_key.get(key)

    def note(
        self, finding: Finding, *, place: Place | None, has_case: bool = False, entry_id: UUID | None = None
    ) -> None:
        """Record what was found about an item: open it, let it age, or let it change its class."""
        row = self._by_place.get(place) if place else None
        named = self._by_key.get(finding.key)
        if row is None and named is not None and (place is None or named.place in (None, place)):
            row = named
        elif row is not None and named is not None and named.id != row.id and named.place is None:
            self.resolve(named, Resolution.MERGED)
        if row is None:
            self._insert(finding, place, has_case=has_case, entry_id=entry_id)
        elif row.id not in self._taken:
            self._continue(row, finding, place, has_case=has_case, entry_id=entry_id)

    def resolve(self, row: DiscrepancyRow, resolution: Resolution) -> None:
        """Close a discrepancy: the missing side came, or both sides agree."""
        if row.id in self._taken:
            return
        values = self._values(row) | {
            "state": DISCREPANCY_STATES.next(row.state, "explained").to,
            "resolution": resolution,
            "resolved_at": self._uow.now,
        }
        self._write(row, values, "resolved")

    def flush(self) -> int:
        """Write what was collected; returns how many events that made."""
        self._reopen_known()
        with self._uow.driver.cursor() as cursor:
            if self._inserts:
                cursor.executemany(queries.INSERT, self._inserts.values())
            if self._changes:
                cursor.executemany(queries.CHANGE, self._changes)
                assert cursor.rowcount == len(self._changes), "the account's lock keeps others out"
            if self._events:
                cursor.executemany(queries.EVENT, self._events)
        return len(self._events)

    def _insert(
        self, finding: Finding, place: Place | None, *, has_case: bool, entry_id: UUID | None
    ) -> None:
        identity = identity_of(
            leg=LEG_A, provider_account=self._account, key=finding.key, first_on=finding.first_on
        )
        if identity in self._inserts:
            return  # told once already: a line's own finding comes before its item's
        statement_id, line_no = place or (None, None)
        item, line = finding.item, finding.line
        last_on = max(finding.first_on, self._on)
        values = {
            "id": new_uuid(),
            "identity": identity,
            "version": 1,
            "account": self._account,
            "run_id": self._run_id,
            "event": "found",
            "key": finding.key,
            "code": finding.code,
            "state": finding.state,
            "owner": CODE_FACTS[finding.code].owner,
            "first_on": finding.first_on,
            "last_on": last_on,
            "age": self._calendar.business_days_between(finding.first_on, last_on),
            "attempt_id": item.attempt_id if item else None,
            "attempt_ref": item.attempt_ref if item else line.attempt_ref if line else finding.about,
            "provider_ref": line.provider_ref if line else (item.provider_ref if item else ""),
            "statement_id": statement_id,
            "line_no": line_no,
            "ours": finding.ours,
            "theirs": finding.theirs,
            "currency": line.currency if line else (item.currency if item else "VND"),
            "has_case": has_case,
            "entry_id": entry_id,
            "resolution": None,
            "resolved_at": None,
            "at": self._uow.now,
        }
        self._inserts[identity] = values
        self._events.append(values)

    def _continue(
        self,
        row: DiscrepancyRow,
        finding: Finding,
        place: Place | None,
        *,
        has_case: bool,
        entry_id: UUID | None,
    ) -> None:
        last_on = max(row.last_on, self._on)
        code: str = finding.code
        if finding.code is Code.B03_OURS_ONLY_WITHIN_GRACE and row.state == DiscrepancyState.OPEN:
            code = row.code  # what was open once does not go back to waiting
        waits = finding.state is DiscrepancyState.PENDING
        statement_id, line_no = place or (row.statement_id, row.line_no)
        values = self._values(row) | {
            "code": code,
            "state": DISCREPANCY_STATES.next(row.state, "waits" if waits else "stands").to,
            "owner": CODE_FACTS[Code(code)].owner,
            "last_on": last_on,
            "age": self._calendar.business_days_between(row.first_on, last_on),
            "attempt_id": finding.item.attempt_id if finding.item else None,
            "provider_ref": finding.line.provider_ref if finding.line else None,
            "statement_id": statement_id,
            "line_no": line_no,
            "ours": finding.ours,
            "theirs": finding.theirs,
            "has_case": row.has_case or has_case,
            "entry_id": entry_id,
        }
        told = ("code", "state", "statement_id", "line_no", "ours", "theirs", "has_case")
        before = self._values(row)
        if any(values[name] != before[name] for name in told) or entry_id is not None:
            self._write(row, values, "changed")
        elif (values["last_on"], values["age"]) != (row.last_on, row.age_business_days):
            self._write(row, values, "persists")
        else:
            self._taken.add(row.id)

    def _values(self, row: DiscrepancyRow) -> dict[str, Any]:
        return {
            "id": row.id,
            "version": row.version + 1,
            "run_id": self._run_id,
            "code": row.code,
            "state": row.state,
            "owner": CODE_FACTS[Code(row.code)].owner,
            "last_on": row.last_on,
            "age": row.age_business_days,
            "attempt_id": None,
            "provider_ref": None,
            "statement_id": row.statement_id,
            "line_no": row.line_no,
            "ours": row.ours,
            "theirs": row.theirs,
            "has_case": row.has_case,
            "entry_id": None,
            "resolution": None,
            "resolved_at": None,
            "at": self._uow.now,
        }

    def _write(self, row: DiscrepancyRow, values: dict[str, Any], event: str) -> None:
        self._taken.add(row.id)
        values["event"] = event
        self._changes.append(values)
        self._events.append(values)

    def _reopen_known(self) -> None:
        """An item that was resolved and does not tie again is the same discrepancy, reopened."""
        if not self._inserts:
            return
        known = self._uow.rows(DiscrepancyRow, queries.BY_IDENTITY, (list(self._inserts),))
        for row in known:
            fresh = self._inserts.pop(row.identity)
            self._events.remove(fresh)
            state = DISCREPANCY_STATES.next(DiscrepancyState.RESOLVED, "stands").to
            values = fresh | {"id": row.id, "version": row.version + 1, "state": state}
            self._write(row, values, "reopened")


def live(uow: UnitOfWork, provider_account: str) -> list[DiscrepancyRow]:
    """Every pending or open discrepancy of an account."""
    return uow.rows(DiscrepancyRow, queries.LIVE, {"account": provider_account})


def live_of(
    uow: UnitOfWork, provider_account: str, *, keys: Sequence[str], places: Sequence[Place]
) -> list[DiscrepancyRow]:
    """The pending or open discrepancies with one of these keys or about one of these lines."""
    return uow.rows(
        DiscrepancyRow,
        queries.LIVE_OF,
        {
            "account": provider_account,
            "keys": list(keys),
            "statements": [statement_id for statement_id, _ in places],
            "line_nos": [line_no for _, line_no in places],
        },
    )
