"""Runs every invariant read-only in one snapshot: the judge of each fault test, each night and each restore."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from payclear.audit.checks import CHECKS as AUDIT_CHECKS
from payclear.catalogue.checks import CHECKS as CATALOGUE_CHECKS
from payclear.checkout.checks import CHECKS as CHECKOUT_CHECKS
from payclear.collection.checks import CHECKS as COLLECTION_CHECKS
from payclear.contract.modules import Check
from payclear.db.uow import Database, UnitOfWork
from payclear.gateway.checks import CHECKS as GATEWAY_CHECKS
from payclear.identity.checks import CHECKS as IDENTITY_CHECKS
from payclear.lookup.checks import CHECKS as LOOKUP_CHECKS
from payclear.obligations.batches.checks import CHECKS as BATCH_CHECKS
from payclear.obligations.checks import CHECKS as OBLIGATION_CHECKS
from payclear.obligations.fees.checks import CHECKS as FEE_CHECKS
from payclear.obligations.fines.checks import CHECKS as FINE_CHECKS
from payclear.obligations.insurance.checks import CHECKS as INSURANCE_CHECKS
from payclear.opendata.checks import CHECKS as OPEN_DATA_CHECKS
from payclear.operations.checks import EVENT_CHECKS, INBOX_CHECKS, LEDGER_CHECKS, ORDER_CHECKS, SCHEMA_CHECKS
from payclear.operations.histories import HISTORY_CHECKS
from payclear.privacy.checks import CHECKS as PRIVACY_CHECKS
from payclear.receipts.checks import CHECKS as RECEIPT_CHECKS
from payclear.refunds.checks import CHECKS as REFUND_CHECKS

OFFENDERS_SHOWN = 20

CORE_CHECKS: tuple[Check, ...] = (
    *LEDGER_CHECKS,
    *ORDER_CHECKS,
    *HISTORY_CHECKS,
    *EVENT_CHECKS,
    *INBOX_CHECKS,
    *OBLIGATION_CHECKS,
    *FEE_CHECKS,
    *INSURANCE_CHECKS,
    *BATCH_CHECKS,
    *CHECKOUT_CHECKS,
    *RECEIPT_CHECKS,
    *REFUND_CHECKS,
    *COLLECTION_CHECKS,
    *GATEWAY_CHECKS,
    *FINE_CHECKS,
    *IDENTITY_CHECKS,
    *OPEN_DATA_CHECKS,
    *LOOKUP_CHECKS,
    *CATALOGUE_CHECKS,
    *PRIVACY_CHECKS,
    *AUDIT_CHECKS,
    *SCHEMA_CHECKS,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant's answer: the offending rows, none when it holds."""

    check: Check
    offenders: tuple[dict[str, Any], ...]
    seconds: float = field(compare=False, default=0.0)

    @property
    def holds(self) -> bool:
        """True when no row offends."""
        return not self.offenders


def verify(database: Database, extra: Sequence[Check] = ()) -> list[Finding]:
    """Run the core's invariants and those of the modules on one consistent snapshot, in order of their ids."""
    checks = sorted((*CORE_CHECKS, *extra), key=lambda check: check.id)
    with database.begin() as uow:
        uow.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        uow.run("SET LOCAL statement_timeout = '15min'")
        return [_run(uow, check) for check in checks]


def _run(uow: UnitOfWork, check: Check) -> Finding:
    started = uow.clock.monotonic()
    if check.find is not None:
        offenders = list(check.find(uow))
    else:
        cursor = uow.run(check.sql)
        names = [column.name for column in cursor.description or ()]
        offenders = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return Finding(check, tuple(offenders), uow.clock.monotonic() - started)


def report(findings: Sequence[Finding]) -> list[str]:
    """The findings as lines for a terminal: each invariant, and the first offenders of those that do not hold."""
    lines = []
    for finding in findings:
        mark = "holds " if finding.holds else "BROKEN"
        lines.append(f"{finding.check.id:<8} {mark}  {finding.check.title}  ({finding.seconds:.2f} s)")
        for offender in finding.offenders[:OFFENDERS_SHOWN]:
            lines.append("         " + ", ".join(f"{name}={value}" for name, value in offender.items()))
        if len(finding.offenders) > OFFENDERS_SHOWN:
            lines.append(f"         and {len(finding.offenders) - OFFENDERS_SHOWN} more")
    broken = sum(not finding.holds for finding in findings)
    lines.append(f"{len(findings) - broken} of {len(findings)} invariants hold.")
    return lines
