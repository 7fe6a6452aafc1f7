"""Writes what docs/ takes from the code: settings, errors, events, drawn states, the conformance table.

Called by `payclear docs` and by the test that keeps the pages up to date.
It must give the same text on every machine: it reads code and defaults, never what is in force.
"""

import importlib
import importlib.util
import json
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Final
from uuid import UUID

from werkzeug.exceptions import default_exceptions

import payclear
from payclear.contract.conformance.table import render
from payclear.contract.manifest import load_manifest
from payclear.events.domain import Datum, Fact, event
from payclear.events.registry import EventType, all_event_types
from payclear.http.errors import HTTP_CODES, problem_of
from payclear.http.operations import Operation
from payclear.http.statuses import STATUS_OF
from payclear.i18n.texts import all_keys, has_text, translate
from payclear.kernel.errors import PayclearError, all_error_classes
from payclear.kernel.settings_page import settings_page
from payclear.kernel.states import all_tables
from payclear.opendata.service import DEFINITIONS
from payclear.privacy.columns import table_of_columns

STATES_BEGIN: Final = "<!-- states: written by `payclear docs` -->"
STATES_END: Final = "<!-- /states -->"
CONFORMANCE_BEGIN: Final = "<!-- conformance: written by `payclear docs` -->"
CONFORMANCE_END: Final = "<!-- /conformance -->"
COLUMNS_BEGIN: Final = "<!-- columns: written by `payclear docs` -->"
COLUMNS_END: Final = "<!-- /columns -->"
DEFINITIONS_BEGIN: Final = "<!-- definitions: written by `payclear docs` -->"
DEFINITIONS_END: Final = "<!-- /definitions -->"
_OF_PAGES: Final = ("payclear.http.forms", "payclear.http.rate_limits")
_GROUPS: Final = ("payclear.providers", "payclear.modules")

_ERRORS_HEAD: Final = """\
# Errors

Written by `payclear docs`; do not edit by hand.

Every refusal is `application/problem+json` (RFC 9457) with a stable `code`. React to the code, or to the
status when the code is new to you; show the title to people. Titles come in the language of
`Accept-Language`, Vietnamese when it says nothing. A 5xx is never the answer to bad input.
"""
_API_HEAD: Final = """
## What the portal API answers

"""
_FIELDS_HEAD: Final = """
## What can be wrong with one field

`invalid_request` (422) lists every field that is wrong as `errors: [{"field", "code", "message"}]`.

| Code | English | Vietnamese |
|---|---|---|
"""
_OTHERS_HEAD: Final = """
## What portals never see

Answers of pages, of the console and to providers, and what adapters and commands say in logs.

"""
_COLUMNS: Final = "| Code | Status | Meaning | English | Vietnamese |\n|---|---|---|---|---|\n"

_EVENTS_HEAD: Final = """\
# Events

Written by `payclear docs`; do not edit by hand.

What portals are told by webhook. Every body has `id`, `type`, `timestamp`, `api_version`, `portal`,
`sequence` and `data`. `sequence` counts 1, 2, 3 … without gaps for each order: keep the highest, and ignore
what is older. No event holds personal data. How to verify one: [portals.md](portals.md).
"""
_EXAMPLE: Final[dict[str, Datum]] = {
    "order_ref": "PC0123456789H",
    "portal_ref": "H00.14-261121-0007-1",
    "payment_code": "100000000000045",
    "amount": 200_000,
    "currency": "VND",
    "expires_at": "2026-11-21T17:00:00Z",
    "paid_at": "2026-11-21T03:30:05Z",
    "reversed_at": "2026-11-21T03:30:06Z",
    "provider": "vnpay-main",
    "attempt_ref": "PC0123456789H01",
    "refund_ref": "PC0123456789H01R01",
}
_EXAMPLE_AT: Final = datetime(2026, 11, 21, 3, 30, 6, tzinfo=UTC)


