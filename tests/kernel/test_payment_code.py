"""The payment code: its form, and finding it again in what banks make of a memo."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.errors import InvalidInput
from payclear.kernel.iso7064 import mod97_10_check
from payclear.kernel.payment_code import display, find_payment_codes, is_payment_code, new_payment_code

CODE = "1234567890123" + mod97_10_check("1234567890123")
OTHER = "9876543210987" + mod97_10_check("9876543210987")
codes = st.integers(10**12, 10**13 - 1).map(lambda number: f"{number}{mod97_10_check(str(number))}")
separators = st.sampled_from(["", " ", ".", "-", "  ", "\n", "_", "/", "\u00a0", "\u200b"])
no_digits = st.text("ABCDEFGHIKLMNOPQRSTUVXYĐÁẠỆ .-:", max_size=30)


def grouped(code: str, size: int, separator: str = " ") -> str:
    return separator.join(code[at : at + size] for at in range(0, len(code), size))


@pytest.mark.parametrize(
    "text",
    [
        *["", CODE[:-1], CODE + "0", "0" + CODE[1:], grouped(CODE, 5), " " + CODE, CODE + "\n"],
        *[CODE[:-1] + "A", "１" + CODE[1:], "0" * 15],
    ],
)
def test_text_of_another_form_is_no_payment_code(text):
    assert not is_payment_code(text)


@given(codes, st.integers(0, 14), st.integers(1, 9))
def test_payment_code_with_one_wrong_digit_is_refused(code, at, shift):
    wrong = code[:at] + str((int(code[at]) + shift) % 10) + code[at + 1 :]
    assert not is_payment_code(wrong)
    assert find_payment_codes(wrong) == []


def test_new_payment_codes_are_valid_distinct_and_without_order():
    made = [new_payment_code() for _ in range(500)]
    assert all(is_payment_code(code) for code in made)
    assert len(set(made)) == 500
    assert made != sorted(made)


def test_display_groups_by_five_and_refuses_anything_else():
    assert display(CODE) == f"{CODE[:5]} {CODE[5:10]} {CODE[10:]}"
    with pytest.raises(InvalidInput):
        display(CODE[:-1])


@pytest.mark.parametrize("memo", ["", "NOP PHAT", "QD 0123456", "MA " + "1" * 14, "MA 12345678901234X9"])
def test_memo_without_a_code_gives_nothing(memo):
    assert find_payment_codes(memo) == []


@pytest.mark.parametrize(
    "memo",
    [
        f"NOP PHAT VPHC QD 0123456 MA {grouped(CODE, 3)} NGUYEN VAN A",
        f"Nộp phạt VPHC QĐ 0123456 mã {grouped(CODE, 5)} Nguyễn Văn A",
        f"NOPPHATQD0123456MA{CODE}NGUYENVANA",
        f"IBFT {grouped(CODE, 5, '.')}",
        f"IBFT {grouped(CODE, 5, '-')}; tu 0123456789 A",
        f"MBVCB.3278907687.{CODE}.CT tu 0123456789012 toi 123",
        f"le phi {CODE[:7]}\n{CODE[7:]} ho so",
        f"le phi {CODE[:7]}\r\n{CODE[7:]}",
        f"ma:{CODE}",
        CODE.translate({ord(str(digit)): chr(0xFF10 + digit) for digit in range(10)}),
        f"{CODE} {CODE}x{CODE}",
    ],
)
def test_memo_as_banks_write_it_gives_the_code(memo):
    assert find_payment_codes(memo)[0] == CODE


def test_code_standing_alone_comes_before_windows_of_a_longer_run():
    memo = f"0123456{OTHER} MA {CODE} A"
    found = find_payment_codes(memo)
    assert found[0] == CODE
    assert OTHER in found[1:]


def test_code_written_as_words_comes_before_chance_windows():
    glued = ambiguous_run()
    assert find_payment_codes(glued.replace(CODE, f" {CODE} "))[0] == CODE
    assert len(find_payment_codes(glued)) > 1
    assert CODE in find_payment_codes(glued)


def ambiguous_run() -> str:
    """Digits in front of a code such that an earlier window has right check digits by chance."""
    for number in range(100, 1000):
        glued = f"{number}{CODE}"
        if is_payment_code(glued[:15]) or is_payment_code(glued[1:16]) or is_payment_code(glued[2:17]):
            return glued
    raise AssertionError("no ambiguous run among 900")


def test_codes_of_one_rank_come_in_order_of_appearance_each_once():
    assert find_payment_codes(f"A {OTHER} B {CODE} C {OTHER}") == [OTHER, CODE]


def test_digits_of_other_scripts_are_no_code():
    assert (
        find_payment_codes(CODE.translate({ord(str(digit)): chr(0x660 + digit) for digit in range(10)})) == []
    )


@given(codes, no_digits, no_digits, st.lists(separators, min_size=14, max_size=14))
def test_code_with_any_separators_between_words_is_found_alone(code, before, after, between):
    spread = "".join(digit + gap for digit, gap in zip(code, [*between, ""], strict=True))
    assert find_payment_codes(f"{before}{spread}{after}") == [code]


@given(codes, st.text("0123456789", max_size=20), st.text("0123456789", max_size=20))
def test_code_glued_to_other_digits_is_among_the_found(code, before, after):
    assert code in find_payment_codes(f"MA {before}{code}{after}")


@given(st.text(max_size=200))
def test_find_in_any_text_returns_only_codes(text):
    found = find_payment_codes(text)
    assert all(is_payment_code(code) for code in found)
    assert len(found) == len(set(found))
