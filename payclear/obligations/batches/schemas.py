"""What portals send and get about batches, for `obligations.batches.api` only; it never reads the database."""

from typing import Any, Final

from marshmallow import ValidationError, post_load, validates

from payclear.http.schemas import (
    Day,
    Instant,
    Items,
    OneOf,
    Part,
    PublicId,
    StrictSchema,
    Text,
    ViewSchema,
    Whole,
    instant_json,
)
from payclear.i18n.texts import translate
from payclear.kernel.ids import public_id
from payclear.obligations.batches.domain import ROWS_MAX, BatchFormat, BatchState, KeyKind, RowResult
from payclear.obligations.batches.records import BatchView, ResultRow
from payclear.obligations.batches.service import PREFIX
from payclear.obligations.schemas import PREFIX as OBLIGATION_PREFIX

PAGE: Final = 1_000


class UploadQuery(StrictSchema):
    """What the authority says of the file as a whole. No personal data here: addresses are logged."""

    agency_code = Text(
        most=40,
        pattern=r"[A-Za-z0-9][A-Za-z0-9.\-]*",
        load_default=None,
        about="The authority, for rows that name none.",
        example="A00.01",
    )
    complete_to = Day(
        load_default=None,
        about="The authority's uploads are complete up to this day, this file included. Needs `agency_code` and `key_kinds`.",
    )
    key_kinds = Text(
        most=40,
        pattern=r"[a-z_]+(,[a-z_]+)*",
        load_default="",
        about="By which keys every decision can be found: of `id_no`, `licence_no`, `plate`, with commas.",
        example="id_no,plate",
    )

    @validates("key_kinds")
    def _known(self, value: str, data_key: str) -> None:
        if value and not set(value.split(",")) <= set(KeyKind):
            raise ValidationError(f"not_one_of|{', '.join(KeyKind)}")

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        named = data["key_kinds"].split(",") if data["key_kinds"] else []
        return data | {"key_kinds": frozenset(KeyKind(each) for each in named)}


class ResultsQuery(StrictSchema):
    """Which results."""

    after = Text(
        most=9, pattern="[0-9]+", load_default="0", about="Only rows behind this number.", example="1000"
    )


class CountsSchema(ViewSchema):
    """How many rows had which result so far."""

    registered = Whole(least=0, most=ROWS_MAX, about="New decisions.")
    unchanged = Whole(least=0, most=ROWS_MAX, about="Known already, with the same facts.")
    version = Whole(
        least=0, most=ROWS_MAX, about="Corrections, replacements, cancellations of known decisions."
    )
    refused = Whole(least=0, most=ROWS_MAX, about="Not taken; the results say why.")


class RowProblemSchema(ViewSchema):
    """Why no row of the file was taken."""

    code = Text(most=60)
    line = Whole(least=0, most=2**31 - 1, about="The line or row; 0 when none is to blame.")
    column = Text(most=60, least=0, about="The column's letter, or the name of one that is missing.")
    message_vi = Text(most=500)
    message_en = Text(most=500)


class BatchSchema(ViewSchema):
    """An uploaded batch and how far it was taken."""

    id = PublicId(PREFIX)
    status = OneOf(BatchState)
    format = OneOf(BatchFormat)
    sha256 = Text(most=64, least=64)
    size_bytes = Whole(least=0, most=2**31 - 1)
    agency_code = Text(most=40, allow_none=True)
    complete_to = Day(allow_none=True)
    key_kinds = Items(OneOf(KeyKind), least=0, most=3)
    rows = Whole(least=0, most=ROWS_MAX, allow_none=True, about="Known once the file was read.")
    results = Part(CountsSchema())
    problem = Part(RowProblemSchema(), allow_none=True, about="Only of an unreadable batch.")
    covered = Items(
        OneOf(KeyKind),
        least=0,
        most=3,
        allow_none=True,
        about="The keys for which `complete_to` was believed; null until the batch is finished.",
    )
    received_at = Instant()
    finished_at = Instant(allow_none=True)


class ResultSchema(ViewSchema):
    """What became of one row."""

    row = Whole(
        least=1, most=2**31 - 1, about="The row's number as a spreadsheet shows it; of an array, from 1."
    )
    decision_no = Text(most=60, least=0)
    result = OneOf(RowResult)
    column = Text(most=40, allow_none=True)
    code = Text(most=60, allow_none=True)
    message_vi = Text(most=500, allow_none=True)
    message_en = Text(most=500, allow_none=True)
    obligation = PublicId(OBLIGATION_PREFIX, allow_none=True)


class ResultsSchema(ViewSchema):
    """Results in the order of the rows, at most a thousand."""

    results = Items(Part(ResultSchema()), least=0, most=PAGE)
    next_after = Text(most=9, allow_none=True, about="Ask on with this; null at the end.")


class ResultsFileSchema(ViewSchema):
    """The results as CSV: UTF-8 with a byte-order mark, a line a row."""


def batch_json(view: BatchView) -> dict[str, Any]:
    """A batch as `BatchSchema` describes it."""
    return {
        "id": public_id(PREFIX, view.id),
        "status": view.state.value,
        "format": view.format.value,
        "sha256": view.sha256,
        "size_bytes": view.size_bytes,
        "agency_code": view.agency_code,
        "complete_to": view.complete_to.isoformat() if view.complete_to else None,
        "key_kinds": list(view.key_kinds),
        "rows": view.rows,
        "results": {result.value: view.counts.get(result, 0) for result in RowResult},
        "problem": _problem_json(view) if view.problem else None,
        "covered": list(view.covered) if view.covered is not None else None,
        "received_at": instant_json(view.received_at),
        "finished_at": instant_json(view.finished_at) if view.finished_at else None,
    }


def results_json(rows: list[ResultRow], *, has_more: bool) -> dict[str, Any]:
    """Results as `ResultsSchema` describes them."""
    return {
        "results": [_result_json(row) for row in rows],
        "next_after": str(rows[-1].row_no) if has_more else None,
    }


def message(code: str, locale: str) -> str:
    """Why a row or a file was refused, in plain words."""
    return translate(f"batches.{code}", locale)


def _problem_json(view: BatchView) -> dict[str, Any]:
    assert view.problem is not None
    return {
        "code": view.problem,
        "line": view.problem_line or 0,
        "column": view.problem_column or "",
        "message_vi": message(view.problem, "vi"),
        "message_en": message(view.problem, "en"),
    }


def _result_json(row: ResultRow) -> dict[str, Any]:
    return {
        "row": row.row_no,
        "decision_no": row.decision_no,
        "result": row.result,
        "column": row.column_name,
        "code": row.code,
        "message_vi": message(row.code, "vi") if row.code else None,
        "message_en": message(row.code, "en") if row.code else None,
        "obligation": public_id(OBLIGATION_PREFIX, row.obligation_id) if row.obligation_id else None,
    }
