import pytest

from payclear.kernel.secret import HIDDEN, Secret
from providers.transcript import TRANSCRIPT_LIMIT, scrub


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            '{"vnp_TxnRef": "PC1", "vnp_SecureHash": "abc"}',
            f'{{"vnp_TxnRef": "PC1", "vnp_SecureHash": "{HIDDEN}"}}',
        ),
        ('{"customerName":"Nguyễn \\"A\\"","x":1}', f'{{"customerName":"{HIDDEN}","x":1}}'),
        ('{"pin_token": 12345}', f'{{"pin_token": "{HIDDEN}"}}'),
        ('{"signature": "", "token": null}', '{"signature": "", "token": null}'),
        ('{"signature": "cut off', f'{{"signature": "{HIDDEN}"'),
        (
            "vnp_Amount=100&vnp_SecureHash=abc&vnp_CardType=ATM",
            f"vnp_Amount=100&vnp_SecureHash={HIDDEN}&vnp_CardType=ATM",
        ),
        ("POST https://a.vn/?TEN_KHACH_HANG=A+B", f"POST https://a.vn/?TEN_KHACH_HANG={HIDDEN}"),
        ("x-sandbox-signature: sha256=00ff\nhost: a.vn", f"x-sandbox-signature: {HIDDEN}\nhost: a.vn"),
        ("card 9704198526191432198 date 20261121103000", f"card {HIDDEN} date 20261121103000"),
    ],
)
def test_scrub_sensitive_values_are_struck_out_and_nothing_else(before, after):
    assert scrub(before) == after


def test_scrub_secret_is_struck_out_wherever_it_stands():
    assert scrub("free text k3y! here", [Secret("k3y!"), Secret("")]) == f"free text {HIDDEN} here"


def test_scrub_long_text_is_cut():
    assert len(scrub("a" * 10_000)) == TRANSCRIPT_LIMIT + 1
