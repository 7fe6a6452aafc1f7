"""What leaves the process in a log line, and what never does."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from payclear.kernel.logs import (
    MASK,
    JsonFormatter,
    TextFormatter,
    bind_request_id,
    current_request_id,
    install_logging,
    redact,
    redact_facts,
)


@pytest.fixture(autouse=True)
def no_request() -> Iterator[None]:
    bind_request_id(None)
    yield
    bind_request_id(None)


def record(message: str = "orders.paid", *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("payclear.orders", logging.INFO, "x.py", 1, message, arguments, None)
    made.__dict__.update(extra)
    return made


def line(made: logging.LogRecord) -> dict[str, object]:
    return json.loads(JsonFormatter().format(made))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("key pk_dem0p0rta100_dem00n1ydem00n1y sent", f"key pk_dem0p0rta100_{MASK} sent"),
        ("whsec_REVNTyBPTkxZOiB3ZWJo+/= leaked", f"whsec_{MASK} leaked"),
        ("Authorization: Bearer abc.def", f"Authorization: {MASK}"),
        ("sent bearer abcdefgh12345", f"sent bearer {MASK}"),
        ("Cookie: session=abc; other=def", f"Cookie: {MASK}"),
        ("vnp_Amount=100&vnp_SecureHash=00ffAA&vnp_x=1", f"vnp_Amount=100&vnp_SecureHash={MASK}&vnp_x=1"),
        ("'password': 'hunter2x'", f"'password': '{MASK}'"),
        ("postgresql://app:hush@db/x", f"postgresql://app:{MASK}@db/x"),
        ("GET /pay/tTB0FpQK-Sst0mz94KVZoizwR0JpSVOr 200", f"GET /pay/{MASK} 200"),
        ("citizen 001099012345 paid", f"citizen {MASK} paid"),
        ("old card 012345678.", f"old card {MASK}."),
        ("-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----", MASK),
        ("-----BEGIN RSA PRIVATE KEY-----\ncut off here", MASK),
    ],
)
def test_redact_secret_or_identity_number_is_masked(before: str, after: str) -> None:
    assert redact(before) == after


@pytest.mark.parametrize(
    "text",
    [
        "order PC7K2M9QX4TB5 paid",
        "payment code 202366392204135",  # 15 digits
        "amount 1250000",
        "2026-11-21T03:30:00Z",
        "vnp_PayDate=20261121103000",
        "short",
    ],
)
def test_redact_harmless_text_is_unchanged(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "authorization", "Set-Cookie", "password", "hash_secret", "pay_token", "api_key", "vnp_SecureHash",
        "citizen_id", "obligor", "payer_name", "phone", "email", "account_no", "body", "query_string",
    ],
)  # fmt: skip
def test_redact_facts_sensitive_name_is_masked_whatever_its_value(name: str) -> None:
    assert redact_facts({name: "x"}) == {name: MASK}
    assert redact_facts({name: 42}) == {name: MASK}
    assert redact_facts({"deep": {name: ["x"]}}) == {"deep": {name: MASK}}


def test_redact_facts_plain_values_stay_and_nested_text_is_redacted() -> None:
    facts = {
        "amount": 123456789012,
        "ok": True,
        "none": None,
        "ratio": 0.5,
        "refs": ["PC1", "x 001099012345"],
    }
    assert redact_facts(facts) == {**facts, "refs": ["PC1", f"x {MASK}"]}


def test_redact_facts_bottomless_value_is_written_as_text() -> None:
    deep: dict[str, object] = {}
    deep["deep"] = deep
    assert json.dumps(redact_facts({"deep": deep}))


def test_json_line_holds_event_facts_and_request_id() -> None:
    bind_request_id("req_abc")
    written = line(record(order_ref="PC7K2M9QX4TB5", ms=3))
    assert written.pop("at").endswith("Z")  # type: ignore[union-attr]
    assert written == {
        "level": "INFO",
        "logger": "payclear.orders",
        "event": "orders.paid",
        "request_id": "req_abc",
        "order_ref": "PC7K2M9QX4TB5",
        "ms": 3,
    }
    assert current_request_id() == "req_abc"


def test_json_line_facts_can_not_replace_its_own_fields() -> None:
    assert line(record(level="forged", event="forged", request_id="x"))["event"] == "orders.paid"


def test_json_line_breaks_in_values_stay_in_one_line() -> None:
    written = JsonFormatter().format(record("a\r\nb %s", "c\nd", note="e\u2028f"))
    assert len(written.splitlines()) == 1


def test_json_line_broken_arguments_are_logged_not_raised() -> None:
    assert line(record("two %s %s", "one"))["event"] == "two %s %s"


def test_json_line_trace_is_redacted() -> None:
    made = record("http.failed")
    try:
        raise ValueError("no such person 001099012345")
    except ValueError as error:
        made.exc_info = (ValueError, error, error.__traceback__)
    trace = str(line(made)["trace"])
    assert "ValueError" in trace
    assert "001099012345" not in trace


def test_text_line_escapes_control_characters_and_keeps_accents() -> None:
    bind_request_id("req_abc")
    written = TextFormatter().format(record("thu phí\x1b[31m\n", portal="mẫu"))
    assert "thu phí\\x1b[31m\\n portal=mẫu request_id=req_abc" in written
    assert len(written.splitlines()) == 1


def test_text_line_shows_the_trace() -> None:
    made = record("http.failed")
    try:
        raise KeyError("x")
    except KeyError as error:
        made.exc_info = (KeyError, error, error.__traceback__)
    assert "KeyError" in TextFormatter().format(made)


@pytest.mark.parametrize("form", ["json", "text"])
def test_install_logging_replaces_handlers_and_obeys_the_level(form: str) -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    try:
        install_logging(level="INFO", form=form, stream=io.StringIO())
        install_logging(level="WARNING", form=form, stream=stream)
        logging.getLogger("payclear.x").info("unheard")
        logging.getLogger("payclear.x").warning("heard", extra={"password": "hunter2"})
        assert len(root.handlers) == 1
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(False)
    assert "unheard" not in stream.getvalue()
    assert "heard" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()
