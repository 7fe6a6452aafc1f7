"""The capability manifest of an adapter: data that the core, the docs and the conformance kit read."""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from payclear.contract.channels import Channel, Instrument
from payclear.contract.version import refusal_of

WATCH_HOURS_MAX = 168


class Capability(StrEnum):
    """What an adapter can do; everything not listed is refused by the base class."""

    REDIRECT = "redirect"
    QR = "qr"
    CALLBACK = "callback"
    STATUS_QUERY = "status_query"
    REFUND = "refund"
    PARTIAL_REFUND = "partial_refund"
    REFUND_QUERY = "refund_query"
    COLLECTION = "collection"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Facts about an adapter. Amounts in minor units; `page_origins` feed the page's form-action policy."""

    name: str
    title_vi: str
    title_en: str
    protocol_version: str
    certified: bool
    capabilities: frozenset[Capability]
    callback_methods: tuple[str, ...]
    required_options: tuple[str, ...]
    required_secrets: tuple[str, ...]
    amount_min: int
    amount_max: int
    confirm_by_query: bool
    open_points: tuple[str, ...]
    contract: int = 1  # the number of `payclear.contract.version` that the adapter was written for
    checkout_calls: bool = True  # False: the pay address or QR text is made here, no call leaves us
    answers_signed: bool = True  # False: answers to status queries carry no signature
    answers_numbered: bool = (
        True  # False: they bear no number of theirs that callbacks and statements bear too
    )
    answers_name_payment: bool = True  # False: they carry no reference of ours
    reports: tuple[str, ...] = ("refused", "cancelled")  # ends without money that any message tells
    callback_on: tuple[str, ...] = ("paid", "refused")  # what the provider calls back about
    callback_names_merchant: bool = True
    callback_uncovered: tuple[str, ...] = ()  # fields of a callback that its checksum leaves open
    # Of a bank that collects: what it may ask, whether it tells of money that has moved already, and our replies.
    collection_operations: tuple[str, ...] = ("inquire", "pay", "reverse", "status")
    collection_notifies: bool = False
    collection_replies_signed: bool = True
    # What a settlement file states besides its lines.
    statement_parts: tuple[str, ...] = ("status", "trailer")
    statement_lists_refunds: bool = True
    # Lower case; the headers that the signature needs, kept with the callback.
    callback_headers: tuple[str, ...] = ()
    # The same reference again is the same payment, so a cut-off call may be made again.
    create_repeats_safely: bool = False
    refund_repeats_safely: bool = False  # the same refund reference again is the same refund
    refund_query_needs_number: bool = (
        False  # a refund is asked about by the number the provider's answer told
    )
    # Where and with what a citizen pays, for payments whose messages do not say it.
    channel: Channel = Channel.GATEWAY
    instrument: Instrument = Instrument.UNSTATED
    # Where neither a callback nor a statement tells of late money: so long after its time a lapsed attempt is asked about.
    watch_hours: int = 0
    needs_bill: bool = False  # the provider issues the state's receipt, so it is told who pays what


def load_manifest(path: Path) -> Manifest:
    """Read an adapter's `manifest.toml`; another contract, an unknown capability or key raises ValueError."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    refusal = refusal_of(int(data.get("contract", 1)))  # first: another contract may well have other keys
    if refusal:
        raise ValueError(f"it {refusal}")
    known = set(Manifest.__slots__)
    unknown = set(data) - known
    if unknown:
        raise ValueError(f"{path}: unknown manifest keys {sorted(unknown)}")
    watch_hours = data.get("watch_hours", 0)
    if type(watch_hours) is not int or not 0 <= watch_hours <= WATCH_HOURS_MAX:
        raise ValueError(f"{path}: watch_hours is a whole number from 0 to {WATCH_HOURS_MAX}")
    if watch_hours and Capability.STATUS_QUERY not in data["capabilities"]:
        raise ValueError(f"{path}: watch_hours needs the capability {Capability.STATUS_QUERY}")
    return Manifest(
        contract=int(data.get("contract", 1)),
        name=data["name"],
        title_vi=data["title_vi"],
        title_en=data["title_en"],
        protocol_version=data["protocol_version"],
        certified=bool(data["certified"]),
        capabilities=frozenset(Capability(value) for value in data["capabilities"]),
        callback_methods=tuple(data.get("callback_methods", ())),
        callback_headers=tuple(data.get("callback_headers", ())),
        required_options=tuple(data.get("required_options", ())),
        required_secrets=tuple(data.get("required_secrets", ())),
        amount_min=int(data.get("amount_min", 1)),
        amount_max=int(data.get("amount_max", 10**15)),
        confirm_by_query=bool(data.get("confirm_by_query", False)),
        create_repeats_safely=bool(data.get("create_repeats_safely", False)),
        refund_repeats_safely=bool(data.get("refund_repeats_safely", False)),
        refund_query_needs_number=bool(data.get("refund_query_needs_number", False)),
        channel=Channel(data.get("channel", Channel.GATEWAY)),
        instrument=Instrument(data.get("instrument", Instrument.UNSTATED)),
        watch_hours=watch_hours,
        needs_bill=bool(data.get("needs_bill", False)),
        open_points=tuple(data.get("open_points", ())),
        checkout_calls=bool(data.get("checkout_calls", True)),
        answers_name_payment=bool(data.get("answers_name_payment", True)),
        answers_numbered=bool(data.get("answers_numbered", True)),
        answers_signed=bool(data.get("answers_signed", True)),
        reports=tuple(data.get("reports", ("refused", "cancelled"))),
        callback_on=tuple(data.get("callback_on", ("paid", "refused"))),
        callback_names_merchant=bool(data.get("callback_names_merchant", True)),
        callback_uncovered=tuple(data.get("callback_uncovered", ())),
        collection_operations=tuple(
            data.get("collection_operations", ("inquire", "pay", "reverse", "status"))
        ),
        collection_notifies=bool(data.get("collection_notifies", False)),
        collection_replies_signed=bool(data.get("collection_replies_signed", True)),
        statement_lists_refunds=bool(data.get("statement_lists_refunds", True)),
        statement_parts=tuple(data.get("statement_parts", ("status", "trailer"))),
    )
