"""The citizen's pages: what is owed and where to pay it, what became of it, the way back from the provider.

Amount, state and addresses come from the database only; the token in the address is the key to one order.
"""

from datetime import timedelta
from typing import Final

import segno
from flask import Blueprint, Response, current_app, request

from payclear.checkout import offers, service
from payclear.checkout.domain import PageKind, Standing, return_link, subject_of
from payclear.contract.registry import ProviderLine
from payclear.http.bodies import read_inbound
from payclear.http.forms import FIELD, form_token, require_form_token, require_same_origin
from payclear.http.headers import allow_form_targets
from payclear.http.html import answer_errors_with_pages, locale_of, render, see_other
from payclear.http.rate_limits import Limit, is_allowed, limit_visitors
from payclear.i18n.locales import Locale
from payclear.kernel import payment_code
from payclear.kernel.clock import vietnam_date, vietnam_midnight_after
from payclear.kernel.ids import is_token
from payclear.obligations.domain import LineType
from payclear.orders.errors import OrderNotFound
from payclear.runtime import Runtime, current

blueprint = Blueprint("checkout", __name__, template_folder="templates")
answer_errors_with_pages(blueprint)

VIEWS: Final = Limit("pay_views", burst=300, every_s=0.2)
CHOICES: Final = Limit("pay_choices", burst=12, every_s=10)
RETURNS: Final = Limit("return_queries", burst=3, every_s=20)
REFRESH_S: Final = 10
RETURN_BYTES_MAX: Final = 65_536


@blueprint.get("/pay/<token>")
def show(token: str) -> Response:
    """The payment page of one order, in the state it is in now."""
    limit_visitors(VIEWS)
    _require_token(token)
    return _page(current(), token)


@blueprint.post("/pay/<token>/attempts")
def choose(token: str) -> Response:
    """The citizen chose a provider account: open the attempt and lead there."""
    runtime = current()
    _require_token(token)
    require_same_origin(request.headers, own=(request.host_url, runtime.settings.web.public_url))
    require_form_token(request.form.get(FIELD), _form_token(runtime, token))
    limit_visitors(CHOICES, token)
    chosen = request.form.get("provider_account", "")
    if not chosen:
        return _page(runtime, token, problem="checkout.choose_one")
    allow_form_targets(_targets(runtime))
    try:
        target = service.start(
            runtime,
            token,
            chosen,
            payer_ip=request.remote_addr or "127.0.0.1",
            public_url=_public_url(runtime),
            locale=locale_of(),
        )
    except service.ProviderNotOffered:
        return _page(runtime, token, problem="checkout.no_longer_offered")
    return see_other(target)


@blueprint.route("/return/<provider_account>", methods=["GET", "POST"])
@blueprint.route("/return/<provider_account>/<any(vi, en):lang>", methods=["GET", "POST"])
def come_back(provider_account: str, lang: str = "vi") -> Response:
    """The browser comes back from a provider: ask the provider, then show the order's page."""
    runtime = current()
    limit_visitors(VIEWS)
    told = read_inbound(RETURN_BYTES_MAX, received_at=runtime.clock.now())
    returned = service.returned_attempt(runtime, provider_account, told)
    locale = locale_of(lang)
    if returned is None:
        return render("checkout/return_unknown.html", locale=locale, status=404)
    if _may_ask(runtime, str(returned.attempt_id)):
        service.settle_return(runtime, returned)
    return see_other(service.page_path(returned.pay_token, locale))


def _page(runtime: Runtime, token: str, *, problem: str = "") -> Response:
    shown = service.show(runtime, token)
    order, standing = shown.order, shown.standing
    locale = locale_of(order.locale)
    if standing.kind in (PageKind.CHOOSE, PageKind.RESUME):
        allow_form_targets(_targets(runtime))
    pay_url = _public_url(runtime) + service.page_path(order.pay_token, locale)
    last_moment = order.expires_at - timedelta(microseconds=1)
    choices = shown.routing.choices if shown.routing else ()
    return render(
        "checkout/order.html",
        locale=locale,
        status=422 if problem else 200,
        order=order,
        standing=standing,
        exemptions=shown.exemptions,
        given_back=shown.given_back,
        offers=offers.arrange(choices, runtime.providers, locale),
        problem=problem,
        provider_name=_provider_name(runtime, standing, locale),
        code_shown=payment_code.display(order.payment_code),
        qr=_qr(pay_url),
        scan=offers.scan_of(standing, now=runtime.clock.now()),
        asked_of=standing.attempt is not None and service.may_be_asked(runtime, standing.attempt),
        csrf_token=_form_token(runtime, order.pay_token),
        return_link=return_link(order),
        refresh_s=REFRESH_S if standing.is_waiting else 0,
        subject=subject_of(order),
        has_surcharge=any(line.type == LineType.LATE_SURCHARGE for line in order.lines),
        ends_with_day=vietnam_midnight_after(last_moment) == order.expires_at,
        last_day=vietnam_date(last_moment),
    )


def _provider_name(runtime: Runtime, standing: Standing, locale: Locale) -> str:
    attempt = standing.attempt or standing.last_refused
    return runtime.providers.name_of(attempt.provider_account, locale) if attempt else ""


def _targets(runtime: Runtime) -> list[str]:
    lines: list[ProviderLine] = list(runtime.providers)
    return [origin for line in lines for origin in line.provider.page_origins(line.account)]


def _qr(url: str) -> str:
    """The page's own address as an SVG for the citizen's phone; drawn by us, of digits and letters only."""
    return segno.make(url, error="m").svg_inline(omitsize=True, svgclass="qr-image", lineclass=None, border=2)


def _require_token(token: str) -> None:
    if not is_token(token):
        raise OrderNotFound("not a token of a payment page")


def _form_token(runtime: Runtime, token: str) -> str:
    return form_token(runtime.settings.security.session_secret, purpose="pay", bound_to=token)


def _may_ask(runtime: Runtime, attempt_id: str) -> bool:
    """A reloaded return address asks the provider a few times at most; the page works without."""
    return is_allowed(current_app, RETURNS, attempt_id, now_s=runtime.clock.monotonic())


def _public_url(runtime: Runtime) -> str:
    return runtime.settings.web.public_url.rstrip("/")
