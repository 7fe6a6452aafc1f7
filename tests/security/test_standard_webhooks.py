"""Standard Webhooks: the published example, independent peers, and everything that must be refused."""

import base64
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from hypothesis import given, settings
from hypothesis import strategies as st

from payclear.kernel.secret import Secret
from payclear.security.keyring import KeyUnusable
from payclear.security.signatures import Ed25519Signer, Ed25519Verifier
from payclear.security.standard_webhooks import (
    WebhookSignatureInvalid,
    new_secret,
    public_key,
    public_key_text,
    sign_v1,
    sign_v1a,
    signed_content,
    signing_headers,
    verify,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STAMP = int(NOW.timestamp())
BODY = '{"type":"payment_order.paid","data":{"note":"đã nộp"}}'.encode()
SECRET = new_secret()
SIGNER = Ed25519Signer.generate()
MESSAGE_ID = "evt_01jd6c5v3m9x8k2p4q7r0s1t2w"


def headers(**changes: str) -> dict[str, str]:
    made = signing_headers(MESSAGE_ID, STAMP, BODY, secrets=[SECRET])
    return made | {name.replace("_", "-"): value for name, value in changes.items()}


def test_published_example():
    # The worked example of the specification's reference libraries (test_webhooks of standard-webhooks).
    secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert sign_v1(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}') == expected


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_missing_header_is_refused(name):
    incomplete = headers()
    del incomplete[name]
    with pytest.raises(WebhookSignatureInvalid) as caught:
        verify(incomplete, BODY, [SECRET], NOW)
    assert caught.value.facts == {"reason": "header", "header": name}


def test_header_given_twice_in_two_spellings_is_refused():
    with pytest.raises(WebhookSignatureInvalid):
        verify(headers() | {"Webhook-Id": MESSAGE_ID}, BODY, [SECRET], NOW)


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "a\n", "é", "x" * 256])
def test_message_id_outside_the_grammar_is_refused(message_id):
    with pytest.raises(WebhookSignatureInvalid):
        verify(headers(webhook_id=message_id), BODY, [SECRET], NOW)


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        "-1",
        "+1",
        "0",
        f"{STAMP}.0",
        f"{STAMP}e0",
        f" {STAMP}",
        f"{STAMP} ",
        "١٢٣",
        "9" * 13,
        f"0{STAMP}",
        "NaN",
    ],
)
def test_timestamp_outside_the_grammar_is_refused(timestamp):
    with pytest.raises(WebhookSignatureInvalid) as caught:
        verify(headers(webhook_timestamp=timestamp), BODY, [SECRET], NOW)
    assert caught.value.facts["reason"] == "header"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        " ",
        "v1",
        "v1,",
        "v1,===",
        "v1,a",
        "v1,é",
        "v1 ,YQ==",
        "v1,YQ==,YQ==",
        "1,YQ==",
        "v1;YQ==",
        "v1,YQ== ",
        "v1,YQ==  v1,YQ==",
        "v1,YQ==\tv1,YQ==",
        " ".join(["v1,YQ=="] * 6),
        "v1," + "A" * 5000,
    ],
)
def test_signature_outside_the_grammar_is_refused(signature):
    with pytest.raises(WebhookSignatureInvalid) as caught:
        verify(headers(webhook_signature=signature), BODY, [SECRET], NOW)
    assert caught.value.facts == {"reason": "header", "header": "webhook-signature"}


@pytest.mark.parametrize("offset_s", [-61, -3600, 301, 86400])
def test_message_that_is_not_fresh_is_refused(offset_s):
    with pytest.raises(WebhookSignatureInvalid) as caught:
        verify(headers(), BODY, [SECRET], NOW + timedelta(seconds=offset_s))
    assert caught.value.facts == {"reason": "timestamp"}


@pytest.mark.parametrize("offset_s", [-60, 0, 300])
def test_message_at_the_edges_of_the_tolerance_is_accepted(offset_s):
    verify(headers(), BODY, [SECRET], NOW + timedelta(seconds=offset_s))


def test_tolerance_smaller_than_the_future_limit_narrows_both_sides():
    verify(headers(), BODY, [SECRET], NOW - timedelta(seconds=5), tolerance_s=5)
    with pytest.raises(WebhookSignatureInvalid):
        verify(headers(), BODY, [SECRET], NOW - timedelta(seconds=6), tolerance_s=5)


@pytest.mark.parametrize(
    ("changes", "body", "secrets"),
    [
        ({}, BODY + b" ", [SECRET]),
        ({"webhook_id": "evt_2"}, BODY, [SECRET]),
        ({"webhook_timestamp": str(STAMP - 1)}, BODY, [SECRET]),
        ({}, BODY, [new_secret(), new_secret()]),
        ({}, BODY, []),
        ({"webhook_signature": "v9,YQ== v1,YQ=="}, BODY, [SECRET]),
        ({"webhook_signature": "v1a," + headers()["webhook-signature"][3:]}, BODY, [SECRET]),
    ],
)
def test_message_whose_signature_does_not_fit_is_refused(changes, body, secrets):
    with pytest.raises(WebhookSignatureInvalid) as caught:
        verify(headers(**changes), body, secrets, NOW, public_keys=[SIGNER.verifier()])
    assert caught.value.facts == {"reason": "signature"}


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_!", "whsec_YQ==", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
)
def test_malformed_secret_is_unusable(secret):
    with pytest.raises(KeyUnusable):
        sign_v1(Secret(secret), MESSAGE_ID, STAMP, BODY)


