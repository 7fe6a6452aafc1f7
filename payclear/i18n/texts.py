"""The texts that citizens, treasurers and API callers read, by key, in both languages.

One TOML file a feature in `texts/`, with tables [vi] and [en] of the same flat keys; all are loaded at
import. It must never fall back to another language or to the key: a missing text is an error.
"""

import re
import string
import tomllib
import unicodedata
from pathlib import Path

from payclear.i18n.locales import LOCALES, require_locale

_FOLDER = Path(__file__).with_name("texts")
_KEY = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_PARAM = re.compile(r"[a-z][a-z0-9_]*")

_texts: dict[str, dict[str, str]] = {locale: {} for locale in LOCALES}
_sources: dict[str, Path] = {}


class MissingText(KeyError):
    """A key has no text, or a text lacks a parameter: always a mistake of the programme."""


def translate(key: str, locale: str, **params: object) -> str:
    """The text of a key with its `{param}` places filled; raises MissingText.

    Values are put in as `str()` shows them: format amounts and dates first. Nothing is escaped for HTML.
    """
    require_locale(locale)
    text = _texts[locale].get(key)
    if text is None:
        raise MissingText(f"no text for {key!r}")
    try:
        return text.format_map(params)
    except KeyError as error:
        raise MissingText(f"text {key!r} needs the parameter {error.args[0]!r}") from None


def has_text(key: str) -> bool:
    """Whether there is a text for this key (then there is one in every language)."""
    return key in _sources


def all_keys() -> tuple[str, ...]:
    """Every known key, sorted."""
    return tuple(sorted(_sources))


def params_of(text: str) -> frozenset[str]:
    """The names of the `{param}` places of a text; ValueError for anything but plain names."""
    names: set[str] = set()
    for _, name, specification, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        if not _PARAM.fullmatch(name) or specification or conversion:
            raise ValueError(f"a place is a plain name in braces: {text!r}")
        names.add(name)
    return frozenset(names)


def register_texts(path: Path) -> None:
    """Add the texts of a file; plug-ins bring their own. The same file again is harmless.

    Raises ValueError when a language or a translation is missing, parameters differ, a text is empty or
    not NFC, or a key belongs to another file.
    """
    source = path.resolve()
    tables = tomllib.loads(source.read_text(encoding="utf-8"))
    problems = _problems(tables, source)
    if problems:
        raise ValueError(f"{source.name}: {'; '.join(problems)}")
    for locale in LOCALES:
        _texts[locale].update(tables[locale])
    _sources.update(dict.fromkeys(tables[LOCALES[0]], source))


def _problems(tables: dict[str, dict[str, object]], source: Path) -> list[str]:
    if set(tables) != set(LOCALES):
        return [f"it needs exactly the tables {', '.join(LOCALES)}"]
    vietnamese, english = (tables[locale] for locale in LOCALES)
    problems = [f"{key} is missing in a language" for key in sorted(vietnamese.keys() ^ english.keys())]
    for key in sorted(vietnamese.keys() | english.keys()):
        if not _KEY.fullmatch(key):
            problems.append(f"bad key {key}")
        if _sources.get(key, source) != source:
            problems.append(f"{key} belongs to {_sources[key].name}")
    for key in sorted(vietnamese.keys() & english.keys()):
        problems += _text_problems(key, [vietnamese[key], english[key]])
    return problems


def _text_problems(key: str, texts: list[object]) -> list[str]:
    params: set[frozenset[str]] = set()
    for text in texts:
        if not isinstance(text, str) or not text.strip() or not unicodedata.is_normalized("NFC", text):
            return [f"{key} is not a text in NFC (dotted keys need quotes)"]
        try:
            params.add(params_of(text))
        except ValueError as error:
            return [f"{key}: {error}"]
    return [] if len(params) == 1 else [f"{key} has other parameters in another language"]


for _path in sorted(_FOLDER.glob("*.toml")):
    register_texts(_path)
