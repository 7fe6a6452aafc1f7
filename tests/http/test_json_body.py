"""Strict JSON: what is refused, and why (RELIABILITY F31, F32)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.http.json_body import MalformedJson, canonical_bytes, parse_json


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "syntax"),
        (b"{", "syntax"),
        (b"{}{}", "syntax"),
        (b"{'a':1}", "syntax"),
        (b'{"a":1,}', "syntax"),
        (b'{"a":01}', "syntax"),
        (b'{"a":+1}', "syntax"),
        (b'{"a":.5}', "syntax"),
        (b'{"a":1_000}', "syntax"),
        (b'{"a":"\x01"}', "syntax"),
        (b'"\x00"', "syntax"),
        (b"\xef\xbb\xbf{}", "syntax"),
        ("{}".encode("utf-16"), "encoding"),
        ("{}".encode("utf-16-be"), "syntax"),
        (b'{"a":"\xff"}', "encoding"),
        (b'{"a":"\xed\xa0\x80"}', "encoding"),
        (b'{"a":"\xc0\x80"}', "encoding"),
        (b'{"a":1,"a":1}', "duplicate_name"),
        (b'{"a":{"b":1,"b":2}}', "duplicate_name"),
        (b'{"a":1,"\\u0061":1}', "duplicate_name"),
        (b"NaN", "constant"),
        (b"[Infinity]", "constant"),
        (b"[-Infinity]", "constant"),
        (b"1e400", "number"),
        (b"1e-400", "number"),
        (b"1e99", "number"),
        (b"1e16", "number"),
        (b"-1e17", "number"),
        (b"10000000000000000", "number"),
        (b"9" * 5_000, "number"),
        (b"0." + b"0" * 100, "number"),
        (b'"\\u0000"', "nul"),
        (b'{"\\u0000":1}', "nul"),
        (b'"\\ud800"', "surrogate"),
        (b'["\\udc00\\ud800"]', "surrogate"),
        (b"[" * 33 + b"]" * 33, "depth"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "depth"),
        (b"[" * 200_000, "depth"),
        (b"[" * 5_000 + b"]" * 5_000, "depth"),
    ],
)
def test_parse_json_bad_body_is_malformed(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedJson) as refused:
        parse_json(body)
    assert refused.value.facts == {"reason": reason}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"12345.0", 12_345),
        (b"1e3", 1_000),
        (b"1E+15", 10**15),
        (b"-0", 0),
        (b"-0.0", 0),
        (b"1000000000000000", 10**15),
        (b"9999999999999999", 9_999_999_999_999_999),
        (b' {"a" : [1, null, true] } ', {"a": [1, None, True]}),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        ('"phí"'.encode(), "phí"),
        (b"[" * 32 + b"]" * 32, None),
        (b"[" + b"[]," * 40 + b"[]]", [[]] * 41),
    ],
)
def test_parse_json_good_body_is_read(body: bytes, value: object) -> None:
    parsed = parse_json(body)
    if value is not None:
        assert parsed == value
        assert type(parsed) is type(value)


@pytest.mark.parametrize("body", [b"1.5", b"999999999999999.9", b"0.000001", b"12345.0000000001"])
def test_parse_json_fraction_is_never_an_integer(body: bytes) -> None:
    assert isinstance(parse_json(body), float)


@given(st.binary(max_size=200))
def test_parse_json_any_bytes_parse_or_are_malformed(body: bytes) -> None:
    try:
        value = parse_json(body)
    except MalformedJson:
        return
    canonical_bytes(value)


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(_values)
def test_parse_json_what_json_writes_comes_back(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


def test_canonical_bytes_spacing_order_and_writing_do_not_matter() -> None:
    one = canonical_bytes(parse_json('{"b": 2.0, "a": "í"}'.encode()))
    assert one == canonical_bytes(parse_json(b'{"a":"\\u00ed","b":2}'))
    assert one != canonical_bytes(parse_json(b'{"a":"\\u00ed","b":3}'))
