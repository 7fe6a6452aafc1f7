import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.ids import attempt_ref, is_order_ref, new_order_ref
from payclear.kernel.payment_code import is_payment_code, new_payment_code
from providers.transfers import find_attempt_refs, find_reference, read_time
from tests.providers.notices import CODE, REF


def test_the_samples_are_sound():
    assert is_order_ref(REF[:13])
    assert is_payment_code(CODE)


@pytest.mark.parametrize(
    ("memo", "expected"),
    [
        (f"{REF} {CODE}", REF),
        (f"MBVCB.1234567890.{REF} {CODE}.CT tu 0011000000000 toi 113366668888", REF),
        (f"{REF}{CODE}", REF),
        (f"IBFT {REF.lower()} nop phi", REF),
        (f"{REF[:6]} {REF[6:]} {CODE}", REF),
        (f"{REF[:9]}-{REF[9:]}", REF),
        (f"CT DEN:123 {REF}", REF),
        # The attempt's number was cut or stands apart: the order is known, the attempt is not.
        (f"{REF[:13]} {CODE}", REF[:13]),
        (f"{REF[:13]}", REF[:13]),
        (f"{REF[:13]} 01", REF[:13]),
        # Only the payment code is left.
        (f"nop phat {CODE[:5]} {CODE[5:10]} {CODE[10:]}", CODE),
        (f"QR - {CODE} - NGUYEN VAN A", CODE),
        ("chuyen tien", ""),
        ("", ""),
        ("PC0123456789A01", ""),
        ("123456789012335", ""),
    ],
)
def test_find_reference_takes_the_surest_and_never_guesses(memo, expected):
    assert find_reference([memo]) == expected


def test_find_reference_order_reference_glued_to_a_code_does_not_borrow_its_digits():
    assert find_attempt_refs(f"{REF[:13]}{CODE}") == []
    assert find_reference([f"{REF[:13]}{CODE}"]) == REF[:13]


def test_find_reference_attempt_in_a_later_text_beats_a_code_in_the_first():
    assert find_reference([CODE, f"x {REF}"]) == REF


def test_find_reference_hands_on_all_codes_of_a_memo_the_surest_first():
    other = "999999999999956"
    glued = f"{CODE}7"
    assert is_payment_code(other)
    assert find_reference([f"{glued} va {other}", CODE]).split()[:2] == [other, CODE]
    assert len(find_reference([" a ".join(new_payment_code() for _ in range(20))]).split()) == 8


@given(st.text(max_size=80))
def test_find_reference_any_text_gives_a_sound_reference_or_nothing(text):
    for found in find_reference([text]).split():
        assert is_order_ref(found[:13]) or is_payment_code(found)


@given(st.integers(1, 99), st.sampled_from([" ", ".", "", " - "]))
def test_find_reference_what_a_qr_carries_is_found_again(number, separator):
    reference = attempt_ref(new_order_ref(), number)
    purpose = f"{reference}{separator}{new_payment_code()}"
    assert find_reference([f"NHAN TU 970415 TRACE 4711 ND {purpose} -CT"]) == reference


@pytest.mark.parametrize(
    "text", ["", "2026-11-21", "2026-13-21 10:00:00", "21/11/2026 10:31:12", "２０２６-11-21 10:31:12"]
)
def test_read_time_no_time_is_none(text):
    assert read_time(text) is None
