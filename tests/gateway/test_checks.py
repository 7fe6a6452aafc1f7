"""The invariants of our observations hold, and turn red when somebody changes a figure."""

from datetime import timedelta

import pytest

from payclear.contract.errors import OutcomeUnknown
from payclear.contract.registry import ProviderLine
from payclear.gateway.checks import CHECKS
from payclear.gateway.domain import Operation
from payclear.gateway.service import call
from payclear.operations.jobs import count_calls
from payclear.operations.verify import verify
from payclear.runtime import Runtime
from tests.gateway.conftest import fails


@pytest.fixture
def counted(gateway_runtime: Runtime, line: ProviderLine) -> Runtime:
    for _ in range(3):
        call(gateway_runtime, line, Operation.QUERY, lambda: 1)
    fails(gateway_runtime, line, OutcomeUnknown("x"), times=5)
    gateway_runtime.clock.advance(timedelta(hours=4))
    count_calls()
    return gateway_runtime


def broken(runtime: Runtime) -> set[str]:
    return {finding.check.id for finding in verify(runtime.database) if not finding.holds}


def test_figures_hold_as_they_are_counted(counted: Runtime) -> None:
    assert broken(counted) & {check.id for check in CHECKS} == set()


@pytest.mark.parametrize(
    ("sql", "offended"),
    [
        ("UPDATE provider_hour SET ok = ok + 1", {"INV-50", "INV-51"}),
        ("UPDATE provider_hour SET histogram[1] = histogram[1] + 1", {"INV-50"}),
        ("UPDATE provider_hour SET busy = busy + 1", {"INV-51"}),
        ("DELETE FROM provider_call", {"INV-51"}),
        ("UPDATE provider_hour SET openings = 99", {"INV-50"}),
    ],
)
def test_changed_figure_is_found(counted: Runtime, sql: str, offended: set[str]) -> None:
    with counted.database.begin() as uow:
        uow.run(sql)
        uow.commit()
    assert broken(counted) == offended
