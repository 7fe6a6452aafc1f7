import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.errors import (
    CallbackMalformed,
    OperationUnsupported,
    ProviderRefused,
    SignatureInvalid,
)
from payclear.contract.outcomes import CallbackVerdict, Outcome
from payclear.kernel.money import Money
from payclear.kernel.secret import Secret
from providers.vietqr import mapping, provider, tlv
from tests.providers.factories import NOW, checkout, inbound, status_query
from tests.providers.notices import CODE, REF, notice, signed
from tests.providers.vietqr.factories import SECRET, account

ACCOUNT = account()


def test_start_checkout_is_a_qr_with_the_reference_before_the_payment_code():
    request = checkout(attempt_ref=REF, memo=f"NOP NSNN {CODE} {REF[:13]}")
    result = provider.start_checkout(ACCOUNT, request)
    qr = tlv.parse(result.qr_text)
    assert (result.outcome, result.redirect_url) == (Outcome.PENDING, None)
    assert (qr.bank_bin, qr.account_number, qr.amount) == ("970415", "113366668888", 150_000)
    assert qr.purpose == f"{REF} {CODE}"
    assert len(qr.purpose) <= 31
    assert provider.start_checkout(ACCOUNT, request) == result


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Money(0)},
        {"amount": Money(500_000_000)},
        {"attempt_ref": "Nộp"},
        {"attempt_ref": "A" * 26},
    ],
)
def test_start_checkout_what_a_transfer_does_not_carry_is_refused(changes):
    with pytest.raises(ProviderRefused):
        provider.start_checkout(ACCOUNT, checkout(**changes))


def test_verify_callback_credit_is_confirmed_for_its_attempt():
    got = provider.verify_callback(ACCOUNT, signed(SECRET))
    evidence = got.evidence
    assert (evidence.outcome, evidence.amount, evidence.attempt_ref) == (
        Outcome.CONFIRMED,
        Money(150_000),
        REF,
    )
    assert (evidence.merchant_account, evidence.provider_ref) == ("113366668888", "FT26325092704")
    assert evidence.paid_at.isoformat() == "2026-11-21T03:31:12+00:00"
    assert (got.dedupe_key, got.key_id, got.confirm_by_query) == ("92704", "notification_secret", False)


@pytest.mark.parametrize(
    ("changes", "reference", "outcome"),
    [
        ({"content": CODE}, CODE, Outcome.CONFIRMED),
        ({"content": REF[:13]}, REF[:13], Outcome.CONFIRMED),
        ({"content": "chuyen tien"}, "TRANSFER92704", Outcome.CONFIRMED),
        ({"content": "", "description": REF}, REF, Outcome.CONFIRMED),
        ({"content": "", "code": REF}, REF, Outcome.CONFIRMED),
        ({"transferType": "out"}, REF, Outcome.UNKNOWN),
    ],
)
def test_verify_callback_memo_names_what_it_names(changes, reference, outcome):
    evidence = provider.verify_callback(ACCOUNT, signed(SECRET, **changes)).evidence
    assert (evidence.attempt_ref, evidence.outcome) == (reference, outcome)


def test_verify_callback_other_account_and_virtual_account_are_named():
    other = provider.verify_callback(ACCOUNT, signed(SECRET, accountNumber="999")).evidence
    assert other.merchant_account == "999"
    virtual = account(options={"account_number": "96388VPHC01"})
    got = provider.verify_callback(virtual, signed(SECRET, subAccount="96388VPHC01")).evidence
    assert got.merchant_account == "96388VPHC01"


@pytest.mark.parametrize(
    "request_",
    [
        signed("another key"),
        signed(SECRET, at=NOW - timedelta(hours=7)),
        signed(SECRET, at=NOW + timedelta(minutes=6)),
        inbound(method="POST", body=json.dumps(notice()).encode()),
        inbound(method="POST", body=signed(SECRET).body + b" ", headers=dict(signed(SECRET).headers)),
        inbound(
            method="POST",
            body=signed(SECRET).body,
            headers={**signed(SECRET).headers, "x-sepay-timestamp": str(int(NOW.timestamp()) + 1)},
        ),
        inbound(
            method="POST",
            body=signed(SECRET).body,
            headers={**signed(SECRET).headers, "x-sepay-signature": "sha256=" + "0" * 64},
        ),
        inbound(
            method="POST",
            body=signed(SECRET).body,
            headers={name: value.upper() for name, value in signed(SECRET).headers.items()},
        ),
    ],
)
def test_verify_callback_signature_that_does_not_hold_is_refused(request_):
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(ACCOUNT, request_)


