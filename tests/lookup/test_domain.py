"""What is answered, which subject a header names, and when nobody may be called clear."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.lookup.domain import (
    Authority,
    ClearanceStatus,
    InvalidSubject,
    LookupStatus,
    SubjectKind,
    UnknownReason,
    clearance_of,
    document_keys,
    read_subject,
    status_of,
    status_of_unfound,
)
from payclear.obligations.domain import ObligationState
from payclear.obligations.rules.plates import PlateColour

TODAY = date(2026, 11, 21)
EVERY_KEY = frozenset(kind.value for kind in SubjectKind)
OURS = frozenset({"demoportal"})


@pytest.mark.parametrize("state", ObligationState)
@pytest.mark.parametrize("holds_money", [True, False])
@pytest.mark.parametrize("has_quote", [True, False])
@pytest.mark.parametrize("is_counter_only", [True, False])
def test_every_state_has_an_answer_and_doubt_never_says_payable(
    state: ObligationState, holds_money: bool, has_quote: bool, is_counter_only: bool
) -> None:
    answer = status_of(state, holds_money=holds_money, has_quote=has_quote, is_counter_only=is_counter_only)
    if state in (ObligationState.OPEN, ObligationState.PARTIALLY_PAID):
        payable = LookupStatus.PAYABLE_AT_COUNTER if is_counter_only else LookupStatus.PAYABLE
        expected = payable if has_quote else LookupStatus.NOT_YET_PAYABLE
        assert answer is (LookupStatus.BEING_CONFIRMED if holds_money else expected)
    else:
        assert answer == state.value


@pytest.mark.parametrize(
    ("decided_on", "complete_to", "expected"),
    [
        (None, None, LookupStatus.NOT_FOUND),
        (TODAY, None, LookupStatus.NOT_FOUND),
        (None, TODAY, LookupStatus.NOT_FOUND),
        (TODAY, TODAY, LookupStatus.NOT_FOUND),
        (TODAY, TODAY - timedelta(days=1), LookupStatus.NOT_YET_UPLOADED),
    ],
)
def test_not_yet_uploaded_needs_a_stated_day_after_what_the_authority_said(
    decided_on: date | None, complete_to: date | None, expected: LookupStatus
) -> None:
    assert status_of_unfound(decided_on=decided_on, complete_to=complete_to) is expected


def test_number_is_sought_with_and_without_the_stroke_of_its_letter() -> None:
    assert document_keys(" 0012345 / qd-xphc ") == ("0012345/QD-XPHC", "0012345/QĐ-XPHC")
    assert document_keys("  ") == ()


@pytest.mark.parametrize(
    ("header", "kind", "value", "colour"),
    [
        ('citizen-id="000000000001"', SubjectKind.CITIZEN_ID, "000000000001", None),
        ('licence-no="790000000001"', SubjectKind.LICENCE_NO, "790000000001", None),
        ('plate="30A-123.45";colour="yellow"', SubjectKind.PLATE, "30A-123.45", PlateColour.YELLOW),
    ],
)
def test_header_names_one_subject(
    header: str, kind: SubjectKind, value: str, colour: PlateColour | None
) -> None:
    subject = read_subject(header)
    assert (subject.kind, subject.value, subject.colour) == (kind, value, colour)
    assert value not in repr(subject)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "citizen-id",
        "citizen-id=000000000001",
        'citizen-id="1"',
        'citizen-id="000000000001", plate="30A-123.45";colour="white"',
        'plate="30A-123.45"',
        'plate="30A-123.45";colour="green"',
        'plate="30A-123.45";colour="white";more="1"',
        'citizen-id="000000000001";colour="white"',
        'passport="B1234567"',
        'citizen-id=("000000000001")',
        'citizen-id="000000000001',
        "citizen-id=:MDAwMDAwMDAwMDAx:",
    ],
)
def test_header_that_names_none_or_several_is_refused_without_repeating_it(header: str | None) -> None:
    with pytest.raises(InvalidSubject) as refused:
        read_subject(header)
    assert "000000000001" not in f"{refused.value}{refused.value.facts}"


def answer(count: int = 0, **changes: object) -> tuple[ClearanceStatus, tuple[UnknownReason, ...]]:
    facts = {
        "kind": SubjectKind.CITIZEN_ID,
        "authorities": [Authority("H00.14", EVERY_KEY, 1, OURS)],
        "complete_to": {"H00.14": TODAY - timedelta(days=1)},
        "issuing": ["H00.14"],
        "today": TODAY,
    }
    given_ = clearance_of(count, **{**facts, **changes})
    return given_.status, given_.reasons


def test_clear_when_every_authority_is_fresh_and_keeps_the_key() -> None:
    assert answer() == (ClearanceStatus.CLEAR, ())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"authorities": [], "issuing": []}, UnknownReason.NO_AUTHORITY),
        ({"issuing": ["H00.14", "H01.14"]}, UnknownReason.AUTHORITY_NOT_NAMED),
        ({"complete_to": {}}, UnknownReason.COVERAGE_MISSING),
        ({"complete_to": {"H00.14": TODAY - timedelta(days=2)}}, UnknownReason.COVERAGE_STALE),
        ({"authorities": [Authority("H00.14", frozenset({"plate"}), 1, OURS)]}, UnknownReason.KEY_NOT_KEPT),
    ],
)
def test_whatever_may_be_missing_is_unknown_with_its_reason(
    changes: dict[str, object], reason: UnknownReason
) -> None:
    assert answer(**changes) == (ClearanceStatus.UNKNOWN, (reason,))


@given(
    count=st.integers(0, 5),
    named=st.lists(st.sampled_from(["A", "B", "C"]), unique=True),
    keeps=st.sets(st.sampled_from(sorted(EVERY_KEY))),
    said=st.dictionaries(st.sampled_from(["A", "B", "C"]), st.integers(0, 4)),
    issuing=st.sets(st.sampled_from(["A", "B", "C"])),
    kind=st.sampled_from(SubjectKind),
)
def test_nobody_is_clear_while_anything_may_be_missing(
    count: int,
    named: list[str],
    keeps: set[str],
    said: dict[str, int],
    issuing: set[str],
    kind: SubjectKind,
) -> None:
    status, reasons = answer(
        count,
        kind=kind,
        authorities=[Authority(code, frozenset(keeps), 1, OURS) for code in named],
        complete_to={code: TODAY - timedelta(days=days) for code, days in said.items()},
        issuing=issuing,
    )
    if count:
        assert (status, reasons) == (ClearanceStatus.OUTSTANDING, ())
        return
    is_whole = named and issuing <= set(named) and all(said.get(code, 9) <= 1 for code in named)
    assert (status is ClearanceStatus.CLEAR) == bool(is_whole and kind in keeps)
    assert bool(reasons) == (status is ClearanceStatus.UNKNOWN)
