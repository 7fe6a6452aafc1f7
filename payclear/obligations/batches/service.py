"""Keeps uploaded files, reads them, takes their rows chunk by chunk, and records what is complete. Never commits.

`take_batch` alone opens units of work: it is the body of a job, and each chunk is a transaction of its own.
It must never lose a row: every row of a finished batch has one result, and every other batch goes on where it stood.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from psycopg.errors import DeadlockDetected, SerializationFailure

from payclear.audit.service import record
from payclear.catalogue.service import require_agency
from payclear.db.uow import Database, UnitOfWork
from payclear.jobs.queue import defer
from payclear.kernel.clock import vietnam_date
from payclear.kernel.ids import new_uuid, public_id, sha256_hex
from payclear.obligations.batches import queries
from payclear.obligations.batches.domain import (
    BATCH_STATES,
    TIMES_MAX,
    BatchFormat,
    BatchState,
    Column,
    DecisionRow,
    FileUnreadable,
    KeyKind,
    RefusedRow,
    Row,
    RowResult,
)
from payclear.obligations.batches.formats import RawRow, read_file
from payclear.obligations.batches.records import (
    BatchNotFinished,
    BatchNotFound,
    BatchView,
    InvalidCoverage,
    ResultRow,
    Upload,
)
from payclear.obligations.batches.registering import ChunkCollides, Outcome, Uploader, key_of, take_rows
from payclear.obligations.batches.rows import read_row, shown_number
from payclear.obligations.rules.corrections import VersionKind
from payclear.obligations.speaking import require_speaks_for
from payclear.runtime import Runtime
from payclear.security.sealed import DataKey, Sealer

log = logging.getLogger(__name__)

PREFIX: Final = "bat"
TAKE_JOB: Final = "decisions.take_batch"
CHUNK_ROWS: Final = 500
VERSIONS_AT_ONCE: Final = 20
TRIES: Final = 5
UNFINISHED_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class _Batch:
    id: UUID
    portal_code: str
    format: str
    sha256: str
    size_bytes: int
    agency_code: str | None
    complete_to: date | None
    key_kinds: list[str]
    state: str
    rows: int | None
    problem: str | None
    problem_line: int | None
    problem_column: str | None
    received_by: str
    received_at: datetime
    read_at: datetime | None
    finished_at: datetime | None


def receive(uow: UnitOfWork, sealer: Sealer, upload: Upload) -> tuple[BatchView, bool]:
    """Keep a file, sealed, and have a worker take it; False when the very bytes were there already.

    Raises UnknownAgency, AgencyNotOfPortal, InvalidCoverage. Nothing is read here: a file that is no file of ours becomes
    unreadable later.
    """
    today = vietnam_date(uow.now)
    if upload.agency_code is not None:
        require_agency(uow, upload.agency_code, today)
        require_speaks_for(uow, upload.portal_code, upload.agency_code, today)
    _check_coverage(upload, today)
    batch_id, digest = new_uuid(), sha256_hex(upload.content)
    values = {
        "id": batch_id,
        "portal_code": upload.portal_code,
        "format": upload.format,
        "sha256": digest,
        "size_bytes": len(upload.content),
        "agency_code": upload.agency_code,
        "complete_to": upload.complete_to,
        "key_kinds": sorted(upload.key_kinds),
        "by": upload.by,
        "at": uow.now,
    }
    if not uow.run(queries.KEEP, values).rowcount:
        (same,) = uow.one(queries.SAME_BYTES, values)
        return get(uow, same, portal_code=upload.portal_code), False
    key = sealer.new_data_key()
    sealed = sealer.seal_bytes(
        upload.content, data_key=key, table="decision_file", column="content_sealed", row=batch_id
    )
    uow.run(queries.KEEP_FILE, (batch_id, key.id, key.kek_id, key.wrapped, sealed))
    facts = {"sha256": digest, "size_bytes": len(upload.content), "format": upload.format.value}
    _audit(uow, batch_id, "decision_batch.received", "portal", upload.by, facts)
    defer(uow, TAKE_JOB, batch_id=str(batch_id))
    return get(uow, batch_id, portal_code=upload.portal_code), True


def get(uow: UnitOfWork, batch_id: UUID, *, portal_code: str) -> BatchView:
    """A batch of a portal with its progress; a foreign one is not found."""
    batch = _batch(uow, batch_id)
    if batch is None or batch.portal_code != portal_code:
        raise BatchNotFound("no such batch")
    return _view(uow, batch)


def results(uow: UnitOfWork, batch_id: UUID, *, portal_code: str, after: int, most: int) -> list[ResultRow]:
    """The results of a finished batch behind a row, in the order of the rows; raises BatchNotFound, BatchNotFinished."""
    batch = get(uow, batch_id, portal_code=portal_code)
    if batch.state is not BatchState.FINISHED:
        raise BatchNotFinished("read the batch until it is finished", status=batch.state.value)
    return uow.rows(ResultRow, queries.RESULTS_AFTER, (batch_id, after, most))


def coverage(uow: UnitOfWork, agency_code: str) -> dict[KeyKind, date]:
    """Up to which day an authority's uploads are complete, for look-ups by each key; a key that is missing is unknown."""
    return {KeyKind(kind): on for kind, on in uow.run(queries.COVERAGE, (agency_code,))}