@pytest.mark.parametrize(
    "request_",
    [
        signed(SECRET, b""),
        signed(SECRET, b"[]"),
        signed(SECRET, b"\xff"),
        signed(SECRET, b"{" + b" " * 70_000 + b"}"),
        signed(SECRET, id=None),
        signed(SECRET, id="x"),
        signed(SECRET, transferType="both"),
        signed(SECRET, transferAmount=1.5),
        signed(SECRET, transferAmount=True),
        signed(SECRET, transferAmount="-1"),
        signed(SECRET, transferAmount=10**16),
        signed(SECRET, accountNumber=""),
        signed(SECRET, content=["x"]),
        signed(SECRET, content="\ud800"),
    ],
)
def test_verify_callback_signed_but_unreadable_is_malformed(request_):
    with pytest.raises(CallbackMalformed):
        provider.verify_callback(ACCOUNT, request_)


def test_verify_callback_late_repetition_and_previous_key_are_taken():
    ours = account(
        secrets={"notification_secret": Secret("new"), "notification_secret_previous": Secret(SECRET)}
    )
    old = signed(SECRET, at=NOW - timedelta(hours=5))
    assert provider.verify_callback(ours, old).key_id == "notification_secret_previous"


@given(st.binary(max_size=300), st.text(max_size=80), st.text(max_size=12))
def test_verify_callback_any_bytes_raise_nothing_but_contract_errors(body, signature, stamp):
    headers = {"x-sepay-timestamp": stamp, "x-sepay-signature": signature}
    with pytest.raises((SignatureInvalid, CallbackMalformed)):
        provider.verify_callback(ACCOUNT, inbound(method="POST", body=body, headers=headers))


@given(st.binary(max_size=200))
def test_verify_callback_signed_bytes_raise_nothing_but_contract_errors(body):
    with pytest.raises(CallbackMalformed):
        provider.verify_callback(ACCOUNT, signed(SECRET, body))


@given(st.integers(0, len(signed(SECRET).body) - 1), st.integers(1, 255))
def test_verify_callback_one_changed_byte_is_refused(position, change):
    genuine = signed(SECRET)
    raw = bytearray(genuine.body)
    raw[position] = (raw[position] + change) % 256
    with pytest.raises(SignatureInvalid):
        provider.verify_callback(
            ACCOUNT, inbound(method="POST", body=bytes(raw), headers=dict(genuine.headers))
        )


@pytest.mark.parametrize("verdict", list(CallbackVerdict))
def test_acknowledge_success_with_200_or_an_error_status(verdict):
    answer = provider.acknowledge(ACCOUNT, verdict, inbound())
    assert answer.status == mapping.ACKNOWLEDGEMENTS[verdict]
    assert json.loads(answer.body) == {"success": answer.status == 200}
    assert (answer.status == 200) is (verdict.value not in ("signature_invalid", "malformed", "try_again"))


@given(st.binary(max_size=200))
def test_read_return_any_bytes_raise_nothing(query):
    assert provider.read_return(ACCOUNT, inbound(query)).attempt_ref is None


def test_nobody_can_be_asked_about_a_qr():
    with pytest.raises(OperationUnsupported):
        provider.query_status(ACCOUNT, status_query())


def test_account_problems_are_plain_sentences():
    assert provider.account_problems(ACCOUNT) == []
    broken = account(
        options={"bank_bin": "97", "account_number": "a b", "statement_url": "http://x"},
        secrets={"notification_secret": Secret("")},
    )
    assert len(provider.account_problems(broken)) == 4
    assert provider.merchant_account(ACCOUNT) == "113366668888"
