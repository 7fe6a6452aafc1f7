"""A provider's month as CSV: scope, definitions, days, operations, totals that re-add. The same bytes for the same rows."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC
from typing import Final

from payclear.contract.manifest import Capability
from payclear.gateway.domain import BOUNDS_MS
from payclear.gateway.errors import NoFigures
from payclear.gateway.report import Figures, Month, MonthReport, month_report
from payclear.i18n.texts import translate
from payclear.kernel.spreadsheets import BYTE_ORDER_MARK, escaped
from payclear.runtime import Runtime

COLUMNS: Final = (
    *(
        "record",
        "key",
        "calls",
        "ok",
        "refused",
        "not_sent",
        "unknown",
        "answered_percent",
        "unknown_percent",
    ),
    *("p50_ms", "p95_ms", "p99_ms", "busy", "open", "openings"),
    *("payments", "before_callback", "without_callback", "callback_loss_percent", "note"),
)
DEFINITIONS: Final = (
    *("calls", "answered", "not_sent", "unknown", "latency", "busy", "open", "openings"),
    *("payments", "before_callback", "without_callback", "statements", "as_of"),
)
PERCENTILES: Final = (50, 95, 99)

Row = dict[str, str | int | None]


def csv_bytes(report: MonthReport, *, provider_name: str, has_callbacks: bool, locale: str) -> bytes:
    """The file: UTF-8 with a byte-order mark, CRLF."""
    buffer = io.StringIO(newline="")
    buffer.write(BYTE_ORDER_MARK)
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(_rows(report, provider_name, has_callbacks, locale))
    return buffer.getvalue().encode("utf-8")


def month_file(runtime: Runtime, provider_account: str, month: str, locale: str) -> bytes:
    """The file of one account and month, as the console and the command give it; raises NoMonth, NoFigures."""
    wanted = Month.read(month)
    with runtime.database.begin() as uow:
        report = month_report(uow, provider_account, wanted)
    require_known(runtime, report)
    return csv_bytes(
        report,
        provider_name=runtime.providers.name_of(provider_account, locale),
        has_callbacks=has_callbacks(runtime, provider_account),
        locale=locale,
    )


def require_known(runtime: Runtime, report: MonthReport) -> None:
    """Raises NoFigures for an account that is not configured and was not called in that month."""
    if report.provider_account not in runtime.providers and not report.days:
        raise NoFigures("no such account", month=str(report.month))


def has_callbacks(runtime: Runtime, provider_account: str) -> bool:
    """Whether a provider calls back at all; of one that is configured no more we assume it."""
    if provider_account not in runtime.providers:
        return True
    return Capability.CALLBACK in runtime.providers.get(provider_account).provider.manifest.capabilities


def percent_text(share: int | None) -> str:
    """Hundredths of a percent as a decimal number for programs; empty for none."""
    return "" if share is None else f"{share // 100}.{share % 100:02d}"


def latency_text(bound_ms: int | None) -> str:
    """A bound in milliseconds; empty for none, `>30000` past the last."""
    if bound_ms is None:
        return ""
    return f">{BOUNDS_MS[-1]}" if bound_ms > BOUNDS_MS[-1] else str(bound_ms)


def _rows(report: MonthReport, provider_name: str, has_callbacks: bool, locale: str) -> Iterator[Row]:
    as_of = report.as_of.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if report.as_of else ""
    scope = {
        "provider_account": report.provider_account,
        "provider_name": provider_name,
        "month": str(report.month),
        "time_zone": "Asia/Ho_Chi_Minh",
        "as_of": as_of,
        "is_final": "yes" if report.is_final else "no",
        "has_callbacks": "yes" if has_callbacks else "no",
        "totals_add_up": "yes" if report.adds_up else "no",
    }
    for key, value in scope.items():
        yield {"record": "scope", "key": key, "note": escaped(value)}
    for key in DEFINITIONS:
        yield {"record": "definition", "key": key, "note": translate(f"console.health_means_{key}", locale)}
    for on, figures in report.days:
        yield {"record": "day", "key": on.isoformat(), **_calls(figures), **_payments(figures, has_callbacks)}
    for operation, figures in report.operations:
        yield {"record": "operation", "key": operation.value, **_calls(figures)}
    yield {"record": "statement", "key": "statement", **_calls(report.statements)}
    yield {"record": "total", "key": "", **_calls(report.total), **_payments(report.total, has_callbacks)}


def _calls(figures: Figures) -> Row:
    latencies = {f"p{each}_ms": latency_text(figures.latency_ms(each)) for each in PERCENTILES}
    return {
        "calls": figures.calls,
        "ok": figures.ok,
        "refused": figures.refused,
        "not_sent": figures.not_sent,
        "unknown": figures.unknown,
        "answered_percent": percent_text(figures.answered_share),
        "unknown_percent": percent_text(figures.unknown_share),
        **latencies,
        "busy": figures.busy,
        "open": figures.open,
        "openings": figures.openings,
    }


def _payments(figures: Figures, has_callbacks: bool) -> Row:
    if not has_callbacks:
        return {"payments": figures.payments}
    return {
        "payments": figures.payments,
        "before_callback": figures.before_callback,
        "without_callback": figures.without_callback,
        "callback_loss_percent": percent_text(figures.loss_share),
    }
