"""What portals send and get about payment orders, for `orders.api` only; it never reads the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from marshmallow import ValidationError, post_load

from payclear.http.schemas import (
    Day,
    Flag,
    Instant,
    Items,
    MoneySchema,
    OneOf,
    Part,
    PublicId,
    StrictSchema,
    Text,
    ViewSchema,
    Whole,
    instant_json,
    money_json,
)
from payclear.i18n.locales import LOCALES
from payclear.kernel.ids import public_id
from payclear.obligations.domain import LineType, ObligationKind
from payclear.orders.domain import AttemptState, PublicStatus
from payclear.orders.records import AttemptView, DocumentView, LineView, OrderView

OBLIGATION_PREFIX: Final = "obl"
OBLIGATIONS_MAX: Final = 50
MINUTES_MIN: Final = 5
MINUTES_MAX: Final = 129_600  # 90 days
_HAS_RECEIPT: Final = (PublicStatus.PAID, PublicStatus.REVERSED)
_PORTAL_REF: Final = r"[A-Za-z0-9][A-Za-z0-9._:/\-]*"


class AttemptStatus(StrEnum):
    """What a portal sees of an attempt."""

    PENDING = "pending"
    IN_DOUBT = "in_doubt"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    SURPLUS = "surplus"
    REVERSED = "reversed"


ATTEMPT_STATUS: Final = MappingProxyType(
    {
        AttemptState.CREATED: AttemptStatus.PENDING,
        AttemptState.SENT: AttemptStatus.PENDING,
        AttemptState.IN_DOUBT: AttemptStatus.IN_DOUBT,
        AttemptState.SUCCEEDED: AttemptStatus.SUCCEEDED,
        AttemptState.FAILED: AttemptStatus.FAILED,
        AttemptState.EXPIRED: AttemptStatus.EXPIRED,
        AttemptState.SURPLUS: AttemptStatus.SURPLUS,
        AttemptState.REVERSED: AttemptStatus.REVERSED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order as the portal asked for it, well formed."""

    portal_ref: str
    obligations: tuple[UUID, ...]
    return_url: str
    locale: str
    expires_in_minutes: int | None
    instalments: Mapping[UUID, int]
    despite_held_money: bool


class InstalmentChoiceSchema(StrictSchema):
    """One instalment of a fine's plan, in place of all that is due."""

    obligation = PublicId(OBLIGATION_PREFIX)
    instalment_no = Whole(least=1, most=24, about="Number of the part; the plan says which may be paid now.")


class CreateOrderSchema(StrictSchema):
    """Asks to collect obligations in one payment."""

    portal_ref = Text(
        most=64,
        pattern=_PORTAL_REF,
        about="Your own reference; unique for ever. No personal data: it travels in events and logs.",
        example="H00.14-261121-0007-1",
    )
    obligations = Items(
        PublicId(OBLIGATION_PREFIX),
        most=OBLIGATIONS_MAX,
        unique=True,
        about="Ids of the obligations to collect.",
    )
    instalments = Items(
        Part(InstalmentChoiceSchema()),
        least=0,
        most=OBLIGATIONS_MAX,
        load_default=(),
        about="For fines that are paid in instalments: which part of which to collect.",
    )
    return_url = Text(
        most=1000,
        about="Where the citizen returns to; below one of your registered return addresses.",
        example="https://portal.example/return/0007",
    )
    locale = OneOf(LOCALES, load_default="vi", about="Language of the payment page.")
    expires_in_minutes = Whole(
        least=MINUTES_MIN,
        most=MINUTES_MAX,
        load_default=None,
        about="How long the order may be paid. An amount that grows by day ends it at midnight in Viet Nam.",
    )
    despite_held_money = Flag(
        load_default=False,
        about="Make the order although money for one of the obligations came late and waits for a decision "
        "(`obligation_holds_money`). Only when the citizen knows that they may pay a second time.",
    )

    @post_load
    def _make(self, data: dict[str, Any], **_: Any) -> OrderRequest:
        chosen = {each["obligation"]: each["instalment_no"] for each in data["instalments"]}
        if len(chosen) < len(data["instalments"]) or not chosen.keys() <= set(data["obligations"]):
            raise ValidationError({"instalments": ["not_allowed_here"]})
        return OrderRequest(**(data | {"instalments": chosen}))


class FindOrderSchema(StrictSchema):
    """Finds orders by the portal's own reference."""

    portal_ref = Text(most=64, pattern=_PORTAL_REF, about="Your own reference.")


class OrderLineSchema(ViewSchema):
    """One line of the quote that the order froze."""

    obligation = PublicId(OBLIGATION_PREFIX)
    type = OneOf(LineType)
    name = Text(most=200)
    amount = Part(MoneySchema())
    beneficiary_account = Text(most=40)
    chapter = Text(most=3, least=0, about="Empty for money that is not the state's.")
    sub_item = Text(most=4, least=0)


