"""The files of a new adapter: where each goes and what stands in it. Called by `__main__`."""

import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

NAME = re.compile(r"[a-z][a-z0-9]{2,30}")

_TEMPLATES = Path(__file__).with_name("templates")
# Template → path in the clone; {name} is the adapter's.
_PLACES: Mapping[str, str] = MappingProxyType(
    {
        "__init__.py": "providers/{name}/__init__.py",
        "manifest.toml": "providers/{name}/manifest.toml",
        "mapping.py": "providers/{name}/mapping.py",
        "client.py": "providers/{name}/client.py",
        "provider.py": "providers/{name}/provider.py",
        "statement.py": "providers/{name}/statement.py",
        "README.md": "providers/{name}/README.md",
        "simulator.py": "providers/simulator/{name}.py",
        "golden.json": "tests/golden/{name}.json",
        "account.py": "tests/providers/{name}/account.py",
        "test_mapping.py": "tests/providers/{name}/test_mapping.py",
        "test_simulated.py": "tests/providers/{name}/test_simulated.py",
        "test_statement.py": "tests/providers/{name}/test_statement.py",
        "test_vectors.py": "tests/providers/{name}/test_vectors.py",
    }
)


class ScaffoldRefused(Exception):
    """Nothing was written; the sentence says why."""


def new_files(root: Path, name: str) -> dict[Path, str]:
    """Every file of the adapter with its text; raises ScaffoldRefused for a name that can not be taken."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ScaffoldRefused(
            f"{name!r} can not be an adapter's name: 3 to 31 small letters and digits, a letter first."
        )
    if not (root / "setup.cfg").is_file() or not (root / "providers" / "simulator").is_dir():
        raise ScaffoldRefused(f"{root} is no clone of payclear.")
    files = {root / place.format(name=name): _filled(template, name) for template, place in _PLACES.items()}
    files[root / f"tests/providers/{name}/__init__.py"] = ""
    taken = [
        path
        for path in (root / "providers" / name, root / "providers" / f"{name}.py", *files)
        if path.exists()
    ]
    if taken:
        shown = ", ".join(str(path.relative_to(root)) for path in taken[:3])
        raise ScaffoldRefused(f"{name} is there already ({shown}); nothing was written.")
    return files


def class_name(name: str) -> str:
    """The adapter's name as its classes begin with it."""
    return name.capitalize()


def _filled(template: str, name: str) -> str:
    text = (_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
    return text.replace("@name@", name).replace("@Name@", class_name(name)).replace("@NAME@", name.upper())
