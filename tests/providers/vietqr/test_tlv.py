"""Every vector made by the independent implementations, read from tests/golden/vietqr.json, and what parsing refuses."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.vietqr import tlv

VECTORS = json.loads((Path(__file__).parents[2] / "golden" / "vietqr.json").read_text("utf-8"))
TRANSFERS = [vector for vector in VECTORS if "bankBin" in vector["input"]]
DYNAMIC = tlv.TransferQr(bank_bin="970415", account_number="113366668888", amount=150_000, purpose="A B")


def identity(vector):
    return vector["case"]


@pytest.mark.parametrize("vector", TRANSFERS, ids=identity)
def test_build_vector_gives_the_very_text(vector):
    given_ = vector["input"]
    qr = tlv.TransferQr(
        bank_bin=given_["bankBin"],
        account_number=given_["bankNumber"],
        amount=int(given_.get("amount", "0")),
        purpose=given_.get("purpose", ""),
    )
    assert tlv.build(qr) == vector["extra"]["payload"]
    assert tlv.parse(vector["extra"]["payload"]) == qr


@pytest.mark.parametrize("vector", VECTORS, ids=identity)
def test_checked_vector_holds_and_says_what_the_peer_decoded(vector):
    text, decoded = vector["extra"]["payload"], vector["extra"]["decoded"]
    found = tlv.checked(text)
    assert f"{tlv.crc16(vector['canonical'].encode()):04X}" == vector["signature"] == text[-4:]
    assert found["01"] == decoded["initMethod"]
    assert found.get("54", "") == decoded.get("amount", "")
    assert tlv.elements(found.get("62", "")).get("08", "") == decoded.get("purpose", "")


def test_sealed_vnpay_qr_vector_is_the_same_text():
    vector = next(vector for vector in VECTORS if vector["case"] == "vnpay-qr")
    values = vector["input"]
    merchant = tlv.element("00", "A000000775") + tlv.element("01", values["merchantId"])
    more = [("01", "billNumber"), ("03", "store"), ("07", "terminal"), ("08", "purpose")]
    text = tlv.sealed(
        [
            ("00", "01"),
            ("01", tlv.STATIC),
            ("26", merchant),
            ("53", tlv.CURRENCY_VND),
            ("54", values["amount"]),
            ("58", tlv.COUNTRY),
            ("59", values["merchantName"]),
            ("62", "".join(tlv.element(tag, values[name]) for tag, name in more)),
        ]
    )
    assert text == vector["extra"]["payload"]


def test_crc16_check_value_of_the_catalogue():
    assert tlv.crc16(b"123456789") == 0x29B1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "6304FFFF",
        tlv.build(DYNAMIC)[:-1],
        tlv.build(DYNAMIC)[:-4] + "0000",
        tlv.build(DYNAMIC).replace("150000", "150001"),
        tlv.build(DYNAMIC).lower(),
        tlv.sealed([("00", "02")]),
        tlv.sealed([("00", "01"), ("53", "840"), ("58", "VN")]),
        tlv.sealed([("00", "01"), ("00", "01")]),
    ],
)
def test_parse_unsound_text_is_refused(text):
    with pytest.raises(tlv.QrMalformed):
        tlv.parse(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"bank_bin": "97041"},
        {"account_number": ""},
        {"account_number": "1" * 20},
        {"amount": -1},
        {"purpose": "x" * 100},
    ],
)
def test_build_what_does_not_fit_is_refused(changes):
    fields = {"bank_bin": "970415", "account_number": "113366668888"} | changes
    with pytest.raises(tlv.QrMalformed):
        tlv.build(tlv.TransferQr(**fields))


@given(st.text(max_size=120))
def test_parse_any_text_is_refused_in_one_way(text):
    with pytest.raises(tlv.QrMalformed):
        tlv.parse(text)


@given(
    st.from_regex(r"[A-Za-z0-9]{1,19}", fullmatch=True),
    st.integers(0, 10**12),
    st.from_regex(r"[A-Za-z0-9 .:_-]{0,80}", fullmatch=True),
)
def test_parse_gives_back_what_was_built(account_number, amount, purpose):
    qr = tlv.TransferQr(bank_bin="970415", account_number=account_number, amount=amount, purpose=purpose)
    assert tlv.parse(tlv.build(qr)) == qr