class OrderDocumentSchema(ViewSchema):
    """The document behind an obligation of the order."""

    obligation = PublicId(OBLIGATION_PREFIX)
    kind = OneOf(ObligationKind)
    document_no = Text(most=60)
    document_on = Day()
    agency_code = Text(most=40)
    agency_name_vi = Text(most=500)
    agency_name_en = Text(most=500)


class OrderAttemptSchema(ViewSchema):
    """One try at one provider."""

    attempt_ref = Text(most=15)
    provider_account = Text(most=60)
    status = OneOf(
        AttemptStatus,
        about="`in_doubt`: the provider did not answer, it is being asked. `surplus`: money came that the "
        "order could not take; it is returned. `reversed`: the bank took its payment back.",
    )
    created_at = Instant()
    paid_at = Instant(allow_none=True)


class OrderSchema(ViewSchema):
    """A payment order."""

    order_ref = Text(most=13, about="Our reference.", example="PC7K2M9QX4TB5")
    portal_ref = Text(most=64)
    payment_code = Text(
        most=15, pattern="[1-9][0-9]{14}", about="15 digits a payer may write into a transfer."
    )
    status = OneOf(
        PublicStatus,
        about="`pending`: a payment is being confirmed; do not offer another. `reversed`: it was paid at a bank, which took "
        "the payment back; its obligations can be ordered again. `exempted`: nothing is to be paid, wait for no "
        "payment.",
    )
    amount = Part(MoneySchema())
    quoted_on = Day(about="The day in Viet Nam the amount was computed for.")
    expires_at = Instant()
    created_at = Instant()
    paid_at = Instant(allow_none=True)
    pay_url = Text(most=2000, about="The hosted payment page: send the citizen here.")
    receipt_url = Text(
        most=2000,
        allow_none=True,
        about="Once paid: leads to the receipt, or to the payment page for the moment until it is issued. It stays when the "
        "payment is reversed and then shows the receipt as cancelled.",
    )
    qr = Text(most=2000, about="What a QR code for this order holds.")
    return_url = Text(most=1000)
    locale = OneOf(LOCALES)
    lines = Items(Part(OrderLineSchema()), most=OBLIGATIONS_MAX * 51)
    documents = Items(Part(OrderDocumentSchema()), most=OBLIGATIONS_MAX)
    attempts = Items(Part(OrderAttemptSchema()), least=0, most=99, about="Oldest first.")


class OrderListSchema(ViewSchema):
    """Orders; a portal reference names one at most."""

    items = Items(Part(OrderSchema()), least=0, most=1)


def order_json(view: OrderView, *, public_url: str) -> dict[str, Any]:
    """An order as `OrderSchema` describes it; written by hand because order creation is hot."""
    pay_url = f"{public_url.rstrip('/')}/pay/{view.pay_token}"
    return {
        "order_ref": view.order_ref,
        "portal_ref": view.portal_ref,
        "payment_code": view.payment_code,
        "status": view.public_status.value,
        "amount": money_json(view.amount),
        "quoted_on": view.quoted_on.isoformat(),
        "expires_at": instant_json(view.expires_at),
        "created_at": instant_json(view.created_at),
        "paid_at": instant_json(view.paid_at) if view.paid_at else None,
        "pay_url": pay_url,
        "receipt_url": f"{pay_url}/receipt" if view.public_status in _HAS_RECEIPT else None,
        "qr": pay_url,
        "return_url": view.return_url,
        "locale": view.locale,
        "lines": [_line_json(line) for line in view.lines],
        "documents": [_document_json(document) for document in view.documents],
        "attempts": [_attempt_json(attempt) for attempt in view.attempts],
    }


def _line_json(line: LineView) -> dict[str, Any]:
    return {
        "obligation": public_id(OBLIGATION_PREFIX, line.obligation_id),
        "type": str(line.type),
        "name": line.name_vi,
        "amount": money_json(line.amount),
        "beneficiary_account": line.beneficiary_account,
        "chapter": line.chapter,
        "sub_item": line.sub_item,
    }


def _document_json(document: DocumentView) -> dict[str, Any]:
    return {
        "obligation": public_id(OBLIGATION_PREFIX, document.obligation_id),
        "kind": str(document.kind),
        "document_no": document.document_no,
        "document_on": document.document_on.isoformat(),
        "agency_code": document.agency_code,
        "agency_name_vi": document.agency_name_vi,
        "agency_name_en": document.agency_name_en,
    }


def _attempt_json(attempt: AttemptView) -> dict[str, Any]:
    return {
        "attempt_ref": attempt.attempt_ref,
        "provider_account": attempt.provider_account,
        "status": ATTEMPT_STATUS[AttemptState(attempt.state)].value,
        "created_at": instant_json(attempt.created_at),
        "paid_at": instant_json(attempt.paid_at) if attempt.paid_at else None,
    }
