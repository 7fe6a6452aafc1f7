"""The portal API of obligations: register what is owed, read it with what is due today."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint

from payclear.catalogue.service import (
    BeneficiaryAccountRefused,
    UnknownAgency,
    UnknownBeneficiaryAccount,
    UnknownBudgetCode,
)
from payclear.http.operations import Call, Reply, operation
from payclear.http.schemas import load
from payclear.identity.domain import Scope
from payclear.kernel.clock import vietnam_date
from payclear.kernel.errors import InvalidInput
from payclear.kernel.ids import InvalidId, parse_public_id
from payclear.obligations import claims, elsewhere, notices, service
from payclear.obligations.cancelling import ObligationNotCancellable, cancel
from payclear.obligations.domain import (
    PAYABLE_STATES,
    InvalidDecision,
    InvalidDossierCode,
    ObligationKind,
    ObligationState,
    Quote,
)
from payclear.obligations.fees import quarantine
from payclear.obligations.fees.admission import FEE_ERRORS, admit
from payclear.obligations.fees.explaining import pricing_of
from payclear.obligations.fees.facts import FeePricing
from payclear.obligations.fees.quarantine import QuarantinedDossier
from payclear.obligations.fees.schemas import (
    QUARANTINE_PREFIX,
    QuarantinedDossierSchema,
    quarantined_json,
)
from payclear.obligations.fines.desk import FineNotPayable
from payclear.obligations.fines.serving import note_proof_of
from payclear.obligations.insurance import rules as insurance
from payclear.obligations.insurance.covers import paid_for
from payclear.obligations.insurance.records import (
    ContributionAccountMissing,
    InvalidNotice,
    MonthsInAnotherNotice,
)
from payclear.obligations.obligors import can_be_looked_up
from payclear.obligations.records import (
    DocumentAlreadyRegistered,
    DossierDocument,
    FineDocument,
    ObligationNotFound,
    ObligationNotPayable,
    RegisterObligation,
)
from payclear.obligations.registration import REGISTRATION
from payclear.obligations.rules.dated import RuleAmbiguous, RuleNotInForce
from payclear.obligations.rules.insurance import ContributionInArrears, InvalidContribution
from payclear.obligations.schemas import (
    PREFIX,
    ObligationRequest,
    ObligationSchema,
    PaidElsewhereSchema,
    obligation_json,
)
from payclear.obligations.speaking import AgencyNotOfPortal

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
    "fee": {
        "channel": "online",
        "items": [{"item_code": "P01", "quantity": 1}],
        "declared_total": 150_000,
    },
}


@blueprint.post("/obligations")
@operation(
    summary="Register an obligation",
    about="Registers what one document asks of one person. The same document with the same contents is the "
    "same obligation: it is answered with 200. Other contents for a registered document are a conflict, and so "
    "is a document that another portal registered. A dossier's fee is priced here, by the tariff in force on its filing "
    "date; `pricing` explains each line. A dossier whose code is in no national format is kept for a person: 202.",
    tag="Obligations",
    scope=Scope.OBLIGATIONS_WRITE,
    writes=True,
    body=REGISTRATION,
    answers={
        201: (ObligationSchema(), "Registered."),
        200: (ObligationSchema(), "It was registered before, with the same contents."),
        202: (
            QuarantinedDossierSchema(),
            "The dossier code is odd: kept until a person accepts or refuses it.",
        ),
    },
    errors=(
        UnknownAgency,
        AgencyNotOfPortal,
        UnknownBeneficiaryAccount,
        BeneficiaryAccountRefused,
        UnknownBudgetCode,
        InvalidDossierCode,
        InvalidDecision,
        InvalidInput,
        DocumentAlreadyRegistered,
        InvalidContribution,
        ContributionInArrears,
        InvalidNotice,
        MonthsInAnotherNotice,
        ContributionAccountMissing,
        RuleNotInForce,
        RuleAmbiguous,
        *FEE_ERRORS,
    ),
    example=_EXAMPLE,
)
def register_obligation(call: Call) -> Reply:
    """Register what a document asks."""
    asked: ObligationRequest = call.data
    command = _command(asked, portal_code=call.caller.portal_code)
    if isinstance(command.document, DossierDocument):
        admitted = _admitted(call, command, asked)
        if isinstance(admitted, QuarantinedDossier):
            held = quarantined_json(admitted)
            return Reply(held, 202, location=f"/v1/quarantined-dossiers/{held['id']}")
        command = admitted
    view, is_new = service.register_once(
        call.uow, command, sealer=call.runtime.sealer, index=call.runtime.blind_index
    )
    if not is_new and isinstance(command.document, FineDocument):
        view = note_proof_of(
            call.uow,
            view,
            served_on=command.document.served_on,
            served_method=command.document.served_method,
            portal_code=command.portal_code,
            by=call.caller.key_id,
        )
    body = _shown(call, view)
    return Reply(body, 201 if is_new else 200, location=f"/v1/obligations/{body['id']}")


def command_of(source: Mapping[str, Any], *, portal_code: str) -> RegisterObligation:
    """The command of a body that a portal sent before and that was kept; raises InvalidRequest."""
    return _command(load(REGISTRATION, source), portal_code=portal_code)


def _command(asked: ObligationRequest, *, portal_code: str) -> RegisterObligation:
    return RegisterObligation(
        portal_code=portal_code,
        agency_code=asked.agency_code,
        document=asked.document,
        obligor=asked.obligor,
        lines=asked.lines,
    )


def _admitted(
    call: Call, command: RegisterObligation, asked: ObligationRequest
) -> RegisterObligation | QuarantinedDossier:
    """The command as it may be registered, or the dossier that waits for a person because of its code."""
    assert isinstance(command.document, DossierDocument)
    today = vietnam_date(call.uow.now)
    admit(command, settings=call.runtime.settings.obligations, today=today)
    odd = quarantine.oddity_of(command.document.dossier_code, today)
    if odd is None:
        return command
    accepted = quarantine.accepted(command)
    held = quarantine.hold(
        call.uow, accepted, odd, source=asked.source, today=today, sealer=call.runtime.sealer
    )
    return held if held.obligation_id is None else accepted


@blueprint.get("/obligations/<obligation_id>")
@operation(
    summary="Read an obligation",
    about="With its lines and, while it is open, what is due today. That of another portal is not found.",
    tag="Obligations",
    scope=Scope.OBLIGATIONS_READ,
    answers={200: (ObligationSchema(), "The obligation.")},
    errors=(ObligationNotFound, RuleNotInForce, ContributionAccountMissing),
)
def read_obligation(call: Call, obligation_id: str) -> Reply:
    """Read an obligation with today's quote."""
    view = service.get(call.uow, _row_id(obligation_id), portal_code=call.caller.portal_code)
    return Reply(_shown(call, view))


