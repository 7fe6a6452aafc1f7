"""The walls of the house: imports, purity, sizes, and words that may not stand in a file."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("payclear", "providers", "reconciliation", "examples", "bench", "migrations", "tests")
FORBIDDEN_NAMES = {"utils", "helpers", "common", "constants"}
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time")}
CLOCK_HOME = ROOT / "payclear" / "kernel" / "clock.py"


def python_files(*packages: str) -> Iterator[Path]:
    for package in packages or PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_import_contracts_hold() -> None:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_adapters_are_kept_from_every_room_but_three() -> None:
    """A new package of payclear joins the contract of the adapters; nobody has to remember it."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / "setup.cfg", encoding="utf-8")
    forbidden = contracts["importlinter:contract:adapters-reach"]["forbidden_modules"].split()
    rooms = {
        f"payclear.{path.stem}"
        for path in (ROOT / "payclear").iterdir()
        if (path / "__init__.py").exists() or (path.suffix == ".py" and not path.stem.startswith("__"))
    }
    assert rooms - {*forbidden} == {"payclear.contract", "payclear.kernel", "payclear.security"}


def test_no_file_is_longer_than_600_lines() -> None:
    long = {
        shown(path): size for path in python_files() if (size := len(path.read_bytes().splitlines())) > 600
    }
    assert long == {}


def test_no_module_is_a_heap_of_things() -> None:
    assert [shown(path) for path in python_files() if path.stem in FORBIDDEN_NAMES] == []


def test_packages_start_empty() -> None:
    """An `__init__.py` of ours holds a docstring at most; adapters name their provider there."""
    full = []
    for path in python_files("payclear", "reconciliation"):
        if path.name == "__init__.py":
            body = ast.parse(path.read_text(encoding="utf-8")).body
            if body and not (len(body) == 1 and isinstance(body[0], ast.Expr)):
                full.append(shown(path))
    assert full == []


def test_only_the_kernel_reads_the_clock() -> None:
    readers = []
    for path in python_files("payclear", "providers", "reconciliation"):
        if path == CLOCK_HOME:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and (node.func.value.id, node.func.attr) in CLOCKS
            ):
                readers.append(f"{shown(path)}:{node.lineno}")
    assert readers == []


@pytest.mark.parametrize("name", ["runtime", "development"])
def test_lock_names_no_index_and_pins_every_package_by_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert re.search(r"https?://|file://|--(extra-)?index-url|--find-links|--trusted-host", text) is None
    pins = re.findall(
        r"^([a-z0-9][a-z0-9._-]*)==[^\s]+ \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE
    )
    starts = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", text, re.MULTILINE)
    assert pins == starts
    assert len(pins) > 20


def test_every_runtime_requirement_is_declared_and_locked() -> None:
    setup = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    declared = re.search(r"install_requires =\n((?:    .+\n)+)", setup)
    assert declared is not None
    wanted = {re.split(r"[\[<>=]", line.strip())[0] for line in declared.group(1).splitlines()}
    lock = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    assert wanted <= set(re.findall(r"^([a-z0-9._-]+)==", lock, re.MULTILINE))
