import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from providers.sandbox import statement

HEADER = "kind,attempt_ref,provider_ref,amount,currency,status,occurred_at\n"
LINE = "payment,PC0123456789A01,SBX1,150000,VND,paid,2026-11-21T03:31:12+00:00\n"


def parse(text: str):
    return statement.parse(text.encode())


def problems(parsed):
    return [(problem.line_no, problem.code) for problem in parsed.problems]


def test_parse_good_statement():
    parsed = parse(
        HEADER + LINE + LINE.replace("payment", "refund").replace("paid", "refunded") + "TRAILER,2,300000\n"
    )
    assert [(line.kind, line.outcome) for line in parsed.entries] == [
        ("payment", Outcome.CONFIRMED),
        ("refund", Outcome.CONFIRMED),
    ]
    assert (parsed.control_count, parsed.control_sum, parsed.problems) == (2, Money(300_000), ())


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("payment,PC1\n", "wrong_width"),
        (LINE.replace("PC0123456789A01", ""), "missing_reference"),
        (LINE.replace("SBX1", ""), "missing_transaction"),
        (LINE.replace("VND", "USD"), "bad_currency"),
        (LINE.replace("150000", "1.5"), "bad_amount"),
        (LINE.replace("150000", "-1"), "bad_amount"),
        (LINE.replace("paid", "odd"), "unknown_status"),
        (LINE.replace("payment", "refund"), "unknown_status"),
    ],
)
def test_parse_bad_line_is_a_problem_with_its_number(line, code):
    parsed = parse(HEADER + LINE + line + "TRAILER,2,300000\n")
    assert problems(parsed) == [(3, code)]
    assert len(parsed.entries) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(0, "missing_header")]),
        ("a,b\n", [(0, "missing_header")]),
        (HEADER + LINE, [(0, "missing_trailer")]),
        (HEADER + "TRAILER,x,1\n", [(2, "bad_trailer"), (0, "missing_trailer")]),
        (HEADER + "TRAILER,0,0\n\n" + LINE, [(4, "row_after_trailer")]),
        (HEADER + '"unclosed', [(0, "not_a_csv")]),
    ],
)
def test_parse_odd_files_are_problems(text, expected):
    assert problems(parse(text)) == expected


ANY_FILE = st.text(max_size=200).map(lambda text: (HEADER + text).encode("utf-8", "replace"))


@given(st.one_of(st.binary(max_size=500), ANY_FILE))
def test_parse_any_bytes_never_raise(content):
    assert statement.parse(content).problems