@blueprint.post("/obligations/<obligation_id>/cancel")
@operation(
    summary="Cancel an obligation",
    about="Withdraws what was registered by mistake, while nobody has paid it and no order collects it: cancel the order "
    "first. The number is free again. A decision is cancelled by a version instead. Again changes nothing.",
    tag="Obligations",
    scope=Scope.OBLIGATIONS_WRITE,
    writes=True,
    answers={200: (ObligationSchema(), "It is cancelled.")},
    errors=(ObligationNotFound, ObligationNotCancellable),
)
def cancel_obligation(call: Call, obligation_id: str) -> Reply:
    """Cancel an obligation."""
    view = cancel(
        call.uow, _row_id(obligation_id), portal_code=call.caller.portal_code, by=call.caller.key_id
    )
    return Reply(_shown(call, view))


@blueprint.post("/obligations/<obligation_id>/paid-elsewhere")
@operation(
    summary="Say that an obligation was paid elsewhere",
    about="In cash at the one-stop desk, by post, at the treasury: with the number of the receipt that was shown. Nobody can "
    "pay it here any more. An open order for it is withdrawn; when somebody is paying it, the order takes no further try, "
    "and money that arrives all the same is kept apart and proposed for refund. Again changes nothing.",
    tag="Obligations",
    scope=Scope.OBLIGATIONS_WRITE,
    writes=True,
    body=PaidElsewhereSchema(),
    example={"proof_ref": "0001234", "paid_on": "2026-11-12"},
    answers={200: (ObligationSchema(), "It is paid elsewhere.")},
    errors=(ObligationNotFound, ObligationNotPayable, FineNotPayable, InvalidInput),
)
def note_paid_elsewhere(call: Call, obligation_id: str) -> Reply:
    """Note a payment elsewhere."""
    view = elsewhere.note_paid_elsewhere(
        call.uow,
        _row_id(obligation_id),
        **call.data,
        portal_code=call.caller.portal_code,
        by=call.caller.key_id,
    )
    return Reply(_shown(call, view))


