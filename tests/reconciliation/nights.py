"""A provider whose statements a test writes, and a runtime on which whole nights run against it."""

import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from payclear.contract.errors import StatementUnavailable
from payclear.contract.manifest import Capability, Manifest
from payclear.contract.messages import (
    Account,
    ParsedStatement,
    StatementEntry,
    StatementFile,
    StatementProblem,
)
from payclear.contract.outcomes import EvidenceSource, Outcome
from payclear.contract.provider import Provider
from payclear.contract.registry import ProviderLine, ProviderRegistry
from payclear.kernel.money import Money
from payclear.orders.records import AttemptView, OrderView
from payclear.refunds.records import RefundView
from payclear.refunds.service import apply_refund_evidence, begin_call, get_refund, request_refund
from payclear.runtime import Runtime, install
from reconciliation.reports.csv_file import csv_bytes
from reconciliation.reports.domain import DayReport
from reconciliation.reports.service import build, day_report, matches
from reconciliation.service import Night, run_night
from tests.scenes import VNPAY, Scene

MERCHANT = "DEMOV210"


class WrittenStatements(Provider):
    """Speaks for an account whose statements are rows a test wrote; the format is JSON."""

    manifest = Manifest(
        name="written",
        title_vi="Viết tay",
        title_en="Written",
        protocol_version="1",
        certified=False,
        capabilities=frozenset(
            {Capability.REDIRECT, Capability.STATEMENT, Capability.REFUND, Capability.PARTIAL_REFUND}
        ),
        callback_methods=(),
        callback_headers=(),
        required_options=(),
        required_secrets=(),
        amount_min=1,
        amount_max=10**15,
        confirm_by_query=False,
        create_repeats_safely=False,
        open_points=(),
    )

    def __init__(self) -> None:
        self.files: dict[date, StatementFile] = {}

    def merchant_account(self, account: Account) -> str:
        return MERCHANT

    def fetch_statement(self, account: Account, business_on: date) -> StatementFile:
        if business_on not in self.files:
            raise StatementUnavailable("not yet")
        return self.files[business_on]

    def parse_statement(self, account: Account, file: StatementFile) -> ParsedStatement:
        data = json.loads(file.content)
        return ParsedStatement(
            entries=tuple(_entry(row) for row in data["rows"]),
            problems=tuple(StatementProblem(**row) for row in data["problems"]),
            control_count=data["count"],
            control_sum=None if data["sum"] is None else Money(data["sum"]),
            merchant_account=data["merchant"],
        )


def _entry(row: dict) -> StatementEntry:
    return StatementEntry(
        line_no=row["line_no"],
        attempt_ref=row["attempt_ref"],
        provider_ref=row["provider_ref"],
        amount=Money(row["amount"]),
        outcome=Outcome(row["outcome"]),
        kind=row["kind"],
        occurred_at=datetime.fromisoformat(row["at"]) if row["at"] else None,
        occurred_at_raw=row["at"] or "",
    )


