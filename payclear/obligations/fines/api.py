"""The portal API of a fine's history: versions, shelters, instalments, and the quote of any day."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint

from payclear.http.operations import Call, Reply, operation
from payclear.identity.domain import Scope
from payclear.kernel.clock import vietnam_date
from payclear.kernel.errors import InvalidInput
from payclear.kernel.ids import InvalidId, parse_public_id
from payclear.kernel.states import IllegalTransition
from payclear.obligations import service
from payclear.obligations.domain import InvalidDecision
from payclear.obligations.fines import desk as fine_desk
from payclear.obligations.fines.desk import FineNotPayable, InvalidShelter, NotAFine
from payclear.obligations.fines.schemas import (
    CloseShelterSchema,
    FineSchema,
    OpenShelterSchema,
    PapersReturnedSchema,
    PlanDatesSchema,
    PlanSchema,
    ProposedPlanSchema,
    QuoteQuerySchema,
    ServedSchema,
    VersionSchema,
    fine_json,
    parts_json,
)
from payclear.obligations.fines.serving import note_served
from payclear.obligations.fines.views import view_fine
from payclear.obligations.records import ObligationNotFound, ObligationView
from payclear.obligations.rules.corrections import InvalidCorrection
from payclear.obligations.rules.dated import RuleAmbiguous, RuleNotInForce
from payclear.obligations.rules.instalments import InvalidInstalmentPlan
from payclear.obligations.schemas import PREFIX, QuoteSchema, quote_json

blueprint = Blueprint("fines_api", __name__)

_TAG = "Fines"
_ANSWERS = {200: (FineSchema(), "The fine as it stands now.")}
_ERRORS = (
    ObligationNotFound,
    NotAFine,
    InvalidInput,
    IllegalTransition,
    RuleNotInForce,
    RuleAmbiguous,
)


@blueprint.get("/obligations/<obligation_id>/fine")
@operation(
    summary="Read the history of a fine",
    about="Versions of the decision, what happened to it, where it stands today and what comes next.",
    tag=_TAG,
    scope=Scope.OBLIGATIONS_READ,
    answers=_ANSWERS,
    errors=(ObligationNotFound, NotAFine, RuleNotInForce),
)
def read_fine(call: Call, obligation_id: str) -> Reply:
    """Read a fine with its history."""
    return _answer(call, _own(call, obligation_id))


@blueprint.get("/obligations/<obligation_id>/quote")
@operation(
    summary="Quote an obligation for a day",
    about="What is, was or will be due on a day, as it is known now or was known at an instant; the same question has "
    "the same answer whenever it is asked.",
    tag="Obligations",
    scope=Scope.OBLIGATIONS_READ,
    query=QuoteQuerySchema(),
    answers={200: (QuoteSchema(), "The quote.")},
    errors=(ObligationNotFound, InvalidInput, RuleNotInForce),
)
def quote_obligation(call: Call, obligation_id: str) -> Reply:
    """Quote for a day."""
    view = _own(call, obligation_id)
    for_date = call.query["for_date"] or vietnam_date(call.uow.now)
    as_of = call.query["as_of"]
    if as_of is None:
        return Reply(quote_json(service.quote(call.uow, view, for_date=for_date)))
    if as_of < view.created_at:
        raise InvalidInput("nothing was known of it then", field="as_of")
    return Reply(quote_json(service.quote_as_of(call.uow, view, for_date=for_date, as_of=as_of)))


@blueprint.post("/obligations/<obligation_id>/versions")
@operation(
    summary="Correct, reduce, replace or cancel a decision",
    about="Adds a version. What was paid stays paid: when the new version asks for more the rest is payable, when it asks "
    "for less a refund is proposed. An open order for the fine is withdrawn; while somebody pays it, it only takes no "
    "further try. The same version again changes nothing.",
    tag=_TAG,
    scope=Scope.OBLIGATIONS_WRITE,
    writes=True,
    body=VersionSchema(),
    example={
        "kind": "reduced",
        "decision_no": "0012399/QĐ-SĐ",
        "decided_on": "2026-11-10",
        "amount": 600_000,
    },
    answers=_ANSWERS,
    errors=(*_ERRORS, InvalidCorrection, InvalidDecision),
)
def add_fine_version(call: Call, obligation_id: str) -> Reply:
    """Add a version."""
    tools: dict[str, Any] = {"sealer": call.runtime.sealer, "index": call.runtime.blind_index}
    return _change(
        call, obligation_id, lambda id_, own: fine_desk.add_version(call.uow, id_, call.data, **own, **tools)
    )


@blueprint.post("/obligations/<obligation_id>/served")
@operation(
    summary="Add the proof of service of a decision",
    about="For a decision that was registered without it. Its term and surcharge follow the day of service from now on; "
    "an open order for the fine is withdrawn. The same proof again changes nothing. Registering the decision again with "
    "its day of service does the same.",
    tag=_TAG,
    scope=Scope.OBLIGATIONS_WRITE,
    writes=True,
    body=ServedSchema(),
    example={"served_on": "2026-11-12", "served_method": "handed"},
    answers=_ANSWERS,
    errors=(*_ERRORS, InvalidDecision, FineNotPayable),
)
def note_fine_served(call: Call, obligation_id: str) -> Reply:
    """Note the proof of service."""
    return _change(call, obligation_id, lambda id_, own: note_served(call.uow, id_, **call.data, **own))


@blueprint.post("/obligations/<obligation_id>/shelters")
@operation(
    summary="Say that no surcharge runs",
    about="From a day on: the decision was deferred, or a reduction was asked for.",
    tag=_TAG,
    scope=Scope.OBLIGATIONS_WRITE,
    writes=True,
    body=OpenShelterSchema(),
    example={"ref": "45/QĐ-HTH", "kind": "deferral", "on": "2026-11-12"},
    answers=_ANSWERS,
    errors=(*_ERRORS, FineNotPayable, InvalidShelter),
)
def open_fine_shelter(call: Call, obligation_id: str) -> Reply:
    """Open a shelter."""
    return _change(
        call,
        obligation_id,
        lambda id_, own: fine_desk.open_shelter(call.uow, id_, **call.data, **own),
    )


@blueprint.post("/obligations/<obligation_id>/shelters/close")
@operation(
    summary="Say that surcharge runs again",
    tag=_TAG,
    scope=Scope.OBLIGATIONS_WRITE,
    writes=True,
    body=CloseShelterSchema(),
    example={"ref": "45/QĐ-HTH", "on": "2026-12-12"},
    answers=_ANSWERS,
    errors=(*_ERRORS, InvalidShelter),
)
def close_fine_shelter(call: Call, obligation_id: str) -> Reply:
    """Close a shelter."""
    return _change(
        call,
        obligation_id,
        lambda id_, own: fine_desk.close_shelter(call.uow, id_, **call.data, **own),
    )


@blueprint.post("/obligations/<obligation_id>/instalment-plan/proposal")
@operation(
    summary="Propose instalments",
    about="Splits what is unpaid over dates as the law would allow it; nothing is written.",
    tag=_TAG,
    scope=Scope.OBLIGATIONS_WRITE,
    writes=True,
    body=PlanDatesSchema(),
    example={"due_on": ["2026-11-30", "2026-12-31", "2027-01-31"]},
    answers={200: (ProposedPlanSchema(), "The parts.")},
    errors=(*_ERRORS, FineNotPayable, InvalidInstalmentPlan),
)
def propose_fine_plan(call: Call, obligation_id: str) -> Reply:
    """Propose a plan."""
    fine = _own(call, obligation_id)
    return Reply(parts_json(fine_desk.propose_instalments(call.uow, fine, call.data)))


@blueprint.post("/obligations/<obligation_id>/instalment-plan")
@operation(
    summary="Grant instalments",
    about="Writes the plan that a decision granted when the law allows it. Each part is then ordered by its number.",
    tag=_TAG,
    scope=Scope.OBLIGATIONS_WRITE,
    writes=True,
    body=PlanSchema(),
    example={
        "decision_ref": "12/QĐ-NNL",
        "granted_on": "2026-11-12",
        "instalments": [
            {"due_on": "2026-11-30", "amount": 8_000_000},
            {"due_on": "2026-12-31", "amount": 12_000_000},
        ],
    },
    answers=_ANSWERS,
    errors=(*_ERRORS, FineNotPayable, InvalidInstalmentPlan),
)
def grant_fine_plan(call: Call, obligation_id: str) -> Reply:
    """Grant a plan."""
    return _change(
        call, obligation_id, lambda id_, own: fine_desk.grant_plan(call.uow, id_, call.data, **own)
    )


@blueprint.post("/obligations/<obligation_id>/papers-returned")
@operation(
    summary="Say that withheld papers were given back",
    tag=_TAG,
    scope=Scope.OBLIGATIONS_WRITE,
    writes=True,
    body=PapersReturnedSchema(),
    example={"on": "2026-11-20"},
    answers=_ANSWERS,
    errors=_ERRORS,
)
def note_fine_papers_returned(call: Call, obligation_id: str) -> Reply:
    """Note that papers were returned."""
    return _change(
        call,
        obligation_id,
        lambda id_, own: fine_desk.note_papers_returned(call.uow, id_, **call.data, **own),
    )


def _change(call: Call, obligation_id: str, act: Callable[[UUID, dict[str, Any]], ObligationView]) -> Reply:
    own: dict[str, Any] = {"portal_code": call.caller.portal_code, "by": call.caller.key_id}
    return _answer(call, act(_id(obligation_id), own))


def _answer(call: Call, view: ObligationView) -> Reply:
    if view.fine is None:
        raise NotAFine("only a fine has a history", kind=view.kind.value)
    return Reply(fine_json(view_fine(call.uow, view)))


def _own(call: Call, obligation_id: str) -> ObligationView:
    return service.get(call.uow, _id(obligation_id), portal_code=call.caller.portal_code)


def _id(obligation_id: str) -> UUID:
    try:
        return parse_public_id(PREFIX, obligation_id)
    except InvalidId:
        raise ObligationNotFound("no such obligation") from None
