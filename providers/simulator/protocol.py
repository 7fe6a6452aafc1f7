"""What a provider's other side is: the base that every protocol of the simulator fills in.

The engine owns the truth, the faults and the deliveries; a protocol owns its wire: addresses, fields, signatures.
It imports no adapter and nothing of `payclear.contract`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, ClassVar

from flask import Blueprint

from providers.simulator.statement_lines import StatementDay
from providers.simulator.truth import Payment

if TYPE_CHECKING:
    from providers.simulator.engine import Engine

WRONG_KEY = "NOT-THE-KEY-OF-THIS-MERCHANT"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundCall:
    """One message to the merchant, byte for byte. `key`: signs it at the moment of sending (empty: signed already)."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """How often a callback is sent in all, and the seconds before each repetition (the last gap repeats)."""

    tries_max: int = 10
    gaps_s: tuple[float, ...] = (300.0,)

    def gap_s(self, tries: int) -> float:
        """How long to wait after the given number of tries."""
        return self.gaps_s[min(tries, len(self.gaps_s)) - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A statement file as the provider delivers it."""

    name: str
    content: bytes
    media_type: str


class PageError(Exception):
    """The provider shows an error instead of its pay page. `code` is the provider's own where it has one."""

    def __init__(self, reason: str, *, provider: str, code: str, locale: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.provider = provider
        self.code = code
        self.locale = locale


class Protocol:
    """One provider's other side. Fill in what stands below; everything else has a sound default."""

    name = ""
    title_vi = ""
    title_en = ""
    demo: ClassVar[Mapping[str, str]] = {}
    """Merchant, keys and other credentials of the demo account; `SIMULATOR_<NAME>_<CREDENTIAL>` overrides."""
    outcomes: tuple[str, ...] = ("success", "insufficient", "cancel")
    """What the payer can bring about, in the order of the page's buttons; `success` is always among them."""
    page_codes: ClassVar[Mapping[str, str]] = {}
    """Reason → the provider's own code: `signature merchant format expired ended unknown outcome`."""
    retry = RetryRule()
    takes_again = False
    """Whether money comes again when the payer pays a second time under the same reference: transfers do."""
    ref_prefix = ""
    """What stands before our numbers where the merchant reads them (`bank_reference`)."""

    def __init__(self, engine: "Engine") -> None:
        self.engine = engine

    def own(self, credential: str) -> str:
        """A credential of the merchant's account, as configured."""
        return self.engine.settings.credentials.get(self.name, {}).get(credential, self.demo[credential])

    def callback_url(self) -> str:
        """Where callbacks go that the merchant has configured once (not per payment)."""
        return self.engine.callback_url(self.name)

    def refuse(self, reason: str, locale: str = "vi") -> PageError:
        """The error page for a reason."""
        return PageError(reason, provider=self.name, code=self.page_codes.get(reason, reason), locale=locale)

    # To be filled in.

    def blueprint(self) -> Blueprint:
        """The protocol's addresses, all under `/<name>`."""
        raise LookupError(self.name)

    def open(self, text: str) -> Payment:
        """Open a payment as the payer's device does, from a pay URL or a QR text; raises PageError.

        By default the last part of the address names a payment that was created by a call.
        """
        payment = self.engine.find(self.name, text.partition("?")[0].rstrip("/").rpartition("/")[2])
        if payment is None:
            raise self.refuse("unknown")
        return payment

    def callback(self, payment: Payment, *, forged: bool) -> OutboundCall | None:
        """The message about a payment that ended (`payment.outcome`); None when the protocol tells nothing.

        `payment` is what the message is to say, which a fault may have changed; `forged` signs with another key.
        The same payment gives the same event identity.
        """
        return None

    def at_sending(self, call: OutboundCall, at: datetime) -> OutboundCall:
        """Stamp and sign a call at the moment it is sent; most protocols have signed before."""
        return call

    def is_acknowledged(self, status: int, body: bytes) -> bool:
        """Whether the merchant's answer ends the repetitions."""
        return 200 <= status < 300

    def return_url(self, payment: Payment) -> str:
        """Where the browser goes after paying, with the provider's signed parameters."""
        return payment.return_url

    def statement(self, day: StatementDay, on: date) -> Document:
        """The day's settlement file in the provider's own layout. `html truncated unavailable` are the engine's."""
        raise LookupError(self.name)

    def new_reference(self, payment: Payment, outcome: str) -> str:
        """The provider's number for a payment that ends and has none yet."""
        return self.engine.truth.next_number()

    def steered(self, payment: Payment) -> list[str]:
        """Faults that the payment itself asks for (the sandbox's amounts)."""
        return []

    def before_pay(self, payment: Payment) -> None:
        """Asked before the money is taken: where a protocol asks the merchant first; raises PageError."""

    def before_each_look(self) -> None:
        """Called whenever the sender looks for due callbacks, about once a second."""

    def release(self) -> None:
        """Called when everything that waits is to happen now (`/control/send-callbacks`)."""
