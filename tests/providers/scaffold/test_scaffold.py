"""`make provider`: the guide of docs/providers.md is followed command by command in a copy of the tree, to green."""

import configparser
import hashlib
import hmac
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, page

ROOT = Path(__file__).parents[3]
FILLED = Path(__file__).with_name("filled")
NAME = "songhong"
KEY = "DEMO-ONLY-SONGHONG-SIGNING-KEY"
TREE = (
    "payclear",
    "providers",
    "reconciliation",
    "tests",
    "config",
    "migrations",
    "docs",
    "examples",
    "bench",
)
TOUCHED = (
    f"providers/{NAME}",
    f"providers/simulator/{NAME}.py",
    "providers/simulator/registry.py",
    f"tests/providers/{NAME}",
    "tests/providers/conformance/subjects.py",
)
FILES = ("setup.cfg", "pyproject.toml", "Makefile", "README.md")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree that works with this environment's packages."""
    root = tmp_path_factory.mktemp("clone")
    for folder in TREE:
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "results"))
    for file in FILES:
        shutil.copy(ROOT / file, root / file)
    (root / ".venv").symlink_to(sys.prefix)
    return root


def run(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(clone), "PYTHONDONTWRITEBYTECODE": "1"}
    environ.pop("PYTEST_CURRENT_TEST", None)
    return subprocess.run(
        words, cwd=clone, env=environ, capture_output=True, text=True, check=False, timeout=600
    )


def python(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(clone, sys.executable, *words)


def followed(clone: Path, line: str) -> subprocess.CompletedProcess[str]:
    """A command of the guide as it stands, in the clone. The environment is there: make installs nothing."""
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        words[1:1] = ["-o", "runtime", "-o", "development"]
    return run(clone, *words)


def everything(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not {".venv", "__pycache__", ".hypothesis", ".pytest_cache"} & set(path.parts)
    }


def fill(clone: Path) -> None:
    """What a bank engineer writes in the afternoon."""
    for path in FILLED.glob("*.py"):
        shutil.copy(path, clone / "providers" / NAME / path.name)
    other_side = (ROOT / "tests" / "wheel" / "other_side.py").read_text(encoding="utf-8")
    for tiny, ours in (
        ("tinybank", NAME),
        ("TinyBank", "Songhong"),
        ("TINYBANK", "SONGHONG"),
        ("TINY01", "DEMOSONGHONG"),
    ):
        other_side = other_side.replace(tiny, ours)
    (clone / "providers" / "simulator" / f"{NAME}.py").write_text(other_side, encoding="utf-8")
    manifest = clone / "providers" / NAME / "manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(
        text.replace("callback_headers = []", 'callback_headers = ["x-tiny-signature"]'), encoding="utf-8"
    )
    golden = clone / "tests" / "golden"
    body = '{"merchant":"DEMOSONGHONG","ref":"PC0123456789A01","amount":150000}'
    signed = hmac.new(KEY.encode(), body.encode(), hashlib.sha256).hexdigest()
    case = {
        "case": "paid",
        "secret": KEY,
        "method": "POST",
        "headers": {"x-tiny-signature": signed},
        "body": body,
    }
    (golden / f"{NAME}.json").write_text(json.dumps({"made_by": "the bank's document", "cases": [case]}))
    (golden / f"{NAME}-statement.csv").write_text(
        "ref,number,amount,status,at\nPC0123456789A01,14000001,150000,PAID,21/11/2026 10:31:12\nTOTAL,1,150000,,\n"
    )


def commands_of_the_guide() -> list[str]:
    return [line for block in page(DOCS / "providers.md").blocks("sh") for line in block.splitlines() if line]


@pytest.mark.slow
def test_guide_leads_from_nothing_over_red_to_green(clone: Path):
    first, red, *rest = commands_of_the_guide()
    before = everything(clone)
    _makes_it_known(clone, before, followed(clone, first))
    _says_what_to_write(followed(clone, red), red)
    _leaves_the_rest_green(clone)
    fill(clone)
    assert len(rest) >= 3
    for line in rest:
        done = followed(clone, line)
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
    assert f"| {NAME} |" in (clone / "docs" / "providers.md").read_text(encoding="utf-8")
    lint = python(clone, "-m", "ruff", "check", *TOUCHED)
    assert lint.returncode == 0, lint.stdout


