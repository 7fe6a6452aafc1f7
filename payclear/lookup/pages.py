"""The citizen's look-up without an account: ask, see what is owed, pay, or let somebody else pay.

What is asked travels in forms only, never in an address. Links carry a token and nothing else.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Final, TypeVar
from uuid import UUID

import segno
from flask import Blueprint, Response, request

from payclear.db.uow import UnitOfWork
from payclear.http.forms import FIELD, FormRefused, form_token, require_form_token, require_same_origin
from payclear.http.html import answer_errors_with_pages, locale_of, render, see_other
from payclear.http.rate_limits import Limit, TooManyRequests, limit_visitors
from payclear.http.units import in_unit
from payclear.i18n.collation import name_key
from payclear.kernel import payment_code
from payclear.kernel.clock import vietnam_date, vietnam_midnight_after
from payclear.kernel.ids import parse_public_id, public_id
from payclear.lookup import links, queries, service
from payclear.lookup.domain import LinkPurpose
from payclear.lookup.records import MadeLink, Question, Result
from payclear.obligations.fees.collection import collections
from payclear.orders.domain import OrderState
from payclear.orders.errors import ObligationHoldsMoney, ObligationInOrder
from payclear.orders.records import OrderView
from payclear.runtime import Runtime, current

blueprint = Blueprint("lookup", __name__, template_folder="templates")
answer_errors_with_pages(blueprint)

VIEWS: Final = Limit("lookup_views", burst=60, every_s=1)
ACTS: Final = Limit("lookup_acts", burst=12, every_s=10)
FORM_LASTS_S: Final = 1_800
_PREFIX: Final = "obl"
_FIELDS_MAX: Final = 60
Done = TypeVar("Done")


@blueprint.get("/tra-cuu")
def ask() -> Response:
    """The form, empty."""
    limit_visitors(VIEWS)
    return _form(current())


@blueprint.post("/tra-cuu")
def answer() -> Response:
    """What is known of the document; a wrong second factor and an unknown number look the same."""
    runtime = current()
    limit_visitors(VIEWS)  # a number that is closed takes nothing from its visitor's own tries
    _require_own_form(runtime, "lookup", "")
    number, factor = _typed("document_no"), _typed("second_factor")
    if not number or not factor:
        return _form(runtime, problem="lookup.both_needed")
    try:
        day = _day(_typed("document_on"))
    except ValueError:
        return _form(runtime, problem="lookup.no_date")
    question = Question(
        number=number,
        factor=factor,
        agency_code=_typed("agency_code") or None,
        document_on=day,
        asked_by=request.remote_addr or "",
    )
    try:
        results = in_unit(
            runtime.database,
            lambda uow: service.look_up(uow, question, sealer=runtime.sealer, index=runtime.blind_index),
        )
    except TooManyRequests as refused:
        wait = refused.facts["retry_after_s"]
        return _form(runtime, problem="lookup.wait", wait_s=int(wait) if isinstance(wait, int) else 60)
    return _answered(runtime, results)


@blueprint.get("/tra-cuu/ket-qua/<token>")
def result(token: str) -> Response:
    """The result again, without name and plate: where whoever paid comes back to, and that may be somebody else."""
    runtime = current()
    limit_visitors(VIEWS)
    told = _of_link(runtime, token, LinkPurpose.RESULT)
    return _answered(runtime, (replace(told, masked_name="", masked_plate=""),))


@blueprint.post("/tra-cuu/nop")
def pay() -> Response:
    """Make or join the order of the obligation and lead to its payment page."""
    runtime = current()
    obligation_id = _acted_on(runtime)

    def work(uow: UnitOfWork) -> OrderView:
        order = links.joinable_order(uow, obligation_id)
        if order is not None:
            return order
        made = links.make_link(uow, obligation_id, LinkPurpose.RESULT)
        return links.order_through(uow, made.row, _pay_through(runtime, f"/tra-cuu/ket-qua/{made.token}"))

    return see_other(_pay_page(_ordered(runtime, work)))


@blueprint.post("/tra-cuu/phieu")
def slip() -> Response:
    """A pay-slip to print: the payment code for a counter, and a QR for whoever pays."""
    runtime = current()
    obligation_id = _acted_on(runtime)

    def work(uow: UnitOfWork) -> tuple[OrderView, MadeLink, bool]:
        made = links.make_link(uow, obligation_id, LinkPurpose.PAYER)
        order = links.order_through(uow, made.row, _pay_through(runtime, f"/nop-thay/{made.token}"))
        collected = collections(uow, [obligation_id], vietnam_date(uow.now)).get(obligation_id)
        return order, made, collected is not None and collected.is_counter_only

    order, made, is_counter_only = _ordered(runtime, work)
    if order.state is not OrderState.OPEN or order.live_attempt is not None:
        return see_other(_pay_page(order))
    address = _address(runtime, f"/nop-thay/{made.token}")
    last_moment = order.expires_at - timedelta(microseconds=1)
    return render(
        "lookup/slip.html",
        locale=locale_of(),
        order=order,
        code_shown=payment_code.display(order.payment_code),
        qr=_qr(address),
        is_counter_only=is_counter_only,
        ends_with_day=vietnam_midnight_after(last_moment) == order.expires_at,
        last_day=vietnam_date(last_moment),
    )


@blueprint.post("/tra-cuu/nop-thay")
def let_pay() -> Response:
    """A link and QR for somebody else to pay; what it opens shows nobody's name, number or plate."""
    runtime = current()
    obligation_id = _acted_on(runtime)
    made = in_unit(runtime.database, lambda uow: links.make_link(uow, obligation_id, LinkPurpose.PAYER))
    address = _address(runtime, f"/nop-thay/{made.token}")
    return render(
        "lookup/link.html",
        locale=locale_of(),
        address=address,
        qr=_qr(address),
        expires_at=made.row.expires_at,
        tokens=_tokens(runtime, obligation_id),
    )