def write_pages(docs: Path, config_dir: Path) -> list[Path]:
    """Write every page that comes from the code; returns those whose text changed."""
    changed = []
    for path, text in pages(docs, config_dir).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def pages(docs: Path, config_dir: Path) -> dict[Path, str]:
    """The text of every such page; the texts of modules must be registered before."""
    operations = _import_everything()
    architecture, providers = docs / "architecture.md", docs / "providers.md"
    privacy = docs / "privacy.md"
    return {
        docs / "settings.md": settings_page(config_dir),
        docs / "errors.md": _errors_page(operations),
        docs / "events.md": _events_page(),
        architecture: with_states(architecture.read_text(encoding="utf-8")),
        providers: with_conformance(providers.read_text(encoding="utf-8")),
        privacy: with_columns(privacy.read_text(encoding="utf-8")),
        docs / "opendata.md": with_definitions((docs / "opendata.md").read_text(encoding="utf-8")),
    }


def error_codes() -> frozenset[str]:
    """Every code that an answer may carry."""
    _import_everything()
    return frozenset(each.code for each in _our_errors()) | HTTP_CODES


def with_states(text: str) -> str:
    """The architecture page with the drawings between its two marks put right; ValueError without them."""
    drawings = "".join(
        f"### {table.name}\n\n```mermaid\n{table.mermaid().strip()}\n```\n\n" for table in all_tables()
    )
    return _between(text, STATES_BEGIN, STATES_END, drawings)


def with_conformance(text: str) -> str:
    """The providers page with the table adapter × scenario put right; ValueError without its two marks.

    The adapters are those of our own tree, whatever else is installed.
    """
    found = importlib.util.find_spec("providers")
    folders = found.submodule_search_locations if found else None
    manifests = [
        load_manifest(path)
        for folder in folders or ()
        for path in sorted(Path(folder).glob("*/manifest.toml"))
    ]
    return _between(text, CONFORMANCE_BEGIN, CONFORMANCE_END, f"{render(manifests)}\n")


def with_columns(text: str) -> str:
    """The privacy page with the table of columns put right; ValueError without its two marks."""
    return _between(text, COLUMNS_BEGIN, COLUMNS_END, f"{table_of_columns()}\n\n")


def with_definitions(text: str) -> str:
    """The page of public figures with what each of them means, in both languages."""
    rows = [
        f"| `{name}` | {translate(f'opendata.means_{name}', 'en')} | {translate(f'opendata.means_{name}', 'vi')} |"
        for name in DEFINITIONS
    ]
    table = "\n".join(["| Figure | English | Vietnamese |", "|---|---|---|", *rows])
    return _between(text, DEFINITIONS_BEGIN, DEFINITIONS_END, f"{table}\n")


def _between(text: str, begin_mark: str, end_mark: str, content: str) -> str:
    head, begin, rest = text.partition(begin_mark)
    _, end, tail = rest.partition(end_mark)
    if not begin or not end:
        raise ValueError("the page has no place for what is written into it")
    return f"{head}{begin}\n\n{content}{end}{tail}"


def _import_everything() -> tuple[Operation, ...]:
    """Import all features, adapters and modules, so that their errors are known; the API's operations."""
    packages = [importlib.import_module(f"payclear.{name}") for name in _features()]
    for group in _GROUPS:
        for entry in entry_points(group=group):
            module = importlib.import_module(entry.module)
            is_package = hasattr(module, "__path__")
            packages.append(
                module if is_package else importlib.import_module(entry.module.rpartition(".")[0])
            )
    modules = [module for package in packages for module in _modules(package)]
    functions = [
        value for module in modules for value in vars(module).values() if isinstance(value, FunctionType)
    ]
    described = [vars(function).get("operation") for function in functions]
    return tuple(each for each in described if isinstance(each, Operation))


def _features() -> list[str]:
    return [found.name for found in pkgutil.iter_modules(payclear.__path__) if found.ispkg]


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not found.name.endswith(".__main__"):
            yield importlib.import_module(found.name)


