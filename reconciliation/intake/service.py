"""Takes a statement in: keeps its bytes sealed with their digest, reads it, stores lines and problems.

Called by the nightly run. Fetching and parsing happen with no transaction open.
It must never drop a row it could not read, nor take the same bytes in twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from payclear.contract.messages import ParsedStatement, StatementEntry, StatementFile, StatementProblem
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.kernel.ids import new_uuid, sha256_hex
from payclear.security.sealed import DataKey, Sealer
from reconciliation.intake import queries
from reconciliation.queries import one
from reconciliation.statements.checks import completeness_problems, unusable_entries

TEXT_LIMIT = 200
BATCH = 20_000


@dataclass(frozen=True, slots=True)
class KeptStatement:
    """A file as it was kept. `is_new` is False when the very bytes were there already."""

    id: UUID
    version: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class StoredLines:
    """What one file gave. Sums are minor units; `problems` counts rows, file problems and failed totals."""

    count: int
    amount: int
    problems: int
    control_count: int | None
    control_sum: int | None
    names_other_account: bool


def keep(uow: UnitOfWork, sealer: Sealer, provider_account: str, file: StatementFile) -> KeptStatement:
    """Keep a file's bytes, sealed, under their digest; the same bytes for the same day are a no-op (F01)."""
    uow.run(queries.LOCK_ACCOUNT, (provider_account,))
    digest = sha256_hex(file.content)
    same = uow.run(queries.SAME_BYTES, (provider_account, file.business_on, digest)).fetchone()
    if same is not None:
        return KeptStatement(same[0], same[1], is_new=False)
    (version,) = one(uow, queries.NEXT_VERSION, (provider_account, file.business_on))
    statement_id, data_key = new_uuid(), sealer.new_data_key()
    sealed = sealer.seal_bytes(
        file.content, data_key=data_key, table="statement", column="content_sealed", row=statement_id
    )
    uow.run(
        queries.KEEP,
        {
            "id": statement_id,
            "provider_account": provider_account,
            "business_on": file.business_on,
            "version": version,
            "sha256": digest,
            "size_bytes": len(file.content),
            "name": storable(file.name),
            "media_type": storable(file.media_type),
            "content_sealed": sealed,
            "data_key_id": data_key.id,
            "kek_id": data_key.kek_id,
            "wrapped_key": data_key.wrapped,
            "fetched_at": uow.now,
        },
    )
    return KeptStatement(statement_id, version, is_new=True)


def read_back(uow: UnitOfWork, sealer: Sealer, statement_id: UUID) -> StatementFile:
    """The file as it was fetched, byte for byte."""
    row = uow.run(queries.CONTENT, (statement_id,)).fetchone()
    assert row is not None, "a run names a statement that is kept"
    business_on, digest, name, media_type, sealed, key_id, kek_id, wrapped = row
    content = sealer.open_bytes(
        sealed,
        data_key=DataKey(key_id, kek_id, wrapped),
        table="statement",
        column="content_sealed",
        row=statement_id,
    )
    assert sha256_hex(content) == digest, "the seal held, so the bytes are those that were hashed"
    return StatementFile(name=name, content=content, media_type=media_type, business_on=business_on)


def parse(line: ProviderLine, file: StatementFile) -> ParsedStatement:
    """Read a file by its adapter; a parser that fails altogether gives one problem for the whole file."""
    try:
        return line.provider.parse_statement(line.account, file)
    except Exception as error:
        problem = StatementProblem(line_no=0, code="parser_failed", detail=type(error).__name__)
        return ParsedStatement(
            entries=(), problems=(problem,), control_count=None, control_sum=None, merchant_account=None
        )


def store(uow: UnitOfWork, line: ProviderLine, statement_id: UUID, parsed: ParsedStatement) -> StoredLines:
    """Store every line and every problem of a parsed file in the caller's transaction."""
    unusable = unusable_entries(parsed.entries)
    rows = _rows(statement_id, line.code, parsed.entries, unusable)
    while _copy_batch(uow, rows):
        pass
    problems = [(problem.line_no, problem.code, problem.detail) for problem in parsed.problems]
    problems += [(parsed.entries[at].line_no, code, "") for at, code in unusable.items()]
    problems += [(problem.line_no, problem.code, problem.detail) for problem in completeness_problems(parsed)]
    kept = [
        (min(max(line_no, 0), 2**31 - 1), storable(code), storable(text)) for line_no, code, text in problems
    ]
    names = parsed.merchant_account
    return StoredLines(
        count=len(parsed.entries) - len(unusable),
        amount=sum(e.amount.amount for at, e in enumerate(parsed.entries) if at not in unusable),
        problems=queries.copy_problems(uow, statement_id, kept),
        control_count=parsed.control_count,
        control_sum=parsed.control_sum.amount if parsed.control_sum else None,
        names_other_account=names is not None and names != line.provider.merchant_account(line.account),
    )


def storable(text: str) -> str:
    """A text as the database can keep it: no NUL, no lone surrogate, not longer than TEXT_LIMIT."""
    return text[:TEXT_LIMIT].replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def another_day_with(uow: UnitOfWork, statement_id: UUID) -> date | None:
    """The other business day whose statement had the very same bytes before, if there is one."""
    found = uow.run(queries.ON_ANOTHER_DAY, (statement_id,)).fetchone()
    return found[0] if found else None


def _copy_batch(uow: UnitOfWork, rows: Iterator[tuple]) -> bool:
    """Copy up to BATCH rows in one statement, so that no statement runs into its time limit."""
    first = next(rows, None)
    if first is None:
        return False
    queries.copy_lines(uow, _take(first, rows))
    return True


def _take(first: tuple, rows: Iterator[tuple]) -> Iterator[tuple]:
    yield first
    for _ in range(BATCH - 1):
        row = next(rows, None)
        if row is None:
            return
        yield row


def _rows(
    statement_id: UUID, provider_account: str, entries: tuple[StatementEntry, ...], unusable: dict[int, str]
) -> Iterator[tuple]:
    for position, entry in enumerate(entries):
        if position in unusable:
            continue
        yield (
            statement_id,
            entry.line_no,
            provider_account,
            storable(entry.attempt_ref),
            storable(entry.provider_ref),
            entry.amount.amount,
            entry.amount.currency,
            entry.outcome.value,
            entry.kind,
            entry.occurred_at,
            storable(entry.occurred_at_raw),
        )