@pytest.mark.parametrize(
    "text",
    ["", "whpk_", "whpk_YQ==", SIGNER.public_raw_base64],
    ids=["empty", "prefix", "short", "no prefix"],
)
def test_malformed_public_key_is_unusable(text):
    with pytest.raises(KeyUnusable):
        public_key(text)


@pytest.mark.parametrize(("message_id", "timestamp"), [("a.b", STAMP), ("", STAMP), ("a", 0), ("a", -1)])
def test_content_that_could_be_read_in_two_ways_is_never_signed(message_id, timestamp):
    with pytest.raises(ValueError, match="full stop"):
        signed_content(message_id, timestamp, BODY)


@pytest.mark.parametrize("secrets", [[], [SECRET] * 6])
def test_signing_with_no_or_too_many_keys_is_a_mistake(secrets):
    with pytest.raises(ValueError, match="1 to 5"):
        signing_headers(MESSAGE_ID, STAMP, BODY, secrets=secrets)


def test_message_signed_by_all_keys_of_a_rotation_is_verified_by_any_of_them():
    older = new_secret()
    made = signing_headers(MESSAGE_ID, STAMP, BODY, secrets=[SECRET, older], signers=[SIGNER])
    versions = [entry.partition(",")[0] for entry in made["webhook-signature"].split(" ")]
    assert versions == ["v1", "v1a", "v1"]
    shouted = {name.upper(): value for name, value in made.items()}
    for secrets, keys in (
        ([SECRET], []),
        ([older], []),
        ([], [SIGNER.verifier()]),
        ([new_secret(), older], []),
    ):
        proven = verify(shouted, BODY, secrets, NOW, public_keys=keys)
        assert (proven.id, proven.timestamp) == (MESSAGE_ID, STAMP)


def test_message_signed_by_ed25519_alone_is_verified():
    made = signing_headers(MESSAGE_ID, STAMP, BODY, signers=[SIGNER])
    assert verify(made, BODY, [], NOW, public_keys=[SIGNER.verifier()]).id == MESSAGE_ID


def test_published_public_key_round_trips():
    text = public_key_text(SIGNER)
    assert text.startswith("whpk_")
    signature = base64.b64decode(sign_v1a(SIGNER, MESSAGE_ID, STAMP, BODY).removeprefix("v1a,"))
    assert isinstance(public_key(text), Ed25519Verifier)
    assert public_key(text).verify(signed_content(MESSAGE_ID, STAMP, BODY), signature)


@given(st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
@settings(max_examples=50)
def test_independent_library_accepts_what_we_sign_beside_an_entry_it_does_not_know(body):
    now = datetime.now(UTC)  # The peer reads the machine's clock itself.
    older = new_secret()
    made = signing_headers(MESSAGE_ID, int(now.timestamp()), body, secrets=[SECRET, older], signers=[SIGNER])
    for secret in (SECRET, older):
        standardwebhooks.Webhook(secret.reveal()).verify(body, made, json_parse=False)


@given(st.text(max_size=300))
@settings(max_examples=50)
def test_we_accept_what_the_independent_library_signs(text):
    body = text.encode("utf-8", "replace").decode()
    signature = standardwebhooks.Webhook(SECRET.reveal()).sign(MESSAGE_ID, NOW, body)
    assert verify(headers(webhook_signature=signature), body.encode(), [SECRET], NOW).id == MESSAGE_ID


def test_openssl_accepts_our_asymmetric_signature(tmp_path):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not on PATH, so v1a has no outside peer here")
    (tmp_path / "key.pem").write_text(SIGNER.public_pem)
    (tmp_path / "content").write_bytes(signed_content(MESSAGE_ID, STAMP, BODY))
    signature = base64.b64decode(sign_v1a(SIGNER, MESSAGE_ID, STAMP, BODY).removeprefix("v1a,"))
    command = [openssl, "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "key.pem", "-in", "content"]
    for signed, is_good in ((signature, True), (signature[:-1] + bytes([signature[-1] ^ 1]), False)):
        (tmp_path / "signature").write_bytes(signed)
        run = subprocess.run(
            [*command, "-sigfile", "signature"], cwd=tmp_path, capture_output=True, text=True, timeout=20
        )
        if "rawin" in run.stderr and "nrecognized" in run.stderr:
            pytest.skip(f"this openssl knows no -rawin: {run.stderr.splitlines()[0]}")
        assert (run.returncode == 0) is is_good, run.stderr


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()))
def test_any_headers_are_refused_and_never_crash(any_headers):
    with pytest.raises(WebhookSignatureInvalid):
        verify(any_headers, BODY, [SECRET], NOW)
