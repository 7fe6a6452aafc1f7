"""Structured logs: one JSON object a line, with its request and without anything secret or personal.

Installed once by every process; everybody else uses `logging` and passes facts in `extra`.
It must never raise because of what is logged, and never let a line break into two.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TextIO

MASK: Final = "[…]"

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# What a name says about its value: such a value is never written, whatever it looks like.
_SENSITIVE_NAME: Final = re.compile(
    r"authorization|cookie|password|passwd|secret|token|api_?key$|signature|secure_?hash|private|credential"
    r"|citizen|id_?no$|obligor|payer|full_?name|phone|e_?mail|address$|account_?no|account_?number|card"
    r"|body$|payload|query_?string",
    re.IGNORECASE,
)

# What a text may hold without its name saying so. The last one is an identity number: 9 or 12 digits.
_SENSITIVE_TEXTS: Final = (
    (re.compile(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)"), MASK),
    (re.compile(r"\b(pk_[A-Za-z0-9]+)_[A-Za-z0-9_-]+"), rf"\1_{MASK}"),
    (re.compile(r"\bwhs(ec|k)_[A-Za-z0-9+/=_-]+"), rf"whs\1_{MASK}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"(?i)\b(authorization|cookie|set-cookie)(\"?'?\s*[:=]\s*)[^\r\n]+"), rf"\1\2{MASK}"),
    (re.compile(r"(?i)(secure_?hash(?:type)?|hash_?secret|password|api_?key)(\"?'?\s*[:=]\s*\"?'?)[^\s&\"',;]+"),
     rf"\1\2{MASK}"),
    (re.compile(r"(://[^:/@\s]+:)[^@/\s]+@"), rf"\1{MASK}@"),
    (re.compile(r"(/pay/)[A-Za-z0-9_-]{16,}"), rf"\1{MASK}"),
    (re.compile(r"(?<!\d)(?:\d{12}|\d{9})(?!\d)"), MASK),
)  # fmt: skip

# What every text that one of them changes holds: a look for it is ten times cheaper than all of them.
_MAY_BE_SENSITIVE: Final = re.compile(r"[:=]|pk_|whs|/pay/|-----BEGIN|\d{9}|(?i:bearer|basic)\s")

_STANDARD: Final = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "message",
    "asctime",
    "taskName",
}
_DEPTH_MAX: Final = 6
_SHORTEST_SECRET: Final = 9


def bind_request_id(request_id: str | None) -> None:
    """Let every line of this thread of work carry the id from here on; None ends it."""
    _request_id.set(request_id)


def current_request_id() -> str | None:
    """The id bound to this thread of work."""
    return _request_id.get()


def redact(text: str) -> str:
    """The text with keys, secrets, signatures, tokens of payment pages and identity numbers masked."""
    if len(text) < _SHORTEST_SECRET or not _MAY_BE_SENSITIVE.search(text):
        return text
    for pattern, replacement in _SENSITIVE_TEXTS:
        text = pattern.sub(replacement, text)
    return text


def redact_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as they may be written: a value whose name is sensitive is masked, every text is redacted."""
    return {name: _safe(name, value, 0) for name, value in facts.items()}


def _safe(name: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if _is_sensitive(name):
        return MASK
    if isinstance(value, int | float):
        return value
    if depth < _DEPTH_MAX and isinstance(value, Mapping):
        return {str(key): _safe(str(key), inner, depth + 1) for key, inner in value.items()}
    if depth < _DEPTH_MAX and isinstance(value, list | tuple | set | frozenset):
        return [_safe("", inner, depth + 1) for inner in value]
    return redact(str(value))


@lru_cache(maxsize=1024)
def _is_sensitive(name: str) -> bool:
    return _SENSITIVE_NAME.search(name) is not None


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}


def _message(record: logging.LogRecord) -> str:
    try:
        return redact(record.getMessage())
    except Exception:  # A broken call of the logger must not fail the payment it speaks of.
        return redact(str(record.msg))


class JsonFormatter(logging.Formatter):
    """Lines for machines: `at`, `level`, `logger`, `event`, `request_id`, the facts of `extra`, the trace."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "event": _message(record),
        }
        request_id = _request_id.get()
        if request_id is not None:
            line["request_id"] = redact(request_id)
        for name, value in redact_facts(_extra(record)).items():
            line.setdefault(name, value)
        if record.exc_info:
            line["trace"] = redact(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=True, default=str, separators=(",", ":"))


class TextFormatter(logging.Formatter):
    """Lines for a terminal, with the same facts and the same redaction; control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        facts = redact_facts(_extra(record))
        request_id = _request_id.get()
        if request_id is not None:
            facts["request_id"] = redact(request_id)
        tail = " ".join(f"{name}={value}" for name, value in facts.items())
        line = _one_line(f"{at} {record.levelname:<7} {_message(record)} {tail}".rstrip())
        if record.exc_info:
            line += "\n" + redact(self.formatException(record.exc_info))
        return line


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def install_logging(*, level: str, form: str, stream: TextIO | None = None) -> None:
    """Make `form` (`json` or `text`) lines on `stream` (standard error) the only output of all loggers.

    Warnings of libraries become lines too. A second call replaces the first.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(True)