def _makes_it_known(clone: Path, before: dict[str, bytes], made: subprocess.CompletedProcess[str]) -> None:
    assert made.returncode == 0, made.stdout + made.stderr
    assert "BY HAND" not in made.stdout
    after = everything(clone)
    changed = {path for path in before if after[path] != before[path]}
    assert changed == {
        "setup.cfg",
        "providers/simulator/registry.py",
        "tests/providers/conformance/subjects.py",
        "docs/providers.md",
    }
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(clone / "setup.cfg")
    assert f"{NAME} = providers.{NAME}:provider" in setup["options.entry_points"]["payclear.providers"]
    assert f"providers.{NAME}" in setup["importlinter:contract:adapters"]["modules"].split()


def _says_what_to_write(done: subprocess.CompletedProcess[str], line: str) -> None:
    assert "# red" in line
    assert done.returncode == 1, done.stdout[-3000:]
    for todo in (
        f"providers/{NAME}/client.py: write pay_url",
        f"providers/{NAME}/mapping.py: write signing_key_id",
        f"providers/{NAME}/mapping.py: fill OUTCOMES",
        f"providers/{NAME}/statement.py: write parse",
        f"tests/golden/{NAME}.json: add cases",
    ):
        assert todo in done.stdout
    assert " skipped" not in done.stdout


def _leaves_the_rest_green(clone: Path) -> None:
    """Lint, types, contracts, documents and the other adapters do not mind a skeleton."""
    checks = (
        ("-m", "ruff", "check", *TOUCHED),
        ("-m", "ruff", "format", "--check", *TOUCHED),
        ("-m", "mypy", f"providers/{NAME}", f"providers/simulator/{NAME}.py"),
        ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"),
        (
            "-m",
            "pytest",
            "-q",
            "-n",
            "0",
            "tests/providers/conformance/test_conformance.py",
            "-k",
            "every or sandbox-success",
        ),
        ("-m", "pytest", "-q", "-n", "0", "tests/docs/test_generated.py", "-k", "providers"),
    )
    for words in checks:
        done = python(clone, *words)
        assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}{done.stderr[-1000:]}"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The few files that the generator reads."""
    for file in ("setup.cfg", "providers/simulator/registry.py", "tests/providers/conformance/subjects.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def scaffold(name: str, into: Path) -> subprocess.CompletedProcess[str]:
    return run(ROOT, sys.executable, "-m", "providers.scaffold", name, "--into", str(into))


@pytest.mark.parametrize(
    "name",
    ["", "ab", "Songhong", "song_hong", "song-hong", "1bank", "x" * 32, "class", "../bank", "ngânhàng"],
)
def test_name_that_can_not_be_one_is_refused_and_nothing_is_written(name: str, bare: Path):
    before = everything(bare)
    done = scaffold(name, bare)
    assert done.returncode == 2
    assert "can not be an adapter's name" in done.stderr
    assert everything(bare) == before


def test_name_that_is_taken_is_refused_and_a_second_run_says_so(bare: Path):
    assert scaffold(NAME, bare).returncode == 0
    before = everything(bare)
    again = scaffold(NAME, bare)
    assert again.returncode == 2
    assert "songhong is there already" in again.stderr
    assert everything(bare) == before
    for name in ("transport", "simulator", "scaffold", "momo", "vnpay"):
        assert scaffold(name, ROOT).returncode == 2


def test_only_one_remnant_is_enough_to_refuse(bare: Path):
    (bare / "tests" / "golden").mkdir()
    (bare / "tests" / "golden" / f"{NAME}.json").write_text("mine")
    assert scaffold(NAME, bare).returncode == 2
    assert not (bare / "providers" / NAME).exists()


def test_folder_that_is_no_clone_is_refused(tmp_path: Path):
    done = scaffold(NAME, tmp_path)
    assert done.returncode == 2
    assert "is no clone of payclear" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "file", ["setup.cfg", "providers/simulator/registry.py", "tests/providers/conformance/subjects.py"]
)
def test_file_of_another_shape_is_left_alone_and_the_lines_are_told(file: str, bare: Path):
    (bare / file).write_text("[another]\nshape = yes\n" if file == "setup.cfg" else "ANOTHER = 'shape'\n")
    before = (bare / file).read_bytes()
    done = scaffold(NAME, bare)
    assert done.returncode == 0
    assert f"BY HAND  {file}" in done.stdout
    assert "songhong" in done.stdout.split("BY HAND")[1]
    assert (bare / file).read_bytes() == before