@dataclass(slots=True)
class NightScene:
    """A province, one provider account with written statements, and the means to run its nights."""

    scene: Scene
    provider: WrittenStatements = field(default_factory=WrittenStatements)
    rows: list[dict] = field(default_factory=list)

    def __post_init__(self) -> None:
        runtime = self.scene.runtime
        line = replace(runtime.providers.get(VNPAY), provider=self.provider)
        self.use_line(line)

    @property
    def runtime(self) -> Runtime:
        return self.scene.runtime

    @property
    def today(self) -> date:
        return date(2026, 11, 21)

    def use_line(self, line: ProviderLine) -> None:
        """Let this line be the runtime's only one."""
        runtime = self.scene.runtime
        self.scene.runtime = replace(runtime, providers=ProviderRegistry({line.code: line}))
        install(self.scene.runtime)

    def paid(self, amount: int = 150_000, *, at: datetime | None = None) -> AttemptView:
        """An order paid as the provider told when asked; returns its attempt."""
        order = self.scene.order(amount=amount)
        attempt = self.scene.attempt(order)
        self.scene.apply(self.scene.evidence(attempt, paid_at=at, source=EvidenceSource.STATUS_QUERY))
        return self.attempt_of(order)

    def unpaid(self, amount: int = 150_000) -> AttemptView:
        """An order whose attempt is still open."""
        return self.scene.attempt(self.scene.order(amount=amount))

    def attempt_of(self, order: OrderView) -> AttemptView:
        return self.scene.reload(order.id).attempts[-1]

    def order_of(self, attempt: AttemptView) -> OrderView:
        return self.scene.reload(attempt.order_id)

    def refund(
        self,
        attempt: AttemptView,
        amount: int | None = None,
        outcome: Outcome = Outcome.UNKNOWN,
        **told: object,
    ) -> RefundView:
        """Ask for a refund and send it; `outcome` is what the provider answered, by default nothing."""
        clock = self.runtime.clock
        with self.runtime.database.begin() as uow:
            made = request_refund(
                uow,
                providers=self.runtime.providers,
                attempt_ref=attempt.attempt_ref,
                amount=Money(amount or attempt.amount),
                reason="paid twice",
                requested_by="tester",
            )
            uow.commit()
        with self.runtime.database.begin() as uow:
            begin_call(uow, made.id, back_at=clock.now() + timedelta(minutes=1))
            source = EvidenceSource.STATUS_QUERY
            apply_refund_evidence(
                uow, refund_id=made.id, outcome=outcome, source=source, may_ask=False, **told
            )
            uow.commit()
        return self.refund_now(made.id)

    def refund_now(self, refund_id: UUID) -> RefundView:
        with self.runtime.database.begin() as uow:
            return get_refund(uow, refund_id)

    def line(self, attempt: AttemptView | None = None, **changes: object) -> dict:
        """Write a row for an attempt: what the provider truly took, unless changed."""
        row: dict = {
            "line_no": len(self.rows) + 2,
            "attempt_ref": attempt.attempt_ref if attempt else "PC0000000000X01",
            "provider_ref": f"TX{attempt.attempt_ref}" if attempt else "99000001",
            "amount": attempt.amount if attempt else 77_000,
            "outcome": "confirmed",
            "kind": "payment",
            "at": self.runtime.clock.now().isoformat(),
        } | changes
        self.rows.append(row)
        return row

    def write(
        self,
        day: date | None = None,
        *,
        problems: tuple[dict, ...] = (),
        count: int | None = None,
        total: int | None = None,
        merchant: str | None = None,
        rows: list[dict] | None = None,
    ) -> StatementFile:
        """Put the rows written so far into the day's file and start anew."""
        taken, self.rows = (self.rows, []) if rows is None else (rows, self.rows)
        data = {"rows": taken, "problems": problems, "count": count, "sum": total, "merchant": merchant}
        on = day or self.today
        file = StatementFile(
            name=f"day-{on}.json",
            content=json.dumps(data).encode(),
            media_type="application/json",
            business_on=on,
        )
        self.provider.files[on] = file
        return file

    def night(self, day: date | None = None, **options: object) -> Night:
        """Run the night of a day."""
        return run_night(self.runtime, VNPAY, day or self.today, **options)

    def report(self, day: date | None = None) -> DayReport:
        return day_report(self.runtime, VNPAY, day or self.today)

    def csv(self, day: date | None = None) -> bytes:
        with self.runtime.database.begin() as uow:
            report = build(uow, self.runtime.providers.get(VNPAY), day or self.today)
            return b"".join(csv_bytes(report, matches(uow, report), locale="vi"))

    def codes(self, day: date | None = None) -> list[tuple[str, str]]:
        """Class and state of everything the day's report lists."""
        return [(each.code, each.resolution or each.state) for each in self.report(day).discrepancies]

    def balances(self) -> dict[str, int]:
        """The ledger's balances of the account."""
        from payclear.ledger.service import trial_balance

        with self.runtime.database.begin() as uow:
            return {each.account_code: each.amount for each in trial_balance(uow) if each.amount}

    def offenders(self) -> list[str]:
        """Invariants that do not hold. The audit chain is left out: no sealer runs beside these tests."""
        from payclear.operations.verify import verify
        from reconciliation.closing.checks import CHECKS

        findings = verify(self.runtime.database, CHECKS)
        return [
            f"{each.check.id}: {each.offenders[:3]}"
            for each in findings
            if not each.holds and each.check.id != "INV-20"
        ]
