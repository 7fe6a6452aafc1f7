"""What citizens' pages say at their head: an officer puts a banner up for a time, and takes it down."""

from datetime import datetime
from typing import Final
from uuid import UUID

from flask import Blueprint, Response, request

from payclear.banners.domain import TEXT_LENGTH_MAX, BannerRefused
from payclear.banners.service import newest, put_up, take_down
from payclear.console.frame import console_locale, console_page, current_staff, require_role
from payclear.http.html import see_other
from payclear.i18n.texts import translate
from payclear.identity.domain import StaffRole, allows
from payclear.kernel.clock import at_vietnam
from payclear.kernel.errors import PayclearError
from payclear.runtime import current

blueprint = Blueprint("console_banners", __name__, template_folder="../templates", url_prefix="/console")

PAGE: Final = "/console/banners"
_FIELDS: Final = ("text_vi", "text_en", "begins_at", "ends_at")


@blueprint.get("/banners")
def banners() -> Response:
    """The banners that stand, are to stand, or stood."""
    return _page(told=request.args.get("told", "") == "done")


@blueprint.post("/banners")
def put() -> Response:
    """Put a banner up; without a beginning, from now on."""
    require_role(StaffRole.OFFICER)
    given = {name: request.form.get(name, "") for name in _FIELDS}
    try:
        with current().database.begin() as uow:
            put_up(
                uow,
                text_vi=given["text_vi"],
                text_en=given["text_en"],
                begins_at=_moment(given["begins_at"]) if given["begins_at"].strip() else uow.now,
                ends_at=_moment(given["ends_at"]),
                by=current_staff().login,
            )
            uow.commit()
    except PayclearError as refusal:
        return _page(refusal=refusal, given=given)
    return see_other(f"{PAGE}?told=done")


@blueprint.post("/banners/<uuid:banner_id>/take-down")
def take(banner_id: UUID) -> Response:
    """Take a banner down before its time."""
    require_role(StaffRole.OFFICER)
    try:
        with current().database.begin() as uow:
            take_down(uow, banner_id, by=current_staff().login)
            uow.commit()
    except PayclearError as refusal:
        return _page(refusal=refusal)
    return see_other(f"{PAGE}?told=done")


def _page(
    *, told: bool = False, refusal: PayclearError | None = None, given: dict[str, str] | None = None
) -> Response:
    with current().database.begin() as uow:
        rows, now = newest(uow), uow.now
    return console_page(
        "console/banners.html",
        status=200 if refusal is None else 422,
        rows=[(row, row.state_at(now)) for row in rows],
        as_of=now,
        told=told,
        given=given or {},
        most=TEXT_LENGTH_MAX,
        may_write=allows(current_staff().roles, StaffRole.OFFICER),
        problem="" if refusal is None else translate(f"error.{refusal.code}", console_locale()),
    )


def _moment(text: str) -> datetime:
    try:
        local = datetime.fromisoformat(text.strip())
        return at_vietnam(local.date(), local.timetz())
    except (ValueError, OverflowError):
        raise BannerRefused("a time is written like 2026-11-22T09:30", field="ends_at") from None
