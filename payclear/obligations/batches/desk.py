"""`payclear decisions`: an operator uploads a file for a portal, and reads how it stands. Commits at its own edge."""

from datetime import date
from pathlib import Path
from typing import Final

from payclear.identity.service import get_portal
from payclear.kernel.ids import parse_public_id, public_id
from payclear.kernel.problems import OperatorProblem
from payclear.obligations.batches import service
from payclear.obligations.batches.domain import FILE_BYTES_MAX, BatchFormat, BatchState, KeyKind, RowResult
from payclear.obligations.batches.records import BatchView, Upload
from payclear.obligations.batches.schemas import message
from payclear.runtime import Runtime

_FORMATS: Final = {".csv": BatchFormat.CSV, ".xlsx": BatchFormat.XLSX, ".json": BatchFormat.JSON}
_ACTOR: Final = "operator"


def upload(
    runtime: Runtime,
    path: Path,
    *,
    portal: str,
    agency: str | None,
    complete_to: date | None,
    keys: tuple[str, ...],
) -> list[str]:
    """Keep a file and take it here and now; lines that say what became of it.

    Raises OperatorProblem, UnknownPortal, UnknownAgency, InvalidCoverage.
    """
    format_ = _FORMATS.get(path.suffix.lower())
    if format_ is None:
        raise OperatorProblem(f"{path} is none of {', '.join(_FORMATS)}.")
    if path.stat().st_size > FILE_BYTES_MAX:
        raise OperatorProblem(f"{path} is larger than {FILE_BYTES_MAX >> 20} MiB: split it.")
    with runtime.database.begin() as uow:
        get_portal(uow, portal)
        sent, is_new = service.receive(
            uow,
            runtime.sealer,
            Upload(
                portal_code=portal,
                by=_ACTOR,
                format=format_,
                content=path.read_bytes(),
                agency_code=agency,
                complete_to=complete_to,
                key_kinds=frozenset(KeyKind(key) for key in keys),
            ),
        )
        uow.commit()
    service.take_batch(runtime, sent.id)
    batch_id = public_id(service.PREFIX, sent.id)
    return [
        f"{batch_id} {'received' if is_new else 'is this very file'}",
        *show(runtime, batch_id, portal=portal),
    ]


def show(runtime: Runtime, batch_id: str, *, portal: str) -> list[str]:
    """How a batch stands, and its refused rows; raises InvalidId, BatchNotFound."""
    row_id = parse_public_id(service.PREFIX, batch_id)
    with runtime.database.begin() as uow:
        batch = service.get(uow, row_id, portal_code=portal)
        rows = []
        if batch.state is BatchState.FINISHED:
            rows = service.results(uow, row_id, portal_code=portal, after=0, most=batch.rows or 0)
    refused = [
        f"row {row.row_no}  {row.decision_no}  {row.column_name}: {message(row.code, 'en')}"
        for row in rows
        if row.code is not None
    ]
    return [_summary(batch), *refused]


def _summary(batch: BatchView) -> str:
    if batch.problem is not None:
        where = f" line {batch.problem_line}" if batch.problem_line else ""
        where += f" column {batch.problem_column}" if batch.problem_column else ""
        return f"unreadable{where}: {message(batch.problem, 'en')}"
    counts = ", ".join(f"{batch.counts.get(result, 0)} {result.value}" for result in RowResult)
    covered = "" if batch.covered is None else f"; complete for {', '.join(batch.covered) or 'no key'}"
    return f"{batch.state.value}, {batch.rows} rows: {counts}{covered}"
