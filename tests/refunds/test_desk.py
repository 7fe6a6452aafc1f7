"""The commands of refunds for demonstrations."""

from dataclasses import replace

import pytest

from payclear.kernel.problems import OperatorProblem
from payclear.refunds import desk as commands
from payclear.refunds.errors import RefundNotFound
from tests.refunds.conftest import Desk


def test_production_is_refused_while_nobody_approves(desk: Desk) -> None:
    runtime = desk.scene.runtime
    production = replace(runtime, settings=replace(runtime.settings, environment="production"))
    attempt = desk.paid()
    with pytest.raises(OperatorProblem, match="two people"):
        commands.request(production, attempt.attempt_ref, 1, reason="r", requested_by="canbo")
    assert commands.newest(runtime) == ["There is no refund."]


def test_unknown_refund_is_told_so(desk: Desk) -> None:
    with pytest.raises(RefundNotFound):
        commands.show(desk.scene.runtime, "NOPE")


def test_refund_is_asked_for_listed_and_shown_with_its_history(desk: Desk) -> None:
    runtime, attempt = desk.scene.runtime, desk.paid()
    (line,) = commands.request(runtime, attempt.attempt_ref, 50_000, reason="Nộp thừa", requested_by="canbo")
    assert "50000 VND" in line
    assert commands.newest(runtime) == [line]
    refund_ref = line.split()[0]
    refund = desk.reload_by_ref(refund_ref)
    desk.send(refund)
    shown = commands.show(runtime, refund_ref)
    assert "done" in shown[0]
    assert [each.split("  ")[2] for each in shown[1:]] == [
        "requested → requested",
        "called → in_doubt",
        "done → done",
    ]
