"""Reading a transfer QR: what adapters make is read back, everything else is not shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.checkout.transfer_qr import Transfer, read_transfer
from payclear.kernel.money import Money
from providers.vietqr.tlv import TransferQr, build
from tests.checkout.fakes import qr_text


@given(
    amount=st.integers(1, 10**12),
    account=st.from_regex(r"[A-Za-z0-9]{1,19}", fullmatch=True),
    memo=st.from_regex(r"[A-Za-z0-9 ]{1,25}", fullmatch=True),
)
def test_qr_of_an_adapter_is_read_as_it_was_meant(amount: int, account: str, memo: str) -> None:
    text = build(TransferQr(bank_bin="970415", account_number=account, amount=amount, purpose=memo))
    assert read_transfer(text) == Transfer(
        bank_bin="970415", account_no=account, memo=memo, amount=Money(amount)
    )


@given(st.text(max_size=200))
def test_any_other_text_is_no_transfer(text: str) -> None:
    assert read_transfer(text) is None


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_qr_changed_in_one_place_is_no_transfer(at: int, letter: str) -> None:
    text = qr_text(200_000)
    at %= len(text)
    changed = text[:at] + letter + text[at + 1 :]
    assert changed == text or read_transfer(changed) is None


@pytest.mark.parametrize("text", [None, "", qr_text(0), qr_text(200_000).lower(), qr_text(200_000) + "00"])
def test_qr_without_an_amount_or_its_seal_is_no_transfer(text: str | None) -> None:
    assert read_transfer(text) is None