def batches_of(uow: UnitOfWork, portal_code: str) -> int:
    """How many batches a portal has sent."""
    return int(uow.one(queries.BATCHES_OF, (portal_code,))[0])


def unfinished(uow: UnitOfWork) -> list[UUID]:
    """Batches that a worker has still to take, or left half-way."""
    return [row[0] for row in uow.run(queries.UNFINISHED, (UNFINISHED_MAX,))]


def take_batch(runtime: Runtime, batch_id: UUID) -> str:
    """Take what is left of a batch, a chunk a transaction; any number of workers may do so at once. Says how it stands."""
    with runtime.database.begin() as uow:
        batch = _batch(uow, batch_id)
        if batch is None or BATCH_STATES.is_terminal(batch.state):
            return "nothing to take"
        content = _content(uow, runtime.sealer, batch_id)
    rows = _read(runtime.database, batch, content)
    if rows is None:
        return "unreadable"
    uploader = Uploader(
        batch.portal_code, vietnam_date(batch.received_at), runtime.sealer, runtime.blind_index
    )
    chunks = 0
    while _take_chunk(runtime.database, batch, uploader, rows):
        chunks += 1
    with runtime.database.begin() as uow:
        is_finished = _finish(uow, batch_id)
        uow.commit()
    return f"{chunks} chunks, {'finished' if is_finished else 'others are at it'}"


def _check_coverage(upload: Upload, today: date) -> None:
    if upload.complete_to is None:
        if upload.key_kinds:
            raise InvalidCoverage("keys without a day", field="complete_to")
        return
    if upload.agency_code is None:
        raise InvalidCoverage("complete for which authority?", field="agency_code")
    if upload.complete_to > today:
        raise InvalidCoverage("the day has not begun", field="complete_to")
    if not upload.key_kinds:
        raise InvalidCoverage("complete for look-ups by which key?", field="key_kinds")


def _content(uow: UnitOfWork, sealer: Sealer, batch_id: UUID) -> bytes:
    key_id, kek_id, wrapped, sealed = uow.one(queries.FILE, (batch_id,))
    return sealer.open_bytes(
        sealed,
        data_key=DataKey(key_id, kek_id, wrapped),
        table="decision_file",
        column="content_sealed",
        row=batch_id,
    )


def _read(database: Database, batch: _Batch, content: bytes) -> dict[int, Row] | None:
    """The rows of a file by number, its chunks written if they were not yet; None when the file can not be read.

    The same bytes give the same rows at every try and on every worker: their day is that of the upload.
    """
    try:
        rows = _rows(read_file(content, BatchFormat(batch.format)), batch)
    except FileUnreadable as unreadable:
        _write_once(database, batch.id, unreadable)
        return None
    except Exception:  # a file that our parser fails at would fail it at every try
        log.exception("decisions.parser_failed", extra={"batch": public_id(PREFIX, batch.id)})
        _write_once(database, batch.id, FileUnreadable("parser_failed"))
        return None
    waves = _with_waves(rows)
    _write_once(database, batch.id, waves)
    return {row.row_no: row for row, _ in waves}


