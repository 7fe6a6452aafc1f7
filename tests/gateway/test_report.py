"""Hours, days and months of a provider: counted from observations, settled by late callbacks, the same bytes each time."""

import csv
import io
from dataclasses import replace
from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from payclear import cli
from payclear.contract.errors import NotSent, OutcomeUnknown, ProviderRefused
from payclear.contract.outcomes import EvidenceSource
from payclear.contract.registry import ProviderLine
from payclear.gateway.domain import BOUNDS_MS, BUCKETS, Operation
from payclear.gateway.errors import NoMonth
from payclear.gateway.observations import KEEP_CALLS
from payclear.gateway.report import Figures, Month, MonthReport, month_report, month_reports, total_of
from payclear.gateway.report_file import csv_bytes, month_file
from payclear.gateway.service import call
from payclear.operations.jobs import count_calls, tidy
from payclear.runtime import Runtime
from tests.database import TestServer
from tests.gateway.conftest import fails
from tests.scenes import SANDBOX, Scene

NOVEMBER = Month(date(2026, 11, 1))


def report(runtime: Runtime, account: str = "a", month: Month = NOVEMBER) -> MonthReport:
    with runtime.database.begin() as uow:
        return month_report(uow, account, month)


def answer(
    runtime: Runtime, line: ProviderLine, took_ms: float = 0, operation: Operation = Operation.CHECKOUT
):
    call(runtime, line, operation, lambda: runtime.clock.advance(timedelta(milliseconds=took_ms)))


def test_month_of_nothing_says_so(gateway_runtime: Runtime) -> None:
    assert count_calls() is None
    empty = report(gateway_runtime)
    assert (empty.total, empty.days, empty.as_of, empty.is_final) == (Figures(), (), None, False)
    assert empty.adds_up
    assert empty.total.answered_share is None


def test_calls_are_counted_by_day_and_operation_and_add_up(
    gateway_runtime: Runtime, line: ProviderLine
) -> None:
    for took_ms in (10, 10, 10, 240, 31_000):
        answer(gateway_runtime, line, took_ms)
    answer(gateway_runtime, line, 70, Operation.QUERY)
    answer(gateway_runtime, line, 9_000, Operation.STATEMENT)
    fails(gateway_runtime, line, NotSent("x"))
    fails(gateway_runtime, line, ProviderRefused("x"))
    gateway_runtime.clock.advance(timedelta(days=1))
    fails(gateway_runtime, line, OutcomeUnknown("x"), times=5)
    fails(gateway_runtime, line, NotSent("the circuit is open", reason="x"), times=0)
    assert count_calls() is not None
    month = report(gateway_runtime)
    assert [on.day for on, _ in month.days] == [21, 22]
    assert [operation for operation, _ in month.operations] == [Operation.CHECKOUT, Operation.QUERY]
    total = month.total
    assert (total.ok, total.refused, total.not_sent, total.unknown, total.openings) == (6, 1, 1, 5, 1)
    assert (total.calls, month.statements.calls) == (13, 1)
    assert total.answered_share == 7 * 10_000 // 13
    first = month.days[0][1]
    assert [first.latency_ms(percent) for percent in (50, 95, 99)] == [25, 30_001, 30_001]
    assert month.adds_up
    assert month.as_of == gateway_runtime.clock.now()


def test_histogram_counts_a_call_of_a_bound_below_it(gateway_runtime: Runtime, line: ProviderLine) -> None:
    for bound in BOUNDS_MS:  # a part of a millisecond is not counted
        answer(gateway_runtime, line, bound + 0.5)
        answer(gateway_runtime, line, bound + 1.5)
    count_calls()
    assert report(gateway_runtime).total.histogram == (1, *[2] * (BUCKETS - 2), 1)


def test_counting_again_changes_nothing_but_the_time(gateway_runtime: Runtime, line: ProviderLine) -> None:
    answer(gateway_runtime, line)
    count_calls()
    once = report(gateway_runtime)
    count_calls()
    assert report(gateway_runtime) == once


def test_single_calls_are_forgotten_after_a_week_and_their_figures_stay(
    gateway_runtime: Runtime, line: ProviderLine
) -> None:
    answer(gateway_runtime, line)
    gateway_runtime.clock.advance(KEEP_CALLS - timedelta(hours=2))  # no scheduler ran for days
    tidy()
    assert report(gateway_runtime).total.calls == 1
    gateway_runtime.clock.advance(timedelta(hours=4))
    tidy()
    with gateway_runtime.database.begin() as uow:
        assert uow.one("SELECT count(*) FROM provider_call") == (0,)
    assert report(gateway_runtime).total.calls == 1


