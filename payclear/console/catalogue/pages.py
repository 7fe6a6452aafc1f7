"""Changes of the catalogue: what a file would do, sending it for approval, and the decision of a second person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from flask import Blueprint, Response, request

from payclear.catalogue import changes
from payclear.catalogue.changes import (
    CatalogueChangeEmpty,
    CatalogueChangeNotFound,
    CatalogueChangeRefused,
    CatalogueReasonMissing,
)
from payclear.catalogue.differences import RowChange
from payclear.catalogue.domain import ChangeState, RowAction
from payclear.catalogue.formats import Problem, write_csv, write_yaml, write_zip
from payclear.catalogue.tables import TABLES, Row, TableSpec, type_of
from payclear.catalogue.wording import place, sentence
from payclear.console.frame import console_locale, console_page, current_staff, require_role
from payclear.http.html import see_other
from payclear.i18n.amounts import format_amount
from payclear.i18n.dates import format_date
from payclear.i18n.texts import translate
from payclear.identity.domain import StaffRole, allows
from payclear.kernel.errors import NotFound
from payclear.kernel.ids import InvalidId, parse_public_id, public_id
from payclear.kernel.money import Money
from payclear.runtime import current

blueprint = Blueprint(
    "console_catalogue", __name__, template_folder="../templates", url_prefix="/console/catalogue"
)

PAGE_ROWS: Final = 50
SHOWN_ROWS: Final = 200
SHOWN_PROBLEMS: Final = 100
UPLOAD_BYTES_MAX: Final = 5_500_000
HOME: Final = "/console/catalogue"
_ID: Final = "chg"
_TOLD: Final = frozenset(ChangeState)
_MONEY: Final = frozenset(
    {"amount", "least", "most", "fixed", "fee_min", "fee_max", "amount_from", "amount_to"}
)


class CatalogueTableNotFound(NotFound):
    """The catalogue has no table of this name."""

    code = "catalogue_table_not_found"


@blueprint.before_request
def widen_uploads() -> None:
    """Files of the catalogue are larger than the forms of other pages; runs before the guard reads the form."""
    if request.endpoint == f"{blueprint.name}.take_file":
        request.max_content_length = UPLOAD_BYTES_MAX


@blueprint.get("")
def home() -> Response:
    """Every change, the form for a new one, and downloads."""
    return _home_page()


@blueprint.post("")
def take_file() -> Response:
    """Show what a file would change, or send it for approval."""
    require_role(StaffRole.CATALOGUE_MAKER)
    sent = request.files.get("file")
    name, content = (sent.filename or "", sent.read()) if sent else ("", b"")
    reason = request.form.get("reason", "").replace("\x00", "")
    is_trial = request.form.get("act") != "propose"
    with current().database.begin() as uow:
        if is_trial:
            found = changes.compare(uow, name, content)
            return _home_page(
                trial=found, trial_of=name[:200], reason=reason, status=422 if found.problems else 200
            )
        try:
            made = changes.propose(
                uow, name=name, content=content, reason=reason, made_by=current_staff().login
            )
        except CatalogueChangeRefused as refused:
            return _home_page(problems=refused.problems, trial_of=name[:200], reason=reason, status=422)
        except (CatalogueChangeEmpty, CatalogueReasonMissing) as error:
            return _home_page(told=f"error.{error.code}", reason=reason, status=422)
        uow.commit()
    return see_other(f"{_address(made.id)}?told=proposed")


@blueprint.get("/changes/<change>")
def show(change: str) -> Response:
    """One change: who, why, row by row, and what can be done with it now."""
    return _change_page(_id(change))


@blueprint.post("/changes/<change>/approve")
def approve(change: str) -> Response:
    """Make the change; only somebody else than its maker may."""
    require_role(StaffRole.CATALOGUE_CHECKER)
    change_id = _id(change)
    with current().database.begin() as uow:
        changes.approve(
            uow,
            change_id,
            checked_by=current_staff().login,
            reason=request.form.get("reason", "").replace("\x00", ""),
        )
        uow.commit()
    return see_other(f"{_address(change_id)}?told=approved")


@blueprint.post("/changes/<change>/reject")
def reject(change: str) -> Response:
    """Refuse the change, with the reason."""
    require_role(StaffRole.CATALOGUE_CHECKER)
    change_id = _id(change)
    try:
        with current().database.begin() as uow:
            changes.reject(
                uow,
                change_id,
                checked_by=current_staff().login,
                reason=request.form.get("reason", "").replace("\x00", ""),
            )
            uow.commit()
    except CatalogueReasonMissing as error:
        return _change_page(change_id, problem=f"error.{error.code}", status=422)
    return see_other(f"{_address(change_id)}?told=rejected")


@blueprint.post("/changes/<change>/withdraw")
def withdraw(change: str) -> Response:
    """Take one's own change back."""
    require_role(StaffRole.CATALOGUE_MAKER)
    change_id = _id(change)
    with current().database.begin() as uow:
        changes.withdraw(uow, change_id, actor=current_staff().login)
        uow.commit()
    return see_other(f"{_address(change_id)}?told=withdrawn")


