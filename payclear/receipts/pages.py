"""The receipt that a citizen prints and that anyone may check: opened by its verification code only.

It shows no person: the number, the document, the lines and the amount are the proof.
"""

import re
from typing import Final

import segno
from flask import Blueprint, Response, request

from payclear.http.html import answer_errors_with_pages, locale_of, render, see_other
from payclear.http.rate_limits import Limit, limit_visitors
from payclear.i18n.amounts import amount_in_words
from payclear.kernel.clock import vietnam_date
from payclear.kernel.ids import is_token
from payclear.ledger.service import given_back
from payclear.obligations.domain import LineType
from payclear.orders.errors import OrderNotFound
from payclear.orders.service import get_by_id, get_by_token
from payclear.receipts.domain import VERIFICATION_CODE_LENGTH, ReceiptState
from payclear.receipts.service import ReceiptNotFound, for_order, get_receipt
from payclear.runtime import current

blueprint = Blueprint("receipts", __name__, template_folder="templates")
answer_errors_with_pages(blueprint)

VIEWS: Final = Limit("receipt_views", burst=60, every_s=1)
REFRESH_S: Final = 10
_SEPARATORS = re.compile(r"[\s.\-]+")


@blueprint.get("/receipts")
def check() -> Response:
    """Ask for a verification code and lead to its receipt; a wrong code says so on the same page."""
    runtime = current()
    limit_visitors(VIEWS)
    locale = locale_of()
    given = request.args.get("code", "")[:100]
    code = _code(given)
    if not given:
        return render("receipts/check.html", locale=locale, given="", unknown=False)
    try:
        with runtime.database.begin() as uow:
            get_receipt(uow, code)
    except ReceiptNotFound:
        return render("receipts/check.html", locale=locale, status=404, given=given, unknown=True)
    return see_other(f"/receipts/{code}?lang={locale}")


@blueprint.get("/receipts/<code>")
def show(code: str) -> Response:
    """One receipt, to read, print or check."""
    runtime = current()
    limit_visitors(VIEWS)
    with runtime.database.begin() as uow:
        receipt = get_receipt(uow, _code(code))
        # A receipt says what was so when the money was paid: an agency that was renamed since keeps its name on it.
        order = get_by_id(uow, receipt.order_id, named_on=vietnam_date(receipt.paid_at))
        given = given_back(uow, order.id, receipt.amount.currency)
    locale = locale_of()
    is_pending = receipt.state is ReceiptState.PENDING
    here = f"{runtime.settings.web.public_url.rstrip('/')}/receipts/{receipt.verification_code}"
    return render(
        "receipts/receipt.html",
        locale=locale,
        receipt=receipt,
        order=order,
        is_pending=is_pending,
        given=given,
        is_given_back_whole=given == receipt.amount,
        refresh_s=REFRESH_S if is_pending else 0,
        title=_title(order.lines[0].type if len({line.type for line in order.lines}) == 1 else ""),
        words=amount_in_words(receipt.amount, locale),
        provider_name=runtime.providers.name_of(receipt.provider_account or "", locale),
        code_shown=_grouped(receipt.verification_code),
        verify_url=here,
        qr=segno.make(here, error="m").svg_inline(
            omitsize=True, svgclass="qr-image", lineclass=None, border=2
        ),
        as_of=runtime.clock.now(),
    )


@blueprint.get("/pay/<token>/receipt")
def of_order(token: str) -> Response:
    """From the payment page to the receipt of its order; back to the page while there is none."""
    runtime = current()
    limit_visitors(VIEWS)
    if not is_token(token):
        raise OrderNotFound("not a token of a payment page")
    with runtime.database.begin() as uow:
        order = get_by_token(uow, token)
        receipt = for_order(uow, order.id)
    locale = locale_of(order.locale)
    if receipt is None:
        return see_other(f"/pay/{token}?lang={locale}")
    return see_other(f"/receipts/{receipt.verification_code}?lang={locale}")


def _title(line_type: str) -> str:
    """Receipts of phí and of lệ phí have names of their own (Decree 123/2020, article 30)."""
    titles = {
        LineType.FEE_PHI: "phi",
        LineType.FEE_LE_PHI: "le_phi",
        LineType.FINE: "fine",
        LineType.INSURANCE: "insurance",
    }
    return titles.get(LineType(line_type), "mixed") if line_type else "mixed"


def _code(text: str) -> str:
    """A verification code as typed: any case, gaps or none; letters that look like digits are digits."""
    bare = _SEPARATORS.sub("", text).upper().translate(str.maketrans("OIL", "011"))
    return bare if len(bare) == VERIFICATION_CODE_LENGTH and bare.isascii() and bare.isalnum() else ""


def _grouped(code: str) -> str:
    return " ".join(code[at : at + 4] for at in range(0, len(code), 4))