def test_payment_without_a_callback_is_a_loss_until_the_callback_comes(gateway_runtime: Runtime) -> None:
    scene = Scene(gateway_runtime).set_up()
    told, lost, late = (scene.attempt(scene.order(), provider_account="a") for _ in range(3))
    scene.apply(scene.evidence(told))
    for attempt in (lost, late):
        scene.apply(scene.evidence(attempt, source=EvidenceSource.STATUS_QUERY))
    count_calls()
    total = report(gateway_runtime).total
    assert (total.payments, total.before_callback, total.without_callback) == (3, 2, 2)
    gateway_runtime.clock.advance(timedelta(days=3))
    scene.apply(scene.evidence(late))
    tidy()
    month = report(gateway_runtime)
    assert (month.total.payments, month.total.before_callback, month.total.without_callback) == (3, 2, 1)
    assert month.total.loss_share == 3333
    assert [on.day for on, _ in month.days] == [21]


def test_month_is_final_when_no_callback_can_change_it(gateway_runtime: Runtime, line: ProviderLine) -> None:
    answer(gateway_runtime, line)
    gateway_runtime.clock.set(NOVEMBER.next.begins_at - timedelta(minutes=30))
    answer(gateway_runtime, line)
    count_calls()
    month = report(gateway_runtime)
    assert [on.day for on, _ in month.days] == [
        30
    ]  # the other calls are forgotten: nobody counted them in time
    assert not month.is_final
    assert replace(month, as_of=NOVEMBER.next.begins_at + timedelta(days=7)).is_final


def test_accounts_that_are_configured_no_more_keep_their_figures(
    gateway_runtime: Runtime, line: ProviderLine
) -> None:
    answer(gateway_runtime, line)
    answer(gateway_runtime, gateway_runtime.providers.get("b"))
    count_calls()
    with gateway_runtime.database.begin() as uow:
        codes = [each.provider_account for each in month_reports(uow, NOVEMBER, accounts=["b", "c"])]
    assert codes == ["a", "b", "c"]


def test_file_says_what_it_is_and_has_the_same_bytes_each_time(
    gateway_runtime: Runtime, line: ProviderLine
) -> None:
    answer(gateway_runtime, line, 240)
    fails(gateway_runtime, line, OutcomeUnknown("x"))
    count_calls()
    months = [report(gateway_runtime), report(gateway_runtime)]
    files = [csv_bytes(each, provider_name="=Bank", has_callbacks=False, locale="vi") for each in months]
    assert files[0] == files[1]
    rows = list(csv.DictReader(io.StringIO(files[0].decode("utf-8-sig"))))
    scope = {row["key"]: row["note"] for row in rows if row["record"] == "scope"}
    assert scope["as_of"] == "2026-11-21T03:30:00Z"
    assert (scope["provider_name"], scope["totals_add_up"], scope["has_callbacks"]) == ("'=Bank", "yes", "no")
    assert all(row["note"] for row in rows if row["record"] == "definition")
    [total] = [row for row in rows if row["record"] == "total"]
    assert (total["calls"], total["answered_percent"], total["p50_ms"], total["callback_loss_percent"]) == (
        "2",
        "50.00",
        "25",
        "",
    )


def test_command_writes_the_same_bytes_as_the_console(runtime: Runtime, postgres: TestServer) -> None:
    answer(runtime, runtime.providers.get(SANDBOX), 240)
    count_calls()
    expected = month_file(runtime, SANDBOX, "2026-11", "en")
    environ = {"PAYCLEAR_DATABASE_URL": postgres.app_url}
    told = CliRunner().invoke(cli.main, ["health-report", SANDBOX, "2026-11", "--lang", "en"], env=environ)
    assert (told.exit_code, told.stdout_bytes) == (0, expected), told.exception
    refused = CliRunner().invoke(cli.main, ["health-report", "nobody", "2026-11"], env=environ)
    assert refused.exit_code == 2
    assert "no_figures" in refused.output


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-11-01", "x" * 100, "2026-1"])
def test_month_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(NoMonth):
        Month.read(text)


def test_month_knows_its_neighbours() -> None:
    december = Month.read("2026-12")
    assert (str(december.next), str(december.before)) == ("2027-01", "2026-11")
    assert str(Month.of(date(2026, 3, 31)).before) == "2026-02"


FIGURES = st.builds(
    Figures,
    ok=st.integers(0, 99),
    unknown=st.integers(0, 99),
    payments=st.integers(0, 99),
    histogram=st.lists(st.integers(0, 9), min_size=BUCKETS, max_size=BUCKETS).map(tuple),
)


@given(st.lists(FIGURES), st.randoms())
def test_sums_of_figures_do_not_depend_on_the_order(parts: list[Figures], random) -> None:
    shuffled = list(parts)
    random.shuffle(shuffled)
    assert total_of(shuffled) == total_of(parts)
    assert total_of(parts).calls == sum(part.calls for part in parts)