def _rows(raw: Sequence[RawRow], batch: _Batch) -> list[Row]:
    if not raw and batch.complete_to is None:
        raise FileUnreadable("no_rows")
    today = vietnam_date(batch.received_at)
    return [
        RefusedRow(row_no=each.row_no, column="", code=each.fault, decision_no=shown_number(each.cells))
        if each.fault
        else read_row(each.row_no, each.cells, agency_code=batch.agency_code, today=today)
        for each in raw
    ]


def _with_waves(rows: Sequence[Row]) -> list[tuple[Row, int]]:
    """Each row with its wave: how often its decision stood in the file before. Too often is a mistake of the file."""
    seen: Counter[object] = Counter()
    waves: list[tuple[Row, int]] = []
    for row in rows:
        if isinstance(row, RefusedRow):
            waves.append((row, 0))
            continue
        times = seen[key_of(row)]
        seen[key_of(row)] += 1
        if times < TIMES_MAX:
            waves.append((row, times))
        else:
            repeated = RefusedRow(
                row_no=row.row_no,
                column=Column.DECISION_NO,
                code="decision_repeated",
                decision_no=row.decision_no,
            )
            waves.append((repeated, 0))
    return waves


def _chunks(waves: Sequence[tuple[Row, int]]) -> Iterator[tuple[int, list[int]]]:
    """The wave and the row numbers of each chunk, the earliest wave first.

    A version locks the order that collects its fine: those chunks are small, so that nobody's payment waits for long.
    """

    def place(each: tuple[Row, int]) -> tuple[int, bool]:
        row, wave = each
        return wave, isinstance(row, DecisionRow) and row.version_kind is not VersionKind.ISSUED

    ordered = sorted(waves, key=lambda each: (*place(each), each[0].row_no))
    for (wave, holds_versions), members in groupby(ordered, key=place):
        numbers = [row.row_no for row, _ in members]
        most = VERSIONS_AT_ONCE if holds_versions else CHUNK_ROWS
        for start in range(0, len(numbers), most):
            yield wave, numbers[start : start + most]


def _write_once(
    database: Database, batch_id: UUID, found: FileUnreadable | Sequence[tuple[Row, int]]
) -> None:
    """Write what reading the file gave, unless another worker was first."""
    with database.begin() as uow:
        batch = _batch(uow, batch_id, sql=queries.LOCK_BATCH)
        assert batch is not None
        if batch.state != BatchState.RECEIVED:
            return
        if isinstance(found, FileUnreadable):
            _refuse(uow, batch, found)
        else:
            chunks = list(_chunks(found))
            texts = ["{" + ",".join(map(str, numbers)) + "}" for _, numbers in chunks]
            uow.run(queries.CHUNKS, (batch_id, [wave for wave, _ in chunks], texts))
            to = BATCH_STATES.next(batch.state, "read").to
            uow.run(queries.READ, {"id": batch_id, "to": to, "rows": len(found), "at": uow.now})
        uow.commit()


def _refuse(uow: UnitOfWork, batch: _Batch, unreadable: FileUnreadable) -> None:
    values = {
        "id": batch.id,
        "to": BATCH_STATES.next(batch.state, "refused").to,
        "code": unreadable.code,
        "line": unreadable.line_no,
        "column": unreadable.column,
        "at": uow.now,
    }
    uow.run(queries.UNREADABLE, values)
    facts = {"problem": unreadable.code, "line": unreadable.line_no}
    _audit(uow, batch.id, "decision_batch.unreadable", "system", "worker", facts)


def _take_chunk(database: Database, batch: _Batch, uploader: Uploader, rows: dict[int, Row]) -> bool:
    """Take one chunk that nobody has in hand; False when there is none."""
    for last in (False,) * (TRIES - 1) + (True,):
        try:
            with database.begin() as uow:
                claimed = uow.run(queries.CLAIM, {"id": batch.id}).fetchone()
                if claimed is None:
                    return False
                chunk_no, numbers = claimed
                outcomes = take_rows(uow, uploader, [rows[number] for number in numbers])
                _write_results(uow, batch.id, chunk_no, outcomes)
                uow.run(queries.DONE, (uow.now, batch.id, chunk_no))
                uow.commit()
                return True
        except (ChunkCollides, DeadlockDetected, SerializationFailure):
            if last:
                raise
    raise AssertionError("the last try returns or raises")  # pragma: no cover


