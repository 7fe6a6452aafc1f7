"""The forger catches careless readers: each of these is a sound one with one mistake of those that are really made."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.conformance.bench import Failed
from payclear.contract.conformance.forgery import EVERYTHING, Profile, forge, no_proof, no_proof_at_all
from payclear.contract.conformance.mutants import Forger, fields_of
from payclear.contract.conformance.raw_messages import (
    read_form,
    read_json,
    style_of,
    write_form,
    write_json,
)
from payclear.contract.errors import CallbackMalformed, SignatureInvalid
from payclear.contract.evidence import Evidence
from payclear.contract.messages import InboundRequest, VerifiedCallback
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.kernel.money import Money

KEY = b"a key of nobody"
NAMES = ("amount", "merchant", "order", "status")


def mac(*texts: str) -> str:
    return hmac.digest(KEY, "|".join(texts).encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


def callback(number: int, *, sign=mac, **changes) -> InboundRequest:
    fields = {
        "order": f"PC000000000{number}A01",
        "amount": str(150_000 + number),
        "status": "paid",
        "merchant": "DEMO",
        "fee": "1100",
        **changes,
    }
    body = {**fields, "signature": sign(*(str(fields[name]) for name in NAMES))}
    return InboundRequest(
        method="POST",
        path="/callbacks/toy",
        query_string=b"",
        headers={"content-type": "application/json"},
        body=json.dumps(body).encode(),
        received_at=datetime(2026, 11, 21, 3, 30, tzinfo=UTC),
    )


GENUINE = (callback(1), callback(2, status="refused"))


def strictly(body: bytes) -> dict[str, str]:
    def once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError
        return dict(pairs)

    try:
        data = json.loads(body.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise CallbackMalformed("no JSON") from error
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise CallbackMalformed("no texts")
    return data


def verified(fields, *, dedupe="", confirm=False) -> VerifiedCallback:
    amount = str(fields.get("amount", ""))
    if not (amount.isascii() and amount.isdigit() and len(amount) < 16 and not amount.startswith("0")):
        raise CallbackMalformed("amount")
    evidence = Evidence(
        source=EvidenceSource.CALLBACK,
        outcome=Outcome.CONFIRMED if fields.get("status") == "paid" else Outcome.REJECTED,
        provider_account="toy",
        attempt_ref=str(fields.get("order", "")),
        amount=Money(int(amount)),
        merchant_account=str(fields.get("merchant", "")),
        detail_code=str(fields.get("fee", "")) or None,
    )
    key = dedupe or f"{fields.get('order')}:{fields.get('status')}"
    return VerifiedCallback(evidence=evidence, dedupe_key=key, confirm_by_query=confirm)


def must_hold(fields, wanted: str) -> None:
    if not hmac.compare_digest(wanted.encode(), str(fields.get("signature", "")).encode("utf-8", "replace")):
        raise SignatureInvalid("no")


def sound(request):
    fields = strictly(request.body)
    must_hold(fields, mac(*(fields.get(name, "") for name in NAMES)))
    return verified({**fields, "fee": ""})


def believes_everybody(request):
    return verified(strictly(request.body))


def leaves_a_field_open(request):
    fields = strictly(request.body)
    must_hold(fields, mac(*(fields.get(name, "") for name in NAMES)))
    return verified(fields)


def takes_the_first_and_signs_the_last(request):
    pairs: list = []

    def keep(found):
        pairs[:] = found
        return dict(found)

    try:
        fields = json.loads(request.body, object_pairs_hook=keep)
    except (ValueError, RecursionError) as error:
        raise CallbackMalformed("no JSON") from error
    if not isinstance(fields, dict) or any(not isinstance(value, str) for _, value in pairs):
        raise CallbackMalformed("no texts")
    must_hold(fields, mac(*(fields.get(name, "") for name in NAMES)))
    return verified({**dict(reversed(pairs)), "fee": ""})


def does_not_mind_case(request):
    fields = strictly(request.body)
    must_hold(fields, mac(*(fields.get(name, "") for name in NAMES)))
    return verified({name.lower(): value for name, value in fields.items()} | {"fee": ""})


def takes_an_empty_signature(request):
    fields = strictly(request.body)
    if fields.get("signature"):
        must_hold(fields, mac(*(fields.get(name, "") for name in NAMES)))
    return verified({**fields, "fee": ""})


def compares_the_beginning(request):
    fields = strictly(request.body)
    wanted = mac(*(fields.get(name, "") for name in NAMES))
    if not wanted.startswith(fields.get("signature", "-")[:4]):
        raise SignatureInvalid("no")
    return verified({**fields, "fee": ""})


def stumbles(request):
    fields = json.loads(request.body.decode("utf-8"))
    must_hold(fields, mac(*(fields[name] for name in NAMES)))
    return verified({**fields, "fee": ""})


def makes_each_spelling_an_event(request):
    heard = sound(request)
    return verified_again(heard, hashlib.sha256(request.body).hexdigest())


def verified_again(heard, key):
    return VerifiedCallback(evidence=heard.evidence, dedupe_key=key)


@pytest.mark.parametrize(
    "mistake",
    [
        believes_everybody,
        leaves_a_field_open,
        takes_the_first_and_signs_the_last,
        does_not_mind_case,
        takes_an_empty_signature,
        compares_the_beginning,
        stumbles,
        makes_each_spelling_an_event,
    ],
)
def test_careless_reader_is_caught(mistake):
    tally = forge(Profile(name="toy", objection=no_proof, genuine=GENUINE, read=mistake), 2_000, seed=1)
    assert tally.holes, mistake.__name__


def test_values_joined_without_a_border_are_caught():
    def joined(*texts: str) -> str:
        return mac("".join(texts))

    def reader(request):
        fields = strictly(request.body)
        must_hold(fields, joined(*(fields.get(name, "") for name in NAMES)))
        return verified({**fields, "fee": ""})

    genuine = (callback(1, sign=joined), callback(2, sign=joined))
    tally = forge(Profile(name="toy", objection=no_proof, genuine=genuine, read=reader), 2_000, seed=1)
    assert any("border between values moved" in hole.mutant.deeds for hole in tally.holes)


def test_form_that_is_read_loosely_is_caught():
    def reader(request):
        fields = dict(parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True))
        first = dict(reversed(parse_qsl(request.query_string.decode("latin-1"), keep_blank_values=True)))
        must_hold(fields, mac(*(fields.get(name, "") for name in NAMES)))
        return verified({**first, "fee": ""})

    fields = {"order": "PC0000000001A01", "amount": "150000", "status": "paid", "merchant": "DEMO"}
    query = "&".join(f"{name}={fields[name]}" for name in fields)
    query += f"&signature={mac(*(fields[name] for name in NAMES))}"
    request = InboundRequest(
        method="GET",
        path="/",
        query_string=query.encode(),
        headers={},
        body=b"",
        received_at=GENUINE[0].received_at,
    )
    tally = forge(Profile(name="toy", objection=no_proof, genuine=(request,), read=reader), 2_000, seed=1)
    assert any("given twice" in hole.mutant.deeds for hole in tally.holes)


def test_sound_reader_has_no_hole_and_is_really_attacked():
    tally = forge(Profile(name="toy", objection=no_proof, genuine=GENUINE, read=sound), 2_000, seed=1)
    assert tally.holes == []
    assert tally.mutants == 2_000
    assert tally.refused > 1_200
    assert tally.equal > 100
    assert tally.hints == 0


def test_uncovered_field_is_a_hint_when_it_is_confirmed_by_query_and_a_hole_otherwise():
    def reader(confirm):
        def read(request):
            fields = strictly(request.body)
            must_hold(fields, mac(*(fields.get(name, "") for name in NAMES)))
            return verified(fields, confirm=confirm)

        return read

    asking = forge(
        Profile(name="toy", objection=no_proof, genuine=GENUINE, read=reader(True), uncovered=("fee",)),
        1_500,
        seed=1,
    )
    assert asking.holes == []
    assert asking.hints > 50
    assert forge(
        Profile(name="toy", objection=no_proof, genuine=GENUINE, read=reader(False), uncovered=("fee",)),
        1_500,
        seed=1,
    ).holes


def test_hint_about_another_payment_is_a_hole():
    def read(request):
        fields = strictly(request.body)
        must_hold(fields, mac(*(fields.get(name, "") for name in NAMES)))
        other = {"order": fields["fee"]} if fields.get("fee") not in (None, "1100") else {}
        return verified({**fields, **other}, confirm=True)

    assert forge(
        Profile(name="toy", objection=no_proof, genuine=GENUINE, read=read, uncovered=("fee",)), 1_500, seed=1
    ).holes


def test_bare_secret_covers_nothing_so_everything_must_be_confirmed():
    def read(confirm):
        return lambda request: verified(strictly(request.body), confirm=confirm)

    profile = {"name": "toy", "genuine": GENUINE, "uncovered": EVERYTHING, "objection": no_proof_at_all}
    assert forge(Profile(**profile, read=read(True)), 2_000, seed=1).holes == []
    assert forge(Profile(**profile, read=read(False)), 2_000, seed=1).holes


def test_genuine_message_that_is_refused_is_said_at_once():
    def read(request):
        raise SignatureInvalid("another key")

    with pytest.raises(Failed, match="genuine message is refused"):
        forge(Profile(name="toy", objection=no_proof, genuine=GENUINE, read=read), 10, seed=1)


def test_same_seed_gives_the_same_mutants_and_another_seed_others():
    def made(seed):
        return [(mutant.request, mutant.deeds) for mutant in Forger(GENUINE, seed=seed).mutants(500)]

    assert made("a") == made("a")
    assert made("a") != made("b")


def test_no_mutant_is_genuine_and_none_comes_twice():
    made = [mutant.request for mutant in Forger(GENUINE, seed="a").mutants(1_500)]
    seen = {repr((each, each.body, each.query_string, sorted(each.headers.items()))) for each in made}
    assert len(seen) == len(made) == 1_500
    assert not any(request in GENUINE for request in made)


def test_fields_are_read_as_anybody_would_with_blanks_around_and_objects_within():
    inner = base64.b64encode(json.dumps({"amount": 150000, "note": {"a": "b"}}).encode()).decode()
    body = f'\n {{"data": "{inner}", "fee": 1e3}} '.encode()
    assert dict(fields_of(replace(GENUINE[0], body=body, headers={}))) == {
        "data": inner,
        "amount": "150000",
        "a": "b",
        "fee": "1e3",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(st.text(max_size=8), JSON, max_size=5),
    st.sampled_from([(",", ":"), (", ", ": ")]),
    st.booleans(),
)
def test_json_is_written_again_as_it_was(data, separators, ascii_only):
    text = json.dumps(data, separators=separators, ensure_ascii=ascii_only)
    read = read_json(text)
    assert write_json(read, style_of(text)) == text


@pytest.mark.parametrize("text", ['{"a":1e3,"a":0.10}', '{"n":150000.0}', '{"a":"\\u0061"}'])
def test_json_keeps_numbers_as_they_stand_and_members_that_come_twice(text):
    written = write_json(read_json(text), style_of(text))
    assert written == text.replace("\\u0061", "a")


@given(
    st.lists(
        st.tuples(
            st.from_regex(rb"[a-z%]{1,5}", fullmatch=True), st.from_regex(rb"[0-9=%+]{0,5}", fullmatch=True)
        )
    )
)
def test_form_is_written_again_as_it_was(pairs):
    raw = write_form(pairs)
    assert write_form(read_form(raw)) == raw
