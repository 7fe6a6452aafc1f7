"""The life of a run and its verdict: pure words and tables for service, models and reports."""

from enum import StrEnum

from payclear.kernel.states import StateTable, register


class Step(StrEnum):
    """How far a run has come; each step is committed, and the next one starts from what is stored."""

    AWAITING = "awaiting"  # no file yet
    FETCHED = "fetched"  # the bytes and their digest are kept
    PARSED = "parsed"  # its lines and problems are stored
    CHECKED = "checked"  # completeness is judged
    HELD = "held"  # a person must decide before anything is matched
    MATCHED = "matched"  # every line has its one place
    BOOKED = "booked"  # what matched is settled in the ledger
    DONE = "done"  # counted, re-added, judged


class Verdict(StrEnum):
    """What a day's report says, the gravest first."""

    INCOMPLETE = "incomplete"
    DISCREPANCIES = "discrepancies"
    WARNINGS = "warnings"
    PENDING = "pending"
    RECONCILED = "reconciled"


class Hold(StrEnum):
    """Why a statement is held before matching."""

    SAME_AS_OTHER_DAY = "same_as_other_day"  # F01: another day's file again
    CHANGED_VERSION = "changed_version"  # F01: an earlier version's lines are missing or altered
    WRONG_ACCOUNT = "wrong_account"  # F06


RUN_STEPS = register(
    StateTable(
        name="reconciliation_run",
        initial=Step.AWAITING,
        transitions={
            (Step.AWAITING, "fetched"): Step.FETCHED,
            (Step.FETCHED, "parsed"): Step.PARSED,
            (Step.PARSED, "checked"): Step.CHECKED,
            (Step.PARSED, "held"): Step.HELD,
            (Step.HELD, "accepted"): Step.CHECKED,
            (Step.CHECKED, "matched"): Step.MATCHED,
            (Step.MATCHED, "booked"): Step.BOOKED,
            (Step.BOOKED, "finished"): Step.DONE,
            (Step.DONE, "matched"): Step.MATCHED,
        },
        terminal=frozenset({Step.DONE}),
        reopening=frozenset({(Step.DONE, "matched")}),
    )
)


def verdict_of(*, is_complete: bool, open_count: int, warning_count: int, pending_count: int) -> Verdict:
    """The gravest thing that can be said: incomplete › discrepancies › warnings › pending › reconciled."""
    if not is_complete:
        return Verdict.INCOMPLETE
    if open_count:
        return Verdict.DISCREPANCIES
    if warning_count:
        return Verdict.WARNINGS
    return Verdict.PENDING if pending_count else Verdict.RECONCILED
