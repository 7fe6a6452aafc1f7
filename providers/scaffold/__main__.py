"""`python -m providers.scaffold NAME`: write the skeleton of a new adapter, make it known, and say what comes next."""

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from providers.scaffold.entries import Edit, edits
from providers.scaffold.files import ScaffoldRefused, new_files

_NEXT = """
What comes next (docs/providers.md goes through it hour by hour):
  1. tests/golden/{name}.json: vectors from the bank's document
  2. providers/simulator/{name}.py: the bank's side, from the document alone
  3. providers/{name}/: mapping.py, client.py, statement.py, manifest.toml, README.md
  4. .venv/bin/python -m pytest tests/providers/{name} tests/providers/conformance -k {name}
     Every red test says what to write.
  5. .venv/bin/python -m payclear.cli docs
"""


def main() -> int:
    """Write everything or nothing; exit code 2 with a sentence when it can not be."""
    parser = argparse.ArgumentParser(prog="make provider NAME=…", description=__doc__)
    parser.add_argument("name", help="3 to 31 small letters and digits, such as songhong")
    parser.add_argument("--into", type=Path, default=Path(__file__).parents[2], help="a clone of payclear")
    asked = parser.parse_args()
    root: Path = asked.into.resolve()
    try:
        files = new_files(root, asked.name)
        changes = edits(root, asked.name)
    except ScaffoldRefused as refused:
        print(f"payclear: {refused}", file=sys.stderr)
        return 2
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"written  {path.relative_to(root)}")
    for change in changes:
        _apply(change, root)
    _format([*files, *(change.path for change in changes if change.text is not None)])
    print(_NEXT.format(name=asked.name))
    return 0


def _apply(change: Edit, root: Path) -> None:
    where = change.path.relative_to(root)
    if change.text is None:
        print(f"BY HAND  {where} has another shape than is known; add there:\n{change.lines}")
        return
    change.path.write_text(change.text, encoding="utf-8")
    print(f"changed  {where}")


def _format(paths: list[Path]) -> None:
    """Fold lines and sort imports as the rest of the clone has them; where ruff is not installed, `make fmt` does it."""
    if importlib.util.find_spec("ruff") is None:
        return
    sources = [str(path) for path in paths if path.suffix == ".py"]
    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run([*ruff, "check", "--quiet", "--fix", "--select", "I", *sources], check=False)
    subprocess.run([*ruff, "format", "--quiet", *sources], check=False)


if __name__ == "__main__":
    sys.exit(main())