@blueprint.post("/tra-cuu/thu-hoi")
def take_back() -> Response:
    """End every link that was given to other payers."""
    runtime = current()
    obligation_id = _acted_on(runtime)
    ended = in_unit(runtime.database, lambda uow: links.take_back(uow, obligation_id))
    return render("lookup/taken_back.html", locale=locale_of(), ended=ended)


@blueprint.get("/nop-thay/<token>")
def for_payer(token: str) -> Response:
    """What another payer needs: what kind, which document, to whom, how much, until when."""
    runtime = current()
    limit_visitors(VIEWS)
    return render(
        "lookup/payer.html",
        locale=locale_of(),
        result=_of_link(runtime, token, LinkPurpose.PAYER),
        csrf_token=_form_token(runtime, "pay-for", token),
        token=token,
        today=vietnam_date(runtime.clock.now()),
    )


@blueprint.post("/nop-thay/<token>")
def pay_for(token: str) -> Response:
    """Another payer goes to the payment page."""
    runtime = current()
    _require_own_form(runtime, "pay-for", token)
    limit_visitors(ACTS)

    def work(uow: UnitOfWork) -> OrderView:
        link = links.open_link(uow, token, LinkPurpose.PAYER)
        return links.order_through(uow, link, _pay_through(runtime, f"/nop-thay/{token}"))

    return see_other(_pay_page(_ordered(runtime, work)))


