"""The portal API of look-up and clearance. Both are questions: nothing is kept of them but what the trail needs."""

from typing import Final

from flask import Blueprint, request

from payclear.http.operations import Call, Reply, operation
from payclear.http.rate_limits import TooManyRequests
from payclear.identity.domain import Scope
from payclear.lookup import clearance, service
from payclear.lookup.domain import InvalidSubject, read_subject
from payclear.lookup.records import Question
from payclear.lookup.schemas import (
    ClearanceQuerySchema,
    ClearanceSchema,
    LookupAnswerSchema,
    LookupRequest,
    LookupSchema,
    clearance_json,
    lookup_json,
)

blueprint = Blueprint("lookup_api", __name__)

SUBJECT_HEADER: Final = "Clearance-Subject"


@blueprint.post("/lookups")
@operation(
    summary="Look up what is owed",
    about="For a citizen who knows a document's number and the last four digits of the identity number, or the "
    "plate. Names and plates come masked; no offence is known here. A wrong second factor and an unknown number are "
    "the same answer, and wrong tries close a number for a while, for the right factor, too. It is a question, not "
    "a change: it takes no `Idempotency-Key`, and every call is answered afresh.",
    tag="Look-up",
    scope=Scope.LOOKUPS_READ,
    asks=True,
    body=LookupSchema(),
    answers={200: (LookupAnswerSchema(), "What is known.")},
    errors=(TooManyRequests,),
    example={
        "document_no": "0012345/QĐ-XPHC",
        "second_factor": "0001",
        "agency_code": None,
        "document_on": None,
    },
)
def look_up(call: Call) -> Reply:
    """Look up a document with its second factor."""
    asked: LookupRequest = call.data
    question = Question(
        number=asked.document_no,
        factor=asked.second_factor,
        agency_code=asked.agency_code,
        document_on=asked.document_on,
        portal_code=call.caller.portal_code,
        asked_by=call.caller.portal_code,
    )
    results = service.look_up(call.uow, question, sealer=call.runtime.sealer, index=call.runtime.blind_index)
    return Reply(lookup_json(results))


@blueprint.get("/clearance")
@operation(
    summary="Ask whether decisions wait to be paid",
    about="For licence and registration services. The subject stands in the header `Clearance-Subject`, never in the "
    'address: `citizen-id="…"`, `licence-no="…"` or `plate="…";colour="white"` (RFC 9651). `OUTSTANDING`: at least '
    "one decision is not paid, whether its term is over or not, or its payment is being confirmed. `CLEAR` only when "
    "every issuing authority's decisions are here, fresh, and found by this kind of key; else `UNKNOWN` with reasons. "
    "Every question is written into the audit trail with its purpose.",
    tag="Look-up",
    scope=Scope.CLEARANCE_READ,
    query=ClearanceQuerySchema(),
    headers={SUBJECT_HEADER: 'One subject as a dictionary of RFC 9651: `citizen-id="…"`.'},
    answers={200: (ClearanceSchema(), "The answer as of now.")},
    errors=(InvalidSubject, TooManyRequests),
)
def ask_clearance(call: Call) -> Reply:
    """Answer whether a subject has unpaid decisions."""
    answer = clearance.ask(
        call.uow,
        read_subject(request.headers.get(SUBJECT_HEADER)),
        purpose=call.query["purpose"],
        portal_code=call.caller.portal_code,
        key_id=call.caller.key_id,
        index=call.runtime.blind_index,
    )
    return Reply(clearance_json(answer, call.uow.now))
