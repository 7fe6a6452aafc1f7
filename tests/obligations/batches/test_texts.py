"""Every refusal has its sentence in both languages."""

import re
from pathlib import Path

import payclear.obligations.batches
from payclear.i18n.texts import all_keys, has_text

FOLDER = Path(payclear.obligations.batches.__path__[0])
_CODES = re.compile(
    r"(?:_Refused\([\w.]+(?:\([^()]*\))?,\s*|FileUnreadable\(\s*|code=|fault = |RawRow\(\w+, \{\}, )\"([a-z_]+)\""
)


def test_every_code_of_a_refusal_has_its_sentence() -> None:
    named = {code for path in FOLDER.glob("*.py") for code in _CODES.findall(path.read_text("utf-8"))}
    assert {
        "missing",
        "not_whole",
        "too_many_rows",
        "other_facts",
        "not_an_object",
    } <= named
    assert sorted(code for code in named if not has_text(f"batches.{code}")) == []
    assert len([key for key in all_keys() if key.startswith("batches.")]) >= len(named)
