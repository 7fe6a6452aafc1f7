"""The lines that make a new adapter known: entry point, import contract, simulator, demo account. Called by `__main__`.

A file whose shape is not the known one is left alone: then the lines are printed to be added by hand.
"""

import ast
import configparser
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from providers.scaffold.files import class_name

_SETUP = "setup.cfg"
_REGISTRY = "providers/simulator/registry.py"
_SUBJECTS = "tests/providers/conformance/subjects.py"

_ENTRY_POINTS = re.compile(r"^payclear\.providers =\n((?:    .+\n)+)", re.M)
_CONTRACT = re.compile(
    r"^\[importlinter:contract:adapters\]\n(?:.+\n)*?modules =\n((?:    providers\.(?!simulator).+\n)+)", re.M
)
_MODULES = re.compile(r"^MODULES = \(\n((?:    \"providers\.simulator\.\w+\",\n)+)\)", re.M)
_IMPORTS = re.compile(r"^((?:from providers\..+\n)+)", re.M)
_DEMOS = re.compile(r"^SUBJECTS: [^\n]*= \{\n", re.M)
_DEMO = re.compile(r"^    \"(\w+)\": Demo\(\n", re.M)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One file's new text; None when it could not be made, `lines` says what to add by hand."""

    path: Path
    text: str | None
    lines: str


def edits(root: Path, name: str) -> list[Edit]:
    """What to change in files that are there already."""
    return [
        _edit(
            root / _SETUP,
            _in_setup,
            name,
            f"[options.entry_points] payclear.providers: {_entry_point(name)}\n"
            f"[importlinter:contract:adapters] modules: providers.{name}",
        ),
        _edit(root / _REGISTRY, _in_registry, name, f'MODULES: "providers.simulator.{name}",'),
        _edit(root / _SUBJECTS, _in_subjects, name, _imports(name) + _demo(name)),
    ]


def _edit(path: Path, change: Callable[[str, str], str | None], name: str, lines: str) -> Edit:
    return Edit(path=path, text=change(path.read_text(encoding="utf-8"), name), lines=lines)


def _in_setup(text: str, name: str) -> str | None:
    changed = _put_sorted(text, _ENTRY_POINTS, f"    {_entry_point(name)}\n")
    changed = changed and _put_sorted(changed, _CONTRACT, f"    providers.{name}\n")
    if changed is None:
        return None
    read = configparser.ConfigParser(interpolation=None)
    read.read_string(changed)
    entries = read["options.entry_points"]["payclear.providers"].splitlines()
    modules = read["importlinter:contract:adapters"]["modules"].split()
    return changed if _entry_point(name) in entries and f"providers.{name}" in modules else None


def _in_registry(text: str, name: str) -> str | None:
    return _sound(_put_sorted(text, _MODULES, f'    "providers.simulator.{name}",\n'))


def _in_subjects(text: str, name: str) -> str | None:
    changed: str | None = text
    for line in _imports(name).splitlines(keepends=True):
        changed = changed and _put_sorted(changed, _IMPORTS, line)
    if changed is None:
        return None
    begins = _DEMOS.search(changed)
    if begins is None:
        return None
    ends = changed.find("\n}\n", begins.end()) + 1
    others = _DEMO.finditer(changed, begins.end(), ends)
    at = next((found.start() for found in others if found[1] > name), ends)
    return _sound(changed[:at] + _demo(name) + changed[at:]) if ends else None


def _put_sorted(text: str, block: re.Pattern[str], line: str) -> str | None:
    """A line put into the first block that matches, in the order of the alphabet; None without the block."""
    found = block.search(text)
    if found is None:
        return None
    lines = found[1].splitlines(keepends=True)
    at = next((number for number, other in enumerate(lines) if other > line), len(lines))
    return text[: found.start(1)] + "".join([*lines[:at], line, *lines[at:]]) + text[found.end(1) :]


def _sound(text: str | None) -> str | None:
    try:
        ast.parse(text or "")
    except SyntaxError:
        return None
    return text


def _entry_point(name: str) -> str:
    return f"{name} = providers.{name}:provider"


def _imports(name: str) -> str:
    return (
        f"from providers.{name}.client import {class_name(name)}Client\n"
        f"from providers.{name}.provider import {class_name(name)}Provider\n"
    )


def _demo(name: str) -> str:
    kind = class_name(name)
    return f'''\
    "{name}": Demo(
        make=lambda transport, clock: {kind}Provider({kind}Client(transport, clock, statements=transport)),
        options={{
            "merchant": "=merchant",
            "pay_url": "{{url}}/{name}/pay",
            "api_url": "{{url}}/{name}",
            "statement_url": "{{url}}/{name}/statements",
        }},
        secrets={{"signing_key": "=key"}},
    ),
'''