def _form(runtime: Runtime, *, problem: str = "", wait_s: int = 0) -> Response:
    with runtime.database.begin() as uow:
        known = uow.run(queries.AGENCIES, {"named_on": vietnam_date(uow.now)}).fetchall()
    locale = locale_of()
    named = [(code, name_en if locale == "en" and name_en else name_vi) for code, name_vi, name_en in known]
    agencies = sorted(named, key=lambda each: name_key(each[1]))
    response = render(
        "lookup/form.html",
        locale=locale,
        status=429 if wait_s else 422 if problem else 200,
        agencies=agencies,
        problem=problem,
        wait_minutes=-(-wait_s // 60),
        given={name: _typed(name) for name in ("document_no", "agency_code", "document_on")},
        csrf_token=_form_token(runtime, "lookup", ""),
    )
    if wait_s:
        response.headers["Retry-After"] = str(wait_s)
    return response


def _answered(runtime: Runtime, results: tuple[Result, ...]) -> Response:
    return render(
        "lookup/result.html",
        locale=locale_of(),
        results=[
            (each, _tokens(runtime, each.obligation.id) if each.obligation is not None else {})
            for each in results
        ],
        as_of=results[0].as_of,
        today=vietnam_date(runtime.clock.now()),
    )


def _of_link(runtime: Runtime, token: str, purpose: LinkPurpose) -> Result:
    with runtime.database.begin() as uow:
        link = links.open_link(uow, token, purpose)
        return service.result_of(uow, link.obligation_id, sealer=runtime.sealer)


def _ordered(runtime: Runtime, work: Callable[[UnitOfWork], Done]) -> Done:
    """Make or join an order; when another was made, or late money came, at the same moment, the second look joins it."""
    try:
        return in_unit(runtime.database, work)
    except (ObligationInOrder, ObligationHoldsMoney):
        return in_unit(runtime.database, work)


def _pay_through(runtime: Runtime, path: str) -> links.PayThrough:
    locale = locale_of()
    minutes = runtime.settings.orders.default_expiry_minutes
    return links.PayThrough(
        return_url=f"{_address(runtime, path)}?lang={locale}",
        locale=locale,
        expires_in=timedelta(minutes=minutes),
    )


def _pay_page(order: OrderView) -> str:
    return f"/pay/{order.pay_token}?lang={locale_of()}"


def _address(runtime: Runtime, path: str) -> str:
    return runtime.settings.web.public_url.rstrip("/") + path


def _qr(address: str) -> str:
    """An address as an SVG; drawn by us, of the letters and digits of a token only."""
    return segno.make(address, error="m").svg_inline(
        omitsize=True, svgclass="qr-image", lineclass=None, border=2
    )


def _tokens(runtime: Runtime, obligation_id: UUID) -> dict[str, str]:
    """The hidden fields of a form that acts on one document, for half an hour."""
    document = public_id(_PREFIX, obligation_id)
    until = str(int(runtime.clock.now().timestamp()) + FORM_LASTS_S)
    return {
        "document": document,
        "until": until,
        FIELD: _form_token(runtime, "lookup-act", f"{document} {until}"),
    }


def _acted_on(runtime: Runtime) -> UUID:
    """The document that a form of ours acts on; raises FormRefused for any other form and for one too old."""
    limit_visitors(ACTS)
    document, until = request.form.get("document", ""), request.form.get("until", "")
    _require_own_form(runtime, "lookup-act", f"{document} {until}")
    if not until.isdecimal() or int(until) <= runtime.clock.now().timestamp():
        raise FormRefused("the form is too old")
    return parse_public_id(_PREFIX, document)


def _require_own_form(runtime: Runtime, purpose: str, bound_to: str) -> None:
    require_same_origin(request.headers, own=(request.host_url, runtime.settings.web.public_url))
    require_form_token(request.form.get(FIELD), _form_token(runtime, purpose, bound_to))


def _form_token(runtime: Runtime, purpose: str, bound_to: str) -> str:
    return form_token(runtime.settings.security.session_secret, purpose=purpose, bound_to=bound_to)


def _typed(name: str) -> str:
    return request.form.get(name, "").strip()[:_FIELDS_MAX]


def _day(text: str) -> date | None:
    """The day of a date field; None for nothing. Raises ValueError."""
    return date.fromisoformat(text) if text else None
