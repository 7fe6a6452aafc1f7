"""Everything in doubt, with its age and what happens next; an officer may have a provider asked at once."""

from typing import Final

from flask import Blueprint, Response, request

from payclear.audit.service import record
from payclear.console.doubt import queries
from payclear.console.doubt.domain import BEGINNING, AgeBand, DoubtKind, Place, may_ask_now, next_step
from payclear.console.frame import console_page, current_staff, names_of_accounts, require_role
from payclear.db.uow import UnitOfWork
from payclear.gateway.health import snapshot
from payclear.http.html import see_other
from payclear.identity.domain import StaffRole, allows
from payclear.jobs.queue import wake
from payclear.kernel.errors import NotFound
from payclear.kernel.money import sum_money
from payclear.orders.inquiry import bring_forward
from payclear.orders.service import get_attempt_by_ref, get_by_id
from payclear.refunds.service import find_refund, put_off
from payclear.runtime import current

blueprint = Blueprint("console_doubt", __name__, template_folder="../templates", url_prefix="/console")

PAGE_ROWS: Final = 50


class NothingInDoubt(NotFound):
    """No attempt or refund of this reference."""

    code = "nothing_in_doubt"


@blueprint.get("/doubt")
def doubt() -> Response:
    """What is in doubt, oldest first, with sums by account and age."""
    runtime = current()
    kind = _kind(request.args.get("kind", ""))
    account = request.args.get("account", "").replace("\x00", "")[:100] or None
    after = _place(request.args.get("after", ""))
    with runtime.database.begin() as uow:
        rows = queries.entries(uow, kind=kind, account=account, after=after, limit=PAGE_ROWS + 1)
        totals = queries.totals(uow)
        health = snapshot(runtime, uow)
        as_of = uow.now
    lines = {line.code: line for line in runtime.providers}
    shown = [
        (
            row,
            next_step(row, lines.get(row.provider_account)),
            may_ask_now(row, lines.get(row.provider_account)),
        )
        for row in rows[:PAGE_ROWS]
    ]
    return console_page(
        "console/doubt.html",
        rows=shown,
        more=str(rows[PAGE_ROWS - 1].place) if len(rows) > PAGE_ROWS else "",
        is_first=after == BEGINNING,
        totals=totals,
        sum_of_totals=sum_money(total.money for total in totals),
        bands=tuple(AgeBand),
        health=health,
        kinds=tuple(DoubtKind),
        kind=kind,
        account=account,
        accounts=sorted({*lines, *(total.provider_account for total in totals)}),
        names=names_of_accounts(runtime),
        may_ask=allows(current_staff().roles, StaffRole.OFFICER),
        told=request.args.get("told", ""),
        as_of=as_of,
    )


@blueprint.post("/doubt/ask")
def ask() -> Response:
    """Have the provider asked at once about one attempt or refund; who asked is on record."""
    require_role(StaffRole.OFFICER)
    runtime = current()
    ref = request.form.get("ref", "").replace("\x00", "")[:40]
    with runtime.database.begin() as uow:
        if request.form.get("kind") == DoubtKind.REFUND:
            order_ref, asked = _ask_about_refund(uow, ref)
        else:
            order_ref, asked = _ask_about_attempt(uow, ref)
        if asked:
            record(
                uow,
                actor_type="staff",
                actor=current_staff().login,
                action="provider.asked_now",
                object_type="payment_order",
                object_id=order_ref,
                facts={"ref": ref},
            )
        uow.commit()
    return see_other(f"/console/doubt?told={'asked' if asked else 'not_asked'}")


def _ask_about_attempt(uow: UnitOfWork, ref: str) -> tuple[str, bool]:
    try:
        attempt = get_attempt_by_ref(uow, ref)
    except LookupError:
        raise NothingInDoubt("no such attempt") from None
    return get_by_id(uow, attempt.order_id).order_ref, bring_forward(uow, attempt)


def _ask_about_refund(uow: UnitOfWork, ref: str) -> tuple[str, bool]:
    refund = find_refund(uow, ref)
    if refund is None:
        raise NothingInDoubt("no such refund")
    if refund.next_query_at is None or refund.next_query_at <= uow.now:
        return refund.order_ref, False
    put_off(uow, refund.id, until=uow.now)
    wake(uow, "refunds.query_due")
    return refund.order_ref, True


def _kind(text: str) -> DoubtKind | None:
    return DoubtKind(text) if text in set(DoubtKind) else None


def _place(text: str) -> Place:
    try:
        return Place.read(text) if text else BEGINNING
    except ValueError:
        return BEGINNING  # a made-up place is the beginning
