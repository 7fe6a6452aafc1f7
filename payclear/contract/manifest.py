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
    )
