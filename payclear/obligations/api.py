"""The portal API of obligations: register what is owed, read it with what is due today."""

from flask import Blueprint

from payclear.catalogue.service import RateNotInForce, UnknownAgency, UnknownBeneficiaryAccount
from payclear.http.operations import Call, Reply, operation
from payclear.identity.domain import Scope
from payclear.kernel.clock import vietnam_date
from payclear.kernel.errors import InvalidInput
from payclear.kernel.ids import InvalidId, parse_public_id
from payclear.obligations import service
from payclear.obligations.domain import InvalidDecision, InvalidDossierCode, ObligationState, Quote
from payclear.obligations.records import DocumentAlreadyRegistered, ObligationNotFound, RegisterObligation
from payclear.obligations.schemas import (
    PREFIX,
    REGISTRATION,
    ObligationRequest,
    ObligationSchema,
    obligation_json,
)

blueprint = Blueprint("obligations_api", __name__)

_EXAMPLE = {
    "kind": "dossier_fee",
    "agency_code": "H00.14",
    "document": {
        "dossier_code": "H00.14-261121-0007",
        "procedure_code": "1.009999",
        "filed_on": "2026-11-21",
    },
    "obligor": {"name": "NGUYỄN VĂN MẪU", "citizen_id": "000000000001"},
    "lines": [
        {
            "type": "fee_phi",
            "name": "Phí mẫu",
            "amount": 150_000,
            "beneficiary_account": "TK-H00-PHI",
            "chapter": "000",
            "sub_item": "0000",
        }
    ],
    "currency": "VND",
}


@blueprint.post("/obligations")
@operation(
    summary="Register an obligation",
    about="Registers what one document asks of one person. The same document with the same contents is the "
    "same obligation: it is answered with 200. Other contents for a registered document are a conflict, and so "
    "is a document that another portal registered.",
    tag="Obligations",
    scope=Scope.OBLIGATIONS_WRITE,
    writes=True,
    body=REGISTRATION,
    answers={
        201: (ObligationSchema(), "Registered."),
        200: (ObligationSchema(), "It was registered before, with the same contents."),
    },
    errors=(
        UnknownAgency,
        UnknownBeneficiaryAccount,
        InvalidDossierCode,
        InvalidDecision,
        InvalidInput,
        DocumentAlreadyRegistered,
        RateNotInForce,
    ),
    example=_EXAMPLE,
)
def register_obligation(call: Call) -> Reply:
    """Register what a document asks."""
    asked: ObligationRequest = call.data
    command = RegisterObligation(
        portal_code=call.caller.portal_code,
        agency_code=asked.agency_code,
        document=asked.document,
        obligor_name=asked.obligor_name,
        obligor_id_no=asked.obligor_id_no,
        lines=asked.lines,
    )
    view, is_new = service.register_once(
        call.uow, command, sealer=call.runtime.sealer, index=call.runtime.blind_index
    )
    body = obligation_json(view, _quote_today(call, view))
    return Reply(body, 201 if is_new else 200, location=f"/v1/obligations/{body['id']}")


@blueprint.get("/obligations/<obligation_id>")
@operation(
    summary="Read an obligation",
    about="With its lines and, while it is open, what is due today. That of another portal is not found.",
    tag="Obligations",
    scope=Scope.OBLIGATIONS_READ,
    answers={200: (ObligationSchema(), "The obligation.")},
    errors=(ObligationNotFound, RateNotInForce),
)
def read_obligation(call: Call, obligation_id: str) -> Reply:
    """Read an obligation with today's quote."""
    try:
        row_id = parse_public_id(PREFIX, obligation_id)
    except InvalidId:
        raise ObligationNotFound("no such obligation") from None
    view = service.get(call.uow, row_id, portal_code=call.caller.portal_code)
    return Reply(obligation_json(view, _quote_today(call, view)))


def _quote_today(call: Call, view: service.ObligationView) -> Quote | None:
    if view.state is not ObligationState.OPEN:
        return None
    return service.quote(call.uow, view, for_date=vietnam_date(call.uow.now))
