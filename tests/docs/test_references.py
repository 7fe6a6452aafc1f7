"""What a document names exists: files, links, commands, settings, events, errors, invariants, routes."""

import ast
import importlib
import re
from collections.abc import Iterator

import pytest
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import RequestRedirect

from payclear.assembly import load_modules
from payclear.cli import import_domains, main
from payclear.events.registry import all_event_types
from payclear.kernel.settings import load_settings
from payclear.kernel.settings_layers import OUTSIDE, variable_of
from payclear.kernel.settings_schema import SECTIONS, keys_of
from payclear.operations.docs_pages import error_codes
from payclear.operations.verify import CORE_CHECKS
from payclear.orders.domain import CaseKind
from tests.docs.pages import DOCS, ROOT, Page, all_pages, page

TOP_FOLDERS = "payclear|providers|reconciliation|config|docs|tests|migrations|bench|examples|requirements"
PATH = re.compile(rf"(?:{TOP_FOLDERS})/[\w./\-]*|setup\.cfg|pyproject\.toml|Makefile|\.ci/run")
MODULE = re.compile(r"(?:payclear|providers|reconciliation)(?:\.\w+)+")
VARIABLE = re.compile(r"PAYCLEAR_[A-Z][A-Z0-9_]*[A-Z0-9]")
PLACES = re.compile(r"<[^>]+>|…")
ROUTE = re.compile(r"(?:GET |POST )?(/(?:v1|docs|health|console|receipts|pay|return|callbacks|\.well)\S*)")
PARTS = ("Context", "Decision", "Consequences", "Refused")
ENTRY_POINTS = {"payclear.providers", "payclear.modules"}
PAGES = [pytest.param(each, id=each.name) for each in all_pages()]
SOURCES = ("payclear", "providers", "reconciliation")


@pytest.mark.parametrize("page_", PAGES)
def test_links_lead_somewhere(page_: Page):
    broken = []
    for link in page_.links():
        if re.match(r"https?://", link):
            continue
        place, _, anchor = link.partition("#")
        target = (page_.path.parent / place).resolve() if place else page_.path
        if not target.exists() or (anchor and anchor not in page(target).anchors()):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page_", PAGES)
def test_named_files_exist(page_: Page):
    named = {code for code in page_.codes() if PATH.fullmatch(code) and "NNNN" not in code}
    assert {code for code in named if not (ROOT / code).exists()} == set()


@pytest.mark.parametrize("page_", PAGES)
def test_named_modules_and_functions_exist(page_: Page):
    named = {code for code in page_.codes() if MODULE.fullmatch(code)} - ENTRY_POINTS - set(_log_events())
    assert {code for code in named if not _is_importable(code)} == set()


@pytest.mark.parametrize("page_", PAGES)
def test_named_commands_exist(page_: Page):
    load_modules(load_settings("test"))
    commands = set(main.list_commands(None))  # type: ignore[arg-type]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    said = [line.strip() for line in page_.everything()]
    named = {found[1] for line in said if (found := re.match(r"(?:\.venv/bin/)?payclear ([a-z-]+)", line))}
    made = {found[1] for line in said if (found := re.match(r"make ([a-z]+)", line))}
    assert named <= commands
    assert made <= targets


@pytest.mark.parametrize("page_", PAGES)
def test_named_settings_exist(page_: Page):
    names = {f"{section}.{key}" for section, kind in SECTIONS.items() for key in keys_of(kind)}
    variables = {variable_of(name) for name in names} | OUTSIDE
    dotted = {code for code in page_.codes() if re.fullmatch(r"\w+\.\w+", code)}
    said = {code for code in dotted if code.partition(".")[0] in SECTIONS}
    assert said - names - _jobs() - set(_log_events()) == set()
    text = PLACES.sub("X", page_.text)
    unknown = {
        name
        for name in VARIABLE.findall(text)
        if name.removesuffix("_FILE") not in variables and not name.startswith("PAYCLEAR_PROVIDER_")
    }
    assert unknown == set()


@pytest.mark.parametrize("page_", PAGES)
def test_named_events_exist(page_: Page):
    named = {code for code in page_.codes() if re.fullmatch(r"payment_order\.\w+", code)}
    assert named <= {kind.name for kind in all_event_types()}


