"""What every adapter does with bytes from outside: strict JSON, strict form fields, plain members, URL checks.

Called by adapters. It knows no provider; what can not be read is an error of the caller's choice, never a guess.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from payclear.contract.errors import OutcomeUnknown, ProviderError
from payclear.contract.messages import Account
from providers.outbound import OutboundRefused, check_url
from providers.transport import Answer

FIELDS_MAX = 64

Refuse = Callable[..., ProviderError]


def json_object(body: bytes, refuse: Refuse) -> dict[str, Any]:
    """Read one JSON object: whole, UTF-8, no member twice, no lone surrogate; anything else is refused.

    A number with a fraction or an exponent becomes its own text, so that no amount passes through a float.
    """
    try:
        text = body.decode("utf-8")
        data: Any = json.loads(
            text, object_pairs_hook=_no_duplicates, parse_float=str, parse_constant=_no_constant
        )
        if "\\u" in text:
            json.dumps(data, ensure_ascii=False).encode("utf-8")  # a lone surrogate can not be encoded
    except (ValueError, RecursionError) as error:
        raise refuse("the message is no sound JSON", reason="not_json") from error
    if not isinstance(data, dict):
        raise refuse("the message is no JSON object", reason="not_an_object")
    return data


def answer_object(answer: Answer) -> dict[str, Any]:
    """Read the JSON object of an answer with HTTP 200; raises OutcomeUnknown for any other answer."""
    if answer.status != 200:
        raise OutcomeUnknown("an HTTP error was answered", reason="http_status", status=answer.status)
    return json_object(answer.body, OutcomeUnknown)


def member(fields: Mapping[str, Any], name: str, refuse: Refuse) -> str:
    """A member as text: a string, or the digits of a whole number; absent and null are empty."""
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise refuse(f"{name} holds a value of a kind it never has", reason="odd_value", field=name)
    text = str(value)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise refuse(f"{name} is not Unicode", reason="lone_surrogate", field=name)
    return text


def form_fields(raw: bytes, limit: int, refuse: Refuse) -> dict[str, str]:
    """Decode a query string or form body; a field given twice, bytes that are not UTF-8, too many or too much
    are refused.
    """
    if len(raw) > limit:
        raise refuse("the message is too long", reason="too_long")
    pairs = [pair for pair in raw.split(b"&") if pair]
    if len(pairs) > FIELDS_MAX:
        raise refuse("too many fields", reason="too_many_fields")
    fields: dict[str, str] = {}
    for pair in pairs:
        raw_name, _, raw_value = pair.partition(b"=")
        try:
            name, value = _decoded(raw_name), _decoded(raw_value)
        except UnicodeDecodeError as error:
            raise refuse("a field is not UTF-8", reason="not_utf8") from error
        if name in fields:
            raise refuse("a field is given twice", reason="duplicate_field")
        fields[name] = value
    return fields


def origin(url: str) -> str:
    """Scheme and authority of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def url_problems(account: Account, names: Iterable[str]) -> list[str]:
    """What is wrong with the URLs in an account's options, in plain sentences; absent ones are not looked at."""
    allowed = str(account.options.get("allow_insecure_host", ""))
    problems = []
    for name in names:
        url = str(account.options.get(name, ""))
        try:
            if url:
                check_url(url, allow_insecure_host=allowed)
        except OutboundRefused as error:
            problems.append(f"provider account {account.code}: option {name}: {error}")
    return problems


def empty_secret_problems(account: Account, names: Iterable[str]) -> list[str]:
    """Secrets that are there and hold nothing, in plain sentences."""
    return [
        f"provider account {account.code}: secret {name} is empty"
        for name in names
        if name in account.secrets and not account.secrets[name]
    ]


def _decoded(raw: bytes) -> str:
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is given twice")
    return members


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")
