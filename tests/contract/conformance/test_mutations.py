import base64
import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from payclear.contract.conformance.mutations import changed, mutations
from payclear.contract.messages import InboundRequest


def message(query: str = "", body: bytes = b"", headers: dict[str, str] | None = None) -> InboundRequest:
    return InboundRequest(
        method="POST",
        path="/callbacks/x",
        query_string=query.encode(),
        headers=headers or {},
        body=body,
        received_at=datetime(2026, 11, 21, tzinfo=UTC),
    )


INNER = json.dumps({"amount": 1000, "paid": True})
MESSAGES = {
    "query": message("vnp_Amount=100&vnp_TxnRef=PC1"),
    "form": message(body=b"a=1&b=%C3%A9"),
    "json": message(body=b'{"a":1,"b":{"c":["x","y"]},"d":null}'),
    "json in json": message(body=json.dumps({"data": INNER, "mac": "00ff"}).encode()),
    "json in base64 in a form": message(
        body=urlencode({"result": base64.b64encode(INNER.encode()).decode()}).encode()
    ),
    "text": message(body=b"plain"),
    "header": message("a=1", headers={"x-signature": "abc"}),
}


@pytest.mark.parametrize("genuine", MESSAGES.values(), ids=MESSAGES)
def test_every_mutation_differs_from_the_genuine_message(genuine):
    found = list(mutations(genuine, ("x-signature",)))
    assert found
    assert all(each.request != genuine for each in found)


def fields(name: str) -> set[str]:
    return {each.field for each in mutations(MESSAGES[name], ("x-signature", "x-absent"))}


def test_every_field_is_tampered_with_wherever_it_stands():
    assert fields("query") == {"vnp_Amount", "vnp_TxnRef"}
    assert fields("form") == {"body", "a", "b"}
    assert fields("json") == {"body", "a", "b.c.0", "b.c.1", "d"}
    assert fields("json in json") == {"body", "data", "data.amount", "data.paid", "mac"}
    assert fields("json in base64 in a form") == {"body", "result", "result.amount", "result.paid"}
    assert fields("header") == {"a", "x-signature"}


def test_one_field_changed_leaves_the_rest_byte_for_byte():
    bodies = {
        (each.field, each.deed): each.request.body
        for each in mutations(message(body=b'{"a": 1, "b": "\\u00e9"}'))
    }
    assert bodies["a", "changed"] == b'{"a": 2, "b": "\\u00e9"}'
    assert bodies["a", "dropped"] == b'{"b": "\\u00e9"}'


@pytest.mark.parametrize(
    ("text", "other"), [("a1c", "a2c"), ("9", "0"), ("ABC", "ACC"), ("", "1"), ("é", "b")]
)
def test_changed_keeps_the_kind_of_what_it_changes(text, other):
    assert changed(text) == other
