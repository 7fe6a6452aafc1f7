"""The portal API of payment orders: create, read, find by the portal's reference, cancel."""

import logging
from datetime import timedelta

from flask import Blueprint

from payclear.http.operations import Call, Reply, operation
from payclear.identity.domain import Scope, is_return_url_allowed
from payclear.kernel.errors import PayclearError
from payclear.kernel.ids import is_order_ref
from payclear.kernel.money import InvalidAmount
from payclear.kernel.states import IllegalTransition
from payclear.obligations.records import ObligationNotFound
from payclear.obligations.rules.dated import RuleNotInForce
from payclear.obligations.rules.instalments import InstalmentNotPayable
from payclear.orders import service
from payclear.orders.errors import (
    AttemptInProgress,
    DuplicatePortalRef,
    MixedCurrencies,
    ObligationHoldsMoney,
    ObligationInOrder,
    ObligationNotPayable,
    OrderNotFound,
    ReturnUrlNotAllowed,
)
from payclear.orders.inquiry import ask_provider
from payclear.orders.records import OrderView
from payclear.orders.schemas import (
    CreateOrderSchema,
    FindOrderSchema,
    OrderListSchema,
    OrderRequest,
    OrderSchema,
    order_json,
)
from payclear.orders.service import CreateOrder
from payclear.runtime import Runtime

log = logging.getLogger(__name__)

blueprint = Blueprint("orders_api", __name__)

_EXAMPLE = {
    "portal_ref": "H00.14-261121-0007-1",
    "obligations": ["obl_01m5cvr9k8e7m8q3w5x7y9z1a3"],
    "return_url": "https://portal.example/return/0007",
    "locale": "vi",
    "expires_in_minutes": 1440,
}


@blueprint.post("/payment-orders")
@operation(
    summary="Create a payment order",
    about="Quotes the obligations for today, locks them, and promises to collect their sum until the order "
    "expires. Send the citizen to `pay_url`; the outcome comes by webhook.",
    tag="Payment orders",
    scope=Scope.ORDERS_WRITE,
    writes=True,
    body=CreateOrderSchema(),
    answers={201: (OrderSchema(), "Created; `Location` names the order.")},
    errors=(
        ObligationNotFound,
        ObligationNotPayable,
        ObligationHoldsMoney,
        ObligationInOrder,
        DuplicatePortalRef,
        MixedCurrencies,
        ReturnUrlNotAllowed,
        InvalidAmount,
        RuleNotInForce,
        InstalmentNotPayable,
    ),
    example=_EXAMPLE,
)
def create_payment_order(call: Call) -> Reply:
    """Create an order."""
    asked: OrderRequest = call.data
    if not is_return_url_allowed(asked.return_url, call.caller.return_url_prefixes):
        raise ReturnUrlNotAllowed("not below a registered return address", field="return_url")
    minutes = asked.expires_in_minutes or call.runtime.settings.orders.default_expiry_minutes
    view = service.create_order(
        call.uow,
        CreateOrder(
            portal_code=call.caller.portal_code,
            portal_ref=asked.portal_ref,
            obligation_ids=asked.obligations,
            instalments=asked.instalments,
            return_url=asked.return_url,
            locale=asked.locale,
            expires_in=timedelta(minutes=minutes),
            actor=call.caller.key_id,
            despite_held_money=asked.despite_held_money,
        ),
    )
    return Reply(_json(call, view), 201, location=f"/v1/payment-orders/{view.order_ref}")


@blueprint.get("/payment-orders/<order_ref>")
@operation(
    summary="Read a payment order",
    about="The truth about an order at any time, also when a webhook was missed.",
    tag="Payment orders",
    scope=Scope.ORDERS_READ,
    answers={200: (OrderSchema(), "The order.")},
    errors=(OrderNotFound,),
)
def read_payment_order(call: Call, order_ref: str) -> Reply:
    """Read an order."""
    _require_ref(order_ref)
    view = service.get_order(call.uow, portal_code=call.caller.portal_code, order_ref=order_ref)
    return Reply(_json(call, view))


@blueprint.get("/payment-orders")
@operation(
    summary="Find a payment order by your reference",
    tag="Payment orders",
    scope=Scope.ORDERS_READ,
    query=FindOrderSchema(),
    answers={200: (OrderListSchema(), "The order under this reference, or an empty list.")},
)
def find_payment_orders(call: Call) -> Reply:
    """Find the order of a portal's reference."""
    try:
        view = service.get_by_portal_ref(
            call.uow, portal_code=call.caller.portal_code, portal_ref=call.query["portal_ref"]
        )
    except OrderNotFound:
        return Reply({"items": []})
    return Reply({"items": [_json(call, view)]})


def ask_before_refusing(runtime: Runtime, refusal: PayclearError) -> bool:
    """Ask the provider about the attempt that stands in the way; True when it was asked.

    Asked outside of any transaction. What it says decides when the cancellation is tried again.
    """
    attempt_ref = refusal.facts.get("attempt_ref")
    if not isinstance(refusal, AttemptInProgress) or attempt_ref is None:
        return False
    with runtime.database.begin() as uow:
        attempt = service.get_attempt_by_ref(uow, str(attempt_ref))
    try:
        return ask_provider(runtime, attempt.id, counts=False) is not None
    except Exception:
        # The refusal stands whatever goes wrong with the question, and the query job goes on.
        log.exception("orders.cancel_not_asked", extra={"attempt_ref": attempt_ref})
        return False


@blueprint.post("/payment-orders/<order_ref>/cancel")
@operation(
    summary="Cancel a payment order",
    about="Withdraws an order that nobody is paying and frees its obligations. A provider that may hold a payment is "
    "asked first; while it does not decide, the answer is a conflict. A second cancellation changes nothing.",
    tag="Payment orders",
    scope=Scope.ORDERS_WRITE,
    writes=True,
    answers={200: (OrderSchema(), "The order is cancelled.")},
    errors=(OrderNotFound, AttemptInProgress, IllegalTransition),
    settle=ask_before_refusing,
)
def cancel_payment_order(call: Call, order_ref: str) -> Reply:
    """Cancel an order."""
    _require_ref(order_ref)
    view = service.cancel_order(
        call.uow, portal_code=call.caller.portal_code, order_ref=order_ref, actor=call.caller.key_id
    )
    return Reply(_json(call, view))


def _require_ref(order_ref: str) -> None:
    if not is_order_ref(order_ref):
        raise OrderNotFound("no such payment order")


def _json(call: Call, view: OrderView) -> dict[str, object]:
    return order_json(view, public_url=call.runtime.settings.web.public_url)