def _our_errors() -> list[type[PayclearError]]:
    """Our own error classes: those of tests and of installed adapters are not part of this documentation."""
    ours = ("payclear", "providers", "reconciliation")
    return [each for each in all_error_classes() if each.__module__.partition(".")[0] in ours]


def _errors_page(operations: tuple[Operation, ...]) -> str:
    declared = {error for described in operations for error in described.errors}
    in_api: dict[str, str] = {}
    others: dict[str, str] = {}
    for error in _our_errors():
        is_api = error in declared or error.code in HTTP_CODES or _guards(error)
        rows = in_api if is_api else others
        rows.setdefault(error.code, _error_row(error))
    for status, kind in sorted(default_exceptions.items()):
        code = problem_of(kind()).code
        if code in HTTP_CODES:
            meaning = "HTTP itself refuses it." if status < 500 else "Our failure; quote the `request_id`."
            in_api.setdefault(code, _row(code, status, meaning))
    return (
        f"{_ERRORS_HEAD}{_API_HEAD}{_COLUMNS}{_sorted(in_api)}"
        f"{_FIELDS_HEAD}{_field_rows()}{_OTHERS_HEAD}{_COLUMNS}{_sorted(others)}"
    )


def _guards(error: type[PayclearError]) -> bool:
    """Whether the API answers it to any operation: who calls, what the key may do, what the request is."""
    if error.__module__ == "payclear.identity.service":
        return STATUS_OF[error.category] in (401, 403)
    return error.__module__.startswith("payclear.http.") and error.__module__ not in _OF_PAGES


def _sorted(rows: dict[str, str]) -> str:
    return "".join(rows[code] for code in sorted(rows))


def _error_row(error: type[PayclearError]) -> str:
    meaning = " ".join((error.__doc__ or "").split("\n\n")[0].split())
    return _row(error.code, STATUS_OF[error.category], meaning)


def _row(code: str, status: int, meaning: str) -> str:
    titles = " | ".join(_title(code, locale) for locale in ("en", "vi"))
    return f"| `{code}` | {status} | {meaning} | {titles} |\n"


def _title(code: str, locale: str) -> str:
    key = f"error.{code}"
    return translate(key, locale) if has_text(key) else ""


def _field_rows() -> str:
    rows = []
    for key in (each for each in all_keys() if each.startswith("field.")):
        english, vietnamese = (translate(key, locale, limit="…") for locale in ("en", "vi"))
        rows.append(f"| `{key.removeprefix('field.')}` | {english} | {vietnamese} |\n")
    return "".join(rows)


def _events_page() -> str:
    return _EVENTS_HEAD + "".join(_event_section(kind) for kind in all_event_types())


def _event_section(kind: EventType) -> str:
    schema = kind.data_schema()
    rows = "".join(
        f"| `{name}` | {'yes' if name in kind.required else 'sometimes'} | {_described(field)} |\n"
        for name, field in schema["properties"].items()
    )
    table = f"| Field of `data` | Present | Meaning |\n|---|---|---|\n{rows}"
    return f"\n## {kind.name}\n\n{kind.meaning}\n\n{table}\n```json\n{_example(kind)}\n```\n"


def _described(field: dict[str, object]) -> str:
    meaning = str(field.get("description", ""))
    return f"{meaning} Always `{field['const']}`." if "const" in field else meaning


def _example(kind: EventType) -> str:
    always = ("payment_code",)
    data = {name: value for name, value in _EXAMPLE.items() if name in kind.required or name in always}
    fact = Fact(
        type=kind.name,
        aggregate_id=UUID(int=1),
        sequence=1 if kind.status == "open" else 2,
        portal_code="tinh-mau",
        data=data | {"status": kind.status or "paid"},
    )
    body = json.loads(event(fact, event_id=UUID("01926f3b-8f80-7000-8000-000000000001"), at=_EXAMPLE_AT).body)
    return json.dumps(body, ensure_ascii=False, indent=2)