@blueprint.post("/obligations/<obligation_id>/paid-elsewhere/undo")
@operation(
    summary="Take back that an obligation was paid elsewhere",
    about="It is owed again. What is not said to be paid elsewhere stays as it is.",
    tag="Obligations",
    scope=Scope.OBLIGATIONS_WRITE,
    writes=True,
    answers={200: (ObligationSchema(), "As it stands now.")},
    errors=(ObligationNotFound, MonthsInAnotherNotice),
)
def undo_paid_elsewhere(call: Call, obligation_id: str) -> Reply:
    """Undo a payment elsewhere."""
    view = elsewhere.undo_paid_elsewhere(
        call.uow, _row_id(obligation_id), portal_code=call.caller.portal_code, by=call.caller.key_id
    )
    return Reply(_shown(call, view))


@blueprint.get("/quarantined-dossiers/<quarantine_id>")
@operation(
    summary="Read a dossier with an odd code",
    about="A dossier whose code is in no national format waits for a person. Once accepted, `obligation` names what was "
    "registered; once refused, send the dossier with the right code.",
    tag="Obligations",
    scope=Scope.OBLIGATIONS_READ,
    answers={200: (QuarantinedDossierSchema(), "The dossier as it stands.")},
    errors=(quarantine.DossierNotQuarantined,),
)
def read_quarantined_dossier(call: Call, quarantine_id: str) -> Reply:
    """Read what became of a dossier with an odd code."""
    try:
        row_id = parse_public_id(QUARANTINE_PREFIX, quarantine_id)
    except InvalidId:
        raise quarantine.DossierNotQuarantined("no such dossier") from None
    held = quarantine.get(call.uow, row_id, portal_code=call.caller.portal_code)
    return Reply(quarantined_json(held))


def _row_id(obligation_id: str) -> UUID:
    try:
        return parse_public_id(PREFIX, obligation_id)
    except InvalidId:
        raise ObligationNotFound("no such obligation") from None


def _pricing(call: Call, view: service.ObligationView) -> FeePricing | None:
    return pricing_of(call.uow, view.id) if view.kind is ObligationKind.DOSSIER_FEE else None


def _quote_today(call: Call, view: service.ObligationView) -> Quote | None:
    if view.state not in PAYABLE_STATES:
        return None
    try:
        return service.quote(call.uow, view, for_date=vietnam_date(call.uow.now))
    except InvalidContribution:
        return None  # its months were paid for meanwhile by another notice


def _shown(call: Call, view: service.ObligationView) -> dict[str, Any]:
    """An obligation with today's quote and what its kind tells besides."""
    is_paid_insurance = view.kind in insurance.KINDS and view.state is ObligationState.PAID
    return obligation_json(
        view,
        _quote_today(call, view),
        can_be_looked_up=can_be_looked_up(call.uow, view.id),
        holds_money=view.state in PAYABLE_STATES and claims.holds_money(call.uow, view.id),
        pricing=_pricing(call, view),
        notice=notices.notice_of(call.uow, view.id) if view.kind in notices.KINDS else None,
        paid_for=paid_for(call.uow, view.id) if is_paid_insurance else (),
        proof=elsewhere.proof_of(call.uow, view),
    )