@blueprint.get("/export/<table>.csv")
def export_table(table: str) -> Response:
    """One table as CSV, ready to be changed and sent back."""
    if table not in TABLES:
        raise CatalogueTableNotFound("no such table")
    with current().database.begin() as uow:
        ((spec, rows),) = changes.export(uow, [table])
    return _download(write_csv(spec, rows), f"{table}.csv", "text/csv")


@blueprint.get("/export/<any('zip', 'yaml'):form>")
def export_all(form: str) -> Response:
    """Everything in one file."""
    with current().database.begin() as uow:
        tables = changes.export(uow)
    if form == "zip":
        return _download(write_zip(tables), "danh-muc.zip", "application/zip")
    return _download(write_yaml(tables).encode(), "danh-muc.yaml", "application/yaml")


def _home_page(*, status: int = 200, **context: Any) -> Response:
    before = request.args.get("before", "")
    with current().database.begin() as uow:
        found = changes.list_changes(uow, below=_id(before) if before else None, limit=PAGE_ROWS + 1)
        as_of = uow.now
        trial = context.get("trial")
        followed = changes.predecessors(uow, trial.changes) if trial else {}
    problems = context.pop("problems", trial.problems if trial else ())
    return console_page(
        "console/catalogue.html",
        status=status,
        changes=[(each, public_id(_ID, each.id)) for each in found[:PAGE_ROWS]],
        more=public_id(_ID, found[PAGE_ROWS - 1].id) if len(found) > PAGE_ROWS else "",
        is_first=not before,
        may_make=allows(current_staff().roles, StaffRole.CATALOGUE_MAKER),
        tables=[(name, _table_title(name)) for name in TABLES],
        as_of=as_of,
        **_shown(trial.changes if trial else (), followed),
        **_said(problems),
        **context,
    )


def _change_page(change_id: UUID, *, problem: str = "", status: int = 200) -> Response:
    staff = current_staff()
    with current().database.begin() as uow:
        change = changes.get_change(uow, change_id)
        rows = changes.change_rows(uow, change_id)
        followed = changes.predecessors(uow, rows)
        is_open = change.state == ChangeState.PROPOSED
        problems = changes.recheck(uow, change_id).problems if is_open else ()
    told = request.args.get("told", "")
    return console_page(
        "console/catalogue_change.html",
        status=status,
        change=change,
        public=public_id(_ID, change.id),
        is_open=is_open,
        is_own=change.made_by == staff.login,
        may_check=allows(staff.roles, StaffRole.CATALOGUE_CHECKER),
        may_make=allows(staff.roles, StaffRole.CATALOGUE_MAKER),
        told=told if told in _TOLD else "",
        problem=problem,
        **_shown(rows, followed),
        **_said(problems),
    )


def _shown(rows: Sequence[RowChange], followed: Mapping[tuple[str, str], Row]) -> dict[str, Any]:
    """The first rows of a difference with what differs in them, and how many of each action there are.

    `followed` holds the rows that added ones follow.
    """
    counts = {action: sum(row.action is action for row in rows) for action in RowAction}
    return {
        "rows": [
            (row, _table_title(row.table), _columns(row, followed.get((row.table, row.row_id))))
            for row in rows[:SHOWN_ROWS]
        ],
        "rows_more": max(0, len(rows) - SHOWN_ROWS),
        "added": counts[RowAction.ADD],
        "ended": counts[RowAction.END],
        "changed": counts[RowAction.CHANGE],
    }


@dataclass(frozen=True, slots=True)
class _Column:
    """One column as the page shows it; `differs` from what stood before, or from the row that is followed."""

    name: str
    before: str
    after: str
    differs: bool


def _columns(row: RowChange, followed: Row | None) -> list[_Column]:
    spec = TABLES[row.table]
    before: Row = row.before or followed or {}
    return [
        _Column(
            name,
            _text(spec, name, before.get(name)),
            _text(spec, name, row.after[name]),
            before.get(name) != row.after[name],
        )
        for name in spec.columns
        if name not in spec.identity
        and (before.get(name) != row.after[name] or (row.before is None and row.after[name] is not None))
    ]


def _text(spec: TableSpec, name: str, value: Any) -> str:
    """A value as people of the reader's language write it; a column is money when its name says so."""
    locale = console_locale()
    kind = type_of(spec.columns[name])
    if value is None:
        return ""
    if kind is date:
        return format_date(date.fromisoformat(value), locale)
    if kind is bool:
        return translate("catalogue.yes" if value else "catalogue.no", locale)
    if kind is int and name in _MONEY:
        return format_amount(Money(value), locale)
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(_plain(each) for each in value)
    return str(value)


def _said(problems: tuple[Problem, ...]) -> dict[str, Any]:
    locale = console_locale()
    return {
        "problems": [(place(each), sentence(each, locale)) for each in problems[:SHOWN_PROBLEMS]],
        "problem_count": len(problems),
    }


def _table_title(name: str) -> str:
    return translate(f"catalogue.table_{name}", console_locale())


def _id(text: str) -> UUID:
    try:
        return parse_public_id(_ID, text)
    except InvalidId:
        raise CatalogueChangeNotFound("no such change") from None


def _address(change_id: UUID) -> str:
    return f"{HOME}/changes/{public_id(_ID, change_id)}"


def _download(content: bytes, name: str, media_type: str) -> Response:
    response = Response(content, mimetype=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response
