"""Every fact there is, with the fields it carries: the one source of webhook documentation and schemas.

Read by `announce`, by the API documentation and by tests.
A field that is not named here can not leave the house, so no personal data may ever be named.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from payclear.events.domain import API_VERSION, Fact
from payclear.kernel.money import AMOUNT_MAX

Schema = dict[str, Any]

_INSTANT: Schema = {"type": "string", "format": "date-time", "description": "Instant in UTC."}
_FIELDS: Mapping[str, Schema] = MappingProxyType(
    {
        "order_ref": {"type": "string", "description": "Our reference of the payment order."},
        "portal_ref": {"type": "string", "description": "The portal's own reference of the order."},
        "payment_code": {"type": "string", "description": "15 digits a payer may write into a transfer."},
        "status": {"type": "string", "description": "The order's public status after the fact."},
        "amount": {"type": "integer", "minimum": 1, "maximum": AMOUNT_MAX, "description": "In minor units."},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217 code."},
        "expires_at": _INSTANT,
        "paid_at": _INSTANT,
        "reversed_at": _INSTANT,
        "provider": {"type": "string", "description": "Code of the provider account that took the money."},
        "provider_ref": {"type": "string", "description": "The provider's reference of the payment."},
        "attempt_ref": {"type": "string", "description": "Our reference of the attempt at the provider."},
        "reason": {"type": "string", "description": "Stable code of why the order ended without payment."},
        "receipt": {"type": "string", "description": "Public id of the receipt."},
        "refund_ref": {"type": "string", "description": "Our reference of the refund."},
        "obligation": {"type": "string", "description": "Public id of the obligation."},
        "kind": {"type": "string", "description": "Kind of the obligation."},
        "change": {"type": "string", "description": "What changed; read the obligation for the rest."},
    }
)
_ALWAYS = ("order_ref", "portal_ref", "status", "amount", "currency")
_PROVIDER = ("provider", "provider_ref", "attempt_ref")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """One kind of fact: what it tells, the fields it always carries and those it may carry.

    `status` is the order's status that the fact means; empty when the fact leaves it as it is.
    """

    name: str
    meaning: str
    required: frozenset[str]
    optional: frozenset[str]
    status: str

    def data_schema(self) -> Schema:
        """JSON Schema of `data`, without room for other fields."""
        properties = {name: dict(_FIELDS[name]) for name in _FIELDS if name in self.required | self.optional}
        if self.status:
            properties["status"] = {**properties["status"], "const": self.status}
        if self.status == "exempted":
            properties["amount"] = {**properties["amount"], "minimum": 0, "const": 0}
        return {
            "type": "object",
            "properties": properties,
            "required": [name for name in _FIELDS if name in self.required],
            "additionalProperties": False,
        }

    def body_schema(self) -> Schema:
        """JSON Schema of the whole webhook body."""
        properties = {
            "id": {"type": "string", "pattern": "^evt_[0-9a-hjkmnp-tv-z]{26}$"},
            "type": {"const": self.name},
            "timestamp": _INSTANT,
            "api_version": {"const": API_VERSION},
            "portal": {"type": "string"},
            "sequence": {"type": "integer", "minimum": 1},
            "data": self.data_schema(),
        }
        return {"type": "object", "properties": properties, "required": list(properties)}


def _order_event(
    status: str, meaning: str, required: tuple[str, ...], optional: tuple[str, ...]
) -> EventType:
    name = "payment_order." + {"open": "created"}.get(status, status)
    return EventType(
        name=name,
        meaning=meaning,
        required=frozenset(_ALWAYS + required),
        optional=frozenset(("payment_code", "expires_at", *optional)),
        status=status,
    )


def _refund_event(name: str, meaning: str) -> EventType:
    return EventType(
        name=name,
        meaning=meaning,
        required=frozenset((*_ALWAYS, "refund_ref", "attempt_ref", "provider")),
        optional=frozenset(("payment_code",)),
        status="",
    )


_TYPES: Mapping[str, EventType] = MappingProxyType(
    {
        each.name: each
        for each in (
            _order_event("open", "A payment order was created.", (), ()),
            _order_event(
                "paid",
                "The order is paid. Only a bank that took the money at its counter can take it back, on the same day: then "
                "`payment_order.reversed` follows.",
                ("paid_at", "provider"),
                (*_PROVIDER, "receipt"),
            ),
            _order_event("failed", "Every allowed attempt was refused.", (), (*_PROVIDER, "reason")),
            _order_event(
                "expired", "The order's time is over and no provider holds a payment.", (), ("reason",)
            ),
            _order_event("cancelled", "The portal withdrew the order.", (), ("reason",)),
            _order_event(
                "exempted",
                "The order was created and has nothing to collect: everything in it is exempted. `amount` is 0; no other "
                "event of the order comes.",
                (),
                (),
            ),
            _order_event(
                "reversed",
                "The bank took its payment back (a teller took the wrong bill): the order is not paid any more, its "
                "receipt is cancelled and its obligations can be ordered again.",
                ("reversed_at", "provider"),
                _PROVIDER,
            ),
            EventType(
                name="obligation.changed",
                meaning="What is owed changed: a new version of a decision, a deferral, a plan, a payment elsewhere, all "
                "of its money went back (`refunded`), or more was paid than is asked now (`refund_proposed`, with the "
                "amount). `status` is the obligation's.",
                required=frozenset(("obligation", "kind", "status", "change")),
                optional=frozenset(("amount", "currency")),
                status="",
            ),
            _refund_event("refund.succeeded", "The provider gave `amount` of a payment of the order back."),
            _refund_event(
                "refund.rejected",
                "The provider refused to give `amount` back; its money is where it was.",
            ),
        )
    }
)


def all_event_types() -> tuple[EventType, ...]:
    """Every kind of fact, in the order of an order's life."""
    return tuple(_TYPES.values())


def event_type(name: str) -> EventType:
    """The kind of fact with this name; an unregistered one is a programmer's mistake (ValueError)."""
    if name not in _TYPES:
        raise ValueError(f"no such event type is registered: {name}")
    return _TYPES[name]


def is_event_type(name: str) -> bool:
    """Whether a fact of this name exists."""
    return name in _TYPES


def require_described(fact: Fact) -> None:
    """Raise ValueError unless a fact carries every required field of its type and none not described."""
    kind = event_type(fact.type)
    given = fact.data.keys()
    missing, unknown = kind.required - given, given - kind.required - kind.optional
    if missing or unknown:
        raise ValueError(f"{fact.type}: missing {sorted(missing)}, not described {sorted(unknown)}")
    if kind.status and fact.data["status"] != kind.status:
        raise ValueError(f"{fact.type} means the status {kind.status}")
    if fact.sequence < 1:
        raise ValueError("a sequence counts from 1")
    amount = fact.data.get("amount", 0)
    if isinstance(amount, bool) or not isinstance(amount, int):
        raise ValueError("an amount is a whole number of minor units")