def _write_results(uow: UnitOfWork, batch_id: UUID, chunk_no: int, outcomes: Sequence[Outcome]) -> None:
    uow.run(
        queries.RESULTS,
        (
            batch_id,
            chunk_no,
            [outcome.row_no for outcome in outcomes],
            [outcome.decision_no for outcome in outcomes],
            [outcome.result for outcome in outcomes],
            [outcome.column for outcome in outcomes],
            [outcome.code for outcome in outcomes],
            [outcome.obligation_id for outcome in outcomes],
        ),
    )


def _finish(uow: UnitOfWork, batch_id: UUID) -> bool:
    """Finish a batch whose chunks are all done; False while others are at it. True also when it was finished before."""
    batch = _batch(uow, batch_id, sql=queries.LOCK_BATCH)
    assert batch is not None
    if batch.state == BatchState.FINISHED:
        return True
    if uow.run(queries.IS_WAITING, (batch_id,)).fetchone():
        return False
    to = BATCH_STATES.next(batch.state, "finished").to
    uow.run(queries.FINISHED, {"id": batch_id, "to": to, "at": uow.now})
    counts = _counts(uow, batch_id)
    _cover(uow, batch, counts)
    facts = {result.value: counts.get(result, 0) for result in RowResult}
    _audit(uow, batch_id, "decision_batch.finished", "system", "worker", facts)
    log.info("decisions.taken", extra={"batch": public_id(PREFIX, batch_id), **facts})
    return True


def _cover(uow: UnitOfWork, batch: _Batch, counts: dict[RowResult, int]) -> None:
    """Believe the authority's statement for those keys by which each of its open decisions can be found.

    A batch with a refused row is not complete, whatever it says.
    """
    if batch.complete_to is None or counts.get(RowResult.REFUSED, 0):
        return
    missing = dict(zip(KeyKind, uow.one(queries.KEYS_MISSING, (batch.agency_code,)), strict=True))
    kinds = [kind for kind in sorted(batch.key_kinds) if not missing[KeyKind(kind)]]
    if kinds:
        uow.run(queries.COVER, (batch.id, batch.agency_code, kinds, batch.complete_to, uow.now))


def _batch(uow: UnitOfWork, batch_id: UUID, *, sql: str = queries.BATCH) -> _Batch | None:
    found = uow.rows(_Batch, sql, (batch_id,))
    return found[0] if found else None


def _counts(uow: UnitOfWork, batch_id: UUID) -> dict[RowResult, int]:
    return {RowResult(result): count for result, count in uow.run(queries.COUNTS, (batch_id,))}


def _view(uow: UnitOfWork, batch: _Batch) -> BatchView:
    covered = None
    if batch.complete_to is not None and batch.state == BatchState.FINISHED:
        row = uow.run(queries.COVERED, (batch.id,)).fetchone()
        covered = tuple(row[0]) if row else ()
    return BatchView(
        id=batch.id,
        portal_code=batch.portal_code,
        format=BatchFormat(batch.format),
        sha256=batch.sha256,
        size_bytes=batch.size_bytes,
        agency_code=batch.agency_code,
        complete_to=batch.complete_to,
        key_kinds=tuple(batch.key_kinds),
        state=BatchState(batch.state),
        rows=batch.rows,
        problem=batch.problem,
        problem_line=batch.problem_line,
        problem_column=batch.problem_column,
        received_at=batch.received_at,
        read_at=batch.read_at,
        finished_at=batch.finished_at,
        counts=_counts(uow, batch.id),
        covered=covered,
    )


def _audit(
    uow: UnitOfWork, batch_id: UUID, action: str, actor_type: str, actor: str, facts: dict[str, Any]
) -> None:
    record(
        uow,
        actor_type=actor_type,
        actor=actor,
        action=action,
        object_type="decision_batch",
        object_id=public_id(PREFIX, batch_id),
        facts=facts,
    )
