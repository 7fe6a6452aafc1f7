"""Fees that need a person: dossiers with odd codes, and prices other than the catalogue's, which two people set."""

from typing import Final
from uuid import UUID

from flask import Blueprint, Response, request

from payclear.console.frame import console_locale, console_page, current_staff, require_role
from payclear.db.uow import UnitOfWork
from payclear.http.html import see_other
from payclear.i18n.texts import translate
from payclear.identity.domain import StaffRole, allows
from payclear.kernel.errors import PayclearError
from payclear.kernel.money import Money, parse_amount
from payclear.obligations import service as obligations
from payclear.obligations.api import command_of
from payclear.obligations.domain import ObligationKind, ObligationState
from payclear.obligations.fees import overrides, quarantine
from payclear.obligations.fees.explaining import pricings
from payclear.orders.service import live_order_of
from payclear.runtime import Runtime, current

blueprint = Blueprint("console_fees", __name__, template_folder="../templates", url_prefix="/console")

PAGE: Final = "/console/fees"


@blueprint.get("/fees")
def fees() -> Response:
    """What waits for a decision, and a fee found by its dossier code."""
    code = request.args.get("code", "").replace("\x00", "").strip()[:80]
    return _page(code=code, told=request.args.get("told", "") == "done")


@blueprint.post("/fees/quarantine/<uuid:quarantine_id>")
def decide_quarantined(quarantine_id: UUID) -> Response:
    """Accept a dossier's code, which registers what is owed, or refuse it."""
    require_role(StaffRole.OFFICER)
    runtime = current()
    note, by = _field("note"), current_staff().login
    try:
        with runtime.database.begin() as uow:
            if request.form.get("decision") == "accept":
                _accept(runtime, uow, quarantine_id, by=by, note=note)
            else:
                quarantine.decide(uow, quarantine_id, "refused", by=by, note=note)
            uow.commit()
    except PayclearError as refusal:
        return _page(refusal=refusal)
    return see_other(f"{PAGE}?told=done")


@blueprint.post("/fees/overrides")
def propose_override() -> Response:
    """Propose another price for a line of a fee."""
    require_role(StaffRole.OFFICER)
    runtime = current()
    try:
        with runtime.database.begin() as uow:
            overrides.propose(
                uow,
                obligation_id=_uuid(_field("obligation")),
                line_no=int(_field("line")) if _field("line").isdecimal() else 0,
                amount=Money(parse_amount(_field("amount").replace(".", ""))),
                reason=_field("reason"),
                by=current_staff().login,
                is_ordered=_is_ordered,
            )
            uow.commit()
    except PayclearError as refusal:
        return _page(refusal=refusal, code=_field("code"))
    return see_other(f"{PAGE}?told=done")


@blueprint.post("/fees/overrides/<uuid:override_id>")
def decide_override(override_id: UUID) -> Response:
    """Approve or refuse what another officer proposed."""
    require_role(StaffRole.OFFICER)
    runtime = current()
    event = "approved" if request.form.get("decision") == "approve" else "refused"
    try:
        with runtime.database.begin() as uow:
            overrides.decide(
                uow,
                override_id,
                event,
                by=current_staff().login,
                note=_field("note"),
                is_ordered=_is_ordered,
            )
            uow.commit()
    except PayclearError as refusal:
        return _page(refusal=refusal)
    return see_other(f"{PAGE}?told=done")


def _accept(runtime: Runtime, uow: UnitOfWork, quarantine_id: UUID, *, by: str, note: str) -> None:
    held = quarantine.get(uow, quarantine_id)
    source = quarantine.open_source(uow, quarantine_id, sealer=runtime.sealer)
    command = quarantine.accepted(command_of(source, portal_code=held.portal_code))
    made = obligations.register(uow, command, sealer=runtime.sealer, index=runtime.blind_index)
    quarantine.decide(uow, quarantine_id, "accepted", by=by, note=note, obligation_id=made.id)


def _is_ordered(uow: UnitOfWork, obligation_id: UUID) -> bool:
    return live_order_of(uow, obligation_id) is not None


def _page(*, code: str = "", told: bool = False, refusal: PayclearError | None = None) -> Response:
    with current().database.begin() as uow:
        found = [
            each
            for each in (obligations.find_by_number(uow, code) if code else [])
            if each.kind is ObligationKind.DOSSIER_FEE
        ]
        context = {
            "held": quarantine.newest(uow),
            "proposed": overrides.newest(uow),
            "found": found,
            "pricings": pricings(uow, [each.id for each in found]),
            "as_of": uow.now,
        }
    problem = "" if refusal is None else translate(f"error.{refusal.code}", console_locale())
    return console_page(
        "console/fees.html",
        status=200 if refusal is None else 422,
        code=code,
        told=told,
        problem=problem,
        may_decide=allows(current_staff().roles, StaffRole.OFFICER),
        me=current_staff().login,
        open_state=ObligationState.OPEN,
        **context,
    )


def _field(name: str) -> str:
    return request.form.get(name, "").replace("\x00", "").strip()[:600]


def _uuid(written: str) -> UUID:
    try:
        return UUID(written)
    except ValueError:
        raise overrides.FeeNotChangeable("no such fee", reason="no_fee") from None
