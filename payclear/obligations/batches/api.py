"""The portal API of batches: upload decisions by the file, follow it, read what became of every row."""

from uuid import UUID

from flask import Blueprint

from payclear.catalogue.service import UnknownAgency
from payclear.http.operations import Call, FileBody, Reply, operation
from payclear.identity.domain import Scope
from payclear.kernel.ids import InvalidId, parse_public_id
from payclear.obligations.batches import service
from payclear.obligations.batches.domain import FILE_BYTES_MAX, ROWS_MAX, BatchFormat
from payclear.obligations.batches.records import BatchNotFinished, BatchNotFound, InvalidCoverage, Upload
from payclear.obligations.batches.result_file import MEDIA_TYPE, csv_bytes
from payclear.obligations.batches.schemas import (
    PAGE,
    BatchSchema,
    ResultsFileSchema,
    ResultsQuery,
    ResultsSchema,
    UploadQuery,
    batch_json,
    results_json,
)
from payclear.obligations.speaking import AgencyNotOfPortal

blueprint = Blueprint("decision_batches_api", __name__)

_FILE = FileBody(
    kinds={
        "text/csv": BatchFormat.CSV,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": BatchFormat.XLSX,
        "application/json": BatchFormat.JSON,
    },
    bytes_max=FILE_BYTES_MAX,
)


@blueprint.post("/decision-batches")
@operation(
    summary="Upload decisions by the file",
    about="Takes up to 20,000 fine decisions as CSV, XLSX or a JSON array. The file is kept and read in the background; "
    "follow the batch until it is `finished`. The same bytes again are the same batch, and a decision that is there "
    "already with the same facts is `unchanged`: send again whatever you are not sure of. The offence is not asked for, "
    "and a file with a column that names it is refused.",
    tag="Decision batches",
    scope=Scope.OBLIGATIONS_WRITE,
    writes=True,
    file=_FILE,
    query=UploadQuery(),
    answers={202: (BatchSchema(), "Kept; a worker takes it.")},
    errors=(UnknownAgency, AgencyNotOfPortal, InvalidCoverage),
)
def upload_decisions(call: Call) -> Reply:
    """Keep a file of decisions."""
    upload = Upload(
        portal_code=call.caller.portal_code,
        by=call.caller.key_id,
        format=BatchFormat(call.data.kind),
        content=call.data.content,
        **call.query,
    )
    view, _ = service.receive(call.uow, call.runtime.sealer, upload)
    body = batch_json(view)
    return Reply(body, 202, location=f"/v1/decision-batches/{body['id']}")


@blueprint.get("/decision-batches/<batch_id>")
@operation(
    summary="Follow a batch",
    about="How many rows were taken so far, with which results. That of another portal is not found.",
    tag="Decision batches",
    scope=Scope.OBLIGATIONS_READ,
    answers={200: (BatchSchema(), "The batch.")},
    errors=(BatchNotFound,),
)
def read_batch(call: Call, batch_id: str) -> Reply:
    """Read a batch."""
    view = service.get(call.uow, _row_id(batch_id), portal_code=call.caller.portal_code)
    return Reply(batch_json(view))


@blueprint.get("/decision-batches/<batch_id>/results")
@operation(
    summary="Results as CSV",
    about="One line for every row of the file, in its order: number, decision, result, and in both languages why it was "
    "refused.",
    tag="Decision batches",
    scope=Scope.OBLIGATIONS_READ,
    answers={200: (ResultsFileSchema(), "The file.")},
    errors=(BatchNotFound, BatchNotFinished),
    answers_with=MEDIA_TYPE,
)
def read_results_file(call: Call, batch_id: str) -> Reply:
    """Write the results as CSV."""
    rows = service.results(
        call.uow, _row_id(batch_id), portal_code=call.caller.portal_code, after=0, most=ROWS_MAX
    )
    return Reply(csv_bytes(rows))


@blueprint.get("/decision-batches/<batch_id>/results.json")
@operation(
    summary="Results as JSON",
    about="The same, a thousand at a time.",
    tag="Decision batches",
    scope=Scope.OBLIGATIONS_READ,
    query=ResultsQuery(),
    answers={200: (ResultsSchema(), "A page of results.")},
    errors=(BatchNotFound, BatchNotFinished),
)
def read_results(call: Call, batch_id: str) -> Reply:
    """Read a page of results."""
    after = int(call.query["after"])
    rows = service.results(
        call.uow, _row_id(batch_id), portal_code=call.caller.portal_code, after=after, most=PAGE + 1
    )
    return Reply(results_json(rows[:PAGE], has_more=len(rows) > PAGE))


def _row_id(batch_id: str) -> UUID:
    try:
        return parse_public_id(service.PREFIX, batch_id)
    except InvalidId:
        raise BatchNotFound("no such batch") from None
