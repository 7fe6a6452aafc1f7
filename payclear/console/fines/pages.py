"""Fines of which more was paid than their decision asks now: what should go back, and what an officer decides of it."""

from typing import Final
from uuid import UUID

from flask import Blueprint, Response, request

from payclear.console.frame import console_locale, console_page, current_staff, require_role
from payclear.http.html import see_other
from payclear.i18n.texts import translate
from payclear.identity.domain import StaffRole, allows
from payclear.kernel.errors import PayclearError
from payclear.obligations.fines.domain import PAPER_NUMBER_LENGTH_MAX
from payclear.obligations.fines.views import PROPOSALS_SHOWN, open_proposals
from payclear.refunds import proposals as refund_proposals
from payclear.refunds.domain import REASON_LENGTH_MAX
from payclear.runtime import current

blueprint = Blueprint("console_fines", __name__, template_folder="../templates", url_prefix="/console")

PAGE: Final = "/console/fines"


@blueprint.get("/fines")
def proposals() -> Response:
    """Every refund that is proposed or under way, the oldest first."""
    return _page(told=request.args.get("told", "") == "done")


@blueprint.post("/fines/<uuid:proposal_id>")
def decide(proposal_id: UUID) -> Response:
    """Accept a proposal, which asks for its refund, refuse it, or note under which paper the agency gave the money back."""
    require_role(StaffRole.OFFICER)
    runtime, by = current(), current_staff().login
    note = request.form.get("note", "").replace("\x00", "").strip()[:600]
    try:
        with runtime.database.begin() as uow:
            if request.form.get("decision") == "accept":
                refund_proposals.accept(runtime, uow, proposal_id, by=by, note=note)
            elif request.form.get("decision") == "done":
                reference = request.form.get("reference", "")[:200]
                refund_proposals.note_given_back(uow, proposal_id, by=by, reference=reference)
            else:
                refund_proposals.refuse(uow, proposal_id, by=by, note=note)
            uow.commit()
    except PayclearError as refusal:
        return _page(refusal=refusal)
    return see_other(f"{PAGE}?told=done")


def _page(*, told: bool = False, refusal: PayclearError | None = None) -> Response:
    with current().database.begin() as uow:
        rows, as_of = open_proposals(uow), uow.now
    return console_page(
        "console/fines.html",
        status=200 if refusal is None else 422,
        rows=rows,
        most=PROPOSALS_SHOWN,
        as_of=as_of,
        told=told,
        problem="" if refusal is None else translate(f"error.{refusal.code}", console_locale()),
        may_decide=allows(current_staff().roles, StaffRole.OFFICER),
        note_most=REASON_LENGTH_MAX,
        number_most=PAPER_NUMBER_LENGTH_MAX,
    )
