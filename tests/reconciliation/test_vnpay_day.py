"""A night over VNPAY's own workbook, as the simulator writes it and the adapter reads it."""

from dataclasses import replace
from datetime import date

import pytest

from payclear.contract.messages import StatementFile
from payclear.orders.domain import OrderState
from payclear.orders.records import AttemptView
from providers.simulator.statement_lines import Line, StatementDay
from providers.simulator.vnpay_workbook import workbook
from reconciliation.reports.service import day_report
from reconciliation.runs import Verdict
from reconciliation.service import Night, run_night
from tests.scenes import VNPAY, Scene

DAY = date(2026, 11, 21)


def line_of(scene: Scene, attempt: AttemptView) -> Line:
    return Line(
        kind="payment",
        attempt_ref=attempt.attempt_ref,
        provider_ref=str(14_000_000 + attempt.amount),
        amount=attempt.amount,
        status="paid",
        at=scene.runtime.clock.now().timestamp(),
    )


def night(scene: Scene, lines: list[Line], *faults: str) -> Night:
    total = sum(line.amount for line in lines)
    day = StatementDay(lines=lines, count=len(lines), total=total, file_faults=frozenset(faults))
    content = workbook(day, terminal="DEMOV210", on=DAY)
    if "html" in faults:
        content = b"<html><body>Service Unavailable</body></html>"
    if "truncated" in faults:
        content = content[: len(content) // 2]
    file = StatementFile(name="VNPAYGATEWAY.xlsx", content=content, media_type="x", business_on=DAY)
    return run_night(scene.runtime, VNPAY, DAY, file=file)


def open_attempts(scene: Scene, count: int) -> list[AttemptView]:
    return [scene.attempt(scene.order(amount=100_000 + number)) for number in range(count)]


@pytest.mark.parametrize("fault", ["html", "truncated"])
def test_file_that_is_no_workbook_is_incomplete_and_changes_nothing(scene: Scene, fault: str) -> None:
    (attempt,) = open_attempts(scene, 1)
    done = night(scene, [line_of(scene, attempt)], fault)
    assert done.run.verdict == Verdict.INCOMPLETE
    assert scene.reload(attempt.order_id).state == OrderState.OPEN
    assert [row.code for row in day_report(scene.runtime, VNPAY, DAY).problems] == ["not_a_workbook"]


def test_amount_that_cannot_be_read_is_listed_with_its_line(scene: Scene) -> None:
    good, bad = open_attempts(scene, 2)
    lines = [line_of(scene, good), replace(line_of(scene, bad), shown="1.25O.000")]
    assert night(scene, lines).run.verdict == Verdict.INCOMPLETE
    problems = [(row.line_no, row.code) for row in day_report(scene.runtime, VNPAY, DAY).problems]
    assert (3, "bad_amount") in problems
    assert scene.reload(good.order_id).state == OrderState.PAID
    assert scene.reload(bad.order_id).state == OrderState.OPEN


@pytest.mark.parametrize("faults", [(), ("moved_columns",)])
def test_lost_callbacks_are_made_up_by_the_workbook(scene: Scene, faults: tuple[str, ...]) -> None:
    attempts = open_attempts(scene, 3)
    done = night(scene, [line_of(scene, attempt) for attempt in attempts], *faults)
    assert done.adopted.captured == 3
    assert done.run.verdict == Verdict.RECONCILED
    assert {scene.reload(attempt.order_id).state for attempt in attempts} == {OrderState.PAID}