@pytest.mark.parametrize("page_", PAGES)
def test_named_invariants_are_checked(page_: Page):
    checks = [*CORE_CHECKS, *load_modules(load_settings("test")).checks]
    known = {check.id for check in checks}
    assert set(re.findall(r"INV-\d+", page_.text)) <= known


@pytest.mark.parametrize("name", ["portals.md", "operators.md", "banks.md"])
def test_named_errors_exist(name):
    text = page(DOCS / name).text
    rows = re.findall(r"^\| Code \| Then \|\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    named = {code for table in rows for code in re.findall(r"^\| `(\w+)`", table, re.MULTILINE)}
    named |= {code for code in page(DOCS / name).codes() if code in ("invalid_request", "signature_invalid")}
    named |= set(re.findall(r"`(idempotency_\w+)`", text))
    assert named <= error_codes()


def test_every_log_event_is_explained_to_operators():
    text = page(DOCS / "operators.md").text
    rows = re.findall(r"^\| (`[^|]+`) \| (?:debug|info|warning|error) \|", text, re.MULTILINE)
    explained = {code for row in rows for code in re.findall(r"`([^`]+)`", row)}
    assert explained == set(_log_events())


def test_every_case_is_explained_to_the_treasury():
    codes = set(page(DOCS / "treasury.md").codes())
    assert {kind.value for kind in CaseKind} <= codes


def test_every_discrepancy_is_explained_to_the_treasury():
    import_domains()
    domain = importlib.import_module("reconciliation.discrepancies.domain")
    explained = re.findall(r"^\| (B\d\d) \|", page(DOCS / "treasury.md").text, re.MULTILINE)
    assert explained == [code.value for code in domain.Code]


def test_every_error_of_a_webhook_try_is_explained():
    source = (ROOT / "payclear/webhooks/outbound.py").read_text(encoding="utf-8")
    listed = re.search(r"Codes: ([a-z_, ]+)\.", source)
    assert listed is not None
    assert set(listed[1].split(", ")) <= set(page(DOCS / "operators.md").codes())


def test_named_routes_are_served(app):
    adapter = app.url_map.bind("127.0.0.1")
    missing = set()
    for each in all_pages():
        for code in each.codes():
            found = re.fullmatch(
                r"(?:GET |POST )?(/(?:v1|docs|health|console|receipts|pay|return|callbacks|\.well)\S*)", code
            )
            if found and not _is_served(adapter, found[1].partition("?")[0]):
                missing.add((each.name, code))
    assert missing == set()


@pytest.mark.parametrize("page_", PAGES)
def test_page_names_no_place_of_one_machine(page_: Page):
    assert re.search(r"/(work|home|tmp|root)/", page_.text) is None


def test_every_decision_is_listed_and_complete():
    listed = page(DOCS / "decisions" / "README.md").links()
    files = sorted(path.name for path in (DOCS / "decisions").glob("0*.md"))
    assert listed == files
    assert [name[:4] for name in files] == [f"{number:04d}" for number in range(1, len(files) + 1)]
    for name in files:
        text = page(DOCS / "decisions" / name).text
        assert text.startswith(f"# {name[:4]} ")
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences", "Refused")), (
            name
        )


def _is_importable(name: str) -> bool:
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def _is_served(adapter, path: str) -> bool:
    filled = re.sub(r"<[^>]+>", "vi" if path.startswith("/return/") and path.count("<") > 1 else "x1", path)
    try:
        adapter.match(filled)
    except (MethodNotAllowed, RequestRedirect):
        return True
    except Exception:
        return False
    return True


def _jobs() -> set[str]:
    return set(importlib.import_module("payclear.jobs.queue").app.tasks)


def _log_events() -> Iterator[str]:
    """The first word of every log call with a constant message."""
    for package in SOURCES:
        for path in (ROOT / package).rglob("*.py"):
            if path.is_relative_to(ROOT / "providers" / "simulator"):
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id in ("log", "logger")
                    and node.func.attr in ("debug", "info", "warning", "error", "exception", "critical")
                    and node.args
                    and isinstance(node.args[0], ast.Constant)
                ):
                    yield str(node.args[0].value).split()[0]
