"""The capability manifest of an adapter: data that the core, the docs and the conformance kit read."""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Capability(StrEnum):
    """What an adapter can do; everything not listed is refused by the base class."""

    REDIRECT = "redirect"
    QR = "qr"
    CALLBACK = "callback"
    STATUS_QUERY = "status_query"
    REFUND = "refund"
    PARTIAL_REFUND = "partial_refund"
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
    checkout_calls: bool = True  # False: the pay address or QR text is made here, no call leaves us
    answers_signed: bool = True  # False: answers to status queries carry no signature
    answers_name_payment: bool = True  # False: they carry no reference of ours
    reports: tuple[str, ...] = ("refused", "cancelled")  # ends without money that any message tells
    callback_on: tuple[str, ...] = ("paid", "refused")  # what the provider calls back about
    callback_names_merchant: bool = True
    callback_uncovered: tuple[str, ...] = ()  # fields of a callback that its checksum leaves open
    # What a settlement file states besides its lines.
    statement_parts: tuple[str, ...] = ("status", "trailer")
    # Lower case; the headers that the signature needs, kept with the callback.
    callback_headers: tuple[str, ...] = ()
    # The same reference again is the same payment, so a cut-off call may be made again.
    create_repeats_safely: bool = False


def load_manifest(path: Path) -> Manifest:
    """Read an adapter's `manifest.toml`; an unknown capability or key raises ValueError."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    known = set(Manifest.__slots__)
    unknown = set(data) - known
    if unknown:
        raise ValueError(f"{path}: unknown manifest keys {sorted(unknown)}")
    return Manifest(
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
        open_points=tuple(data.get("open_points", ())),
        checkout_calls=bool(data.get("checkout_calls", True)),
        answers_name_payment=bool(data.get("answers_name_payment", True)),
        answers_signed=bool(data.get("answers_signed", True)),
        reports=tuple(data.get("reports", ("refused", "cancelled"))),
        callback_on=tuple(data.get("callback_on", ("paid", "refused"))),
        callback_names_merchant=bool(data.get("callback_names_merchant", True)),
        callback_uncovered=tuple(data.get("callback_uncovered", ())),
        statement_parts=tuple(data.get("statement_parts", ("status", "trailer"))),
    )
