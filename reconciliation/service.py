"""The night of one provider account: fetch, keep, read, check, match, book, judge. Each step commits.

Called by the job, the command and the bench. It holds no transaction open while it fetches or parses.
"""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from payclear.audit.service import record
from payclear.contract.errors import ProviderError
from payclear.contract.messages import StatementFile
from payclear.contract.registry import ProviderLine
from payclear.db.uow import UnitOfWork
from payclear.gateway import service as gateway
from payclear.gateway.domain import Operation
from payclear.kernel.calendar import business_day_of
from payclear.kernel.ids import new_uuid
from payclear.kernel.money import Money
from payclear.ledger.domain import Entry, Leg, refund_settlement_legs, settlement_legs
from payclear.ledger.service import book
from payclear.runtime import Runtime
from reconciliation import queries
from reconciliation.absence import end_unlisted
from reconciliation.adoption import Adopted, audit_entry
from reconciliation.days import cut_off_time, end_of, start_of
from reconciliation.errors import DayNotOver, DoesNotAddUp, RunMovedOn
from reconciliation.intake import queries as intake_queries
from reconciliation.intake import service as intake
from reconciliation.matching.domain import RULES, SettlementKind
from reconciliation.passes import run_pass
from reconciliation.records import RunRow
from reconciliation.runs import RUN_STEPS, Hold, Step, verdict_of
from reconciliation.turns import take_turn

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Night:
    """What a night came to: the run as it stands, and what this call took through the door.

    `ended` counts the live attempts that ended because no statement lists them.
    """

    run: RunRow
    adopted: Adopted
    ended: int
    changed: bool


def run_night(
    runtime: Runtime,
    account: str,
    day: date,
    *,
    file: StatementFile | None = None,
    accept_held: bool = False,
) -> Night:
    """Reconcile one provider account and business day as far as it goes; again changes nothing by itself.

    `file` is a statement brought by hand, else it is fetched. `accept_held` releases one that was held.
    Raises UnknownProviderAccount, DayNotOver. A missing file is no error: the run waits.
    """
    line = runtime.providers.get(account)
    if day > business_day_of(runtime.clock.now(), cut_off_time(line.cut_off)):
        raise DayNotOver("this day lies ahead", provider_account=account, business_on=day.isoformat())
    run = _begin(runtime, line, day, file)
    adopted, changed = Adopted(), False
    for _ in Step:
        advance = _NEXT.get(Step(run.step))
        if run.step == Step.HELD and accept_held:
            advance = _accept
        elif run.step in (Step.CHECKED, Step.DONE) and not changed:
            written, adopted = run_pass(runtime, line, run)
            changed = bool(written) or run.step == Step.CHECKED
            advance = None
            if not changed:
                break
        elif advance is None:
            break
        if advance is not None:
            advance(runtime, line, run)
        run = _reload(runtime, run)
    ended = end_unlisted(runtime, line, run) if run.step == Step.DONE else 0
    log.info(
        "reconciliation.done",
        extra={
            "provider_account": account,
            "business_on": day.isoformat(),
            "verdict": run.verdict,
            "ended": ended,
        },
    )
    return Night(run, adopted, ended, changed or ended > 0)


def _begin(runtime: Runtime, line: ProviderLine, day: date, file: StatementFile | None) -> RunRow:
    """Fetch and keep the statement, and find or start its run."""
    absence: str | None = None
    if file is None:
        try:
            file = gateway.call(
                runtime, line, Operation.STATEMENT, lambda: line.provider.fetch_statement(line.account, day)
            )
        except ProviderError as error:
            absence = error.code
            log.warning(
                "reconciliation.no_statement",
                extra={"provider_account": line.code, "business_on": day.isoformat(), "code": error.code},
            )
    with runtime.database.begin() as uow:
        uow.run(intake_queries.LOCK_ACCOUNT, (line.code,))
        if file is None:
            run = _without_file(uow, line, day, absence or "")
        else:
            run = _with_file(uow, runtime, line, dataclasses.replace(file, business_on=day))
        uow.commit()
    return run


def _without_file(uow: UnitOfWork, line: ProviderLine, day: date, absence: str) -> RunRow:
    """The newest run of the day goes on with the file it has; else one waits."""
    runs = uow.rows(RunRow, queries.RUNS_OF_DAY, (line.code, day))
    if not runs:
        return _start(uow, line, day, statement_id=None, absence=absence)
    latest = runs[-1]
    if latest.statement_id is None:
        uow.run(queries.STILL_ABSENT, (absence, latest.id))
    return latest


def _with_file(uow: UnitOfWork, runtime: Runtime, line: ProviderLine, file: StatementFile) -> RunRow:
    kept = intake.keep(uow, runtime.sealer, line.code, file)
    known = uow.rows(RunRow, queries.RUN_OF_STATEMENT, (line.code, file.business_on, kept.id))
    if known:
        uow.run(queries.SEEN_AGAIN, (uow.now, known[0].id))
        return known[0]
    _audit(
        uow,
        "statement_kept",
        line.code,
        file.business_on,
        {"statement": str(kept.id), "version": kept.version},
    )
    waiting = uow.rows(RunRow, queries.RUN_OF_STATEMENT, (line.code, file.business_on, None))
    if waiting:
        given = {"id": waiting[0].id, "statement_id": kept.id, "at": uow.now}
        return uow.rows(RunRow, queries.GIVE_FILE, given)[0]
    return _start(uow, line, file.business_on, statement_id=kept.id, absence=None)


def _start(
    uow: UnitOfWork, line: ProviderLine, day: date, *, statement_id: Any, absence: str | None
) -> RunRow:
    return uow.rows(
        RunRow,
        queries.START,
        {
            "id": new_uuid(),
            "account": line.code,
            "on": day,
            "statement_id": statement_id,
            "step": Step.AWAITING if statement_id is None else Step.FETCHED,
            "absence": absence,
            "rules": RULES,
            "at": uow.now,
            "seen_at": None if statement_id is None else uow.now,
            "as_of": uow.now if statement_id is None else None,
        },
    )[0]


def _reload(runtime: Runtime, run: RunRow) -> RunRow:
    with runtime.database.begin() as uow:
        return uow.rows(RunRow, queries.RUN, (run.id,))[0]


def _read(runtime: Runtime, line: ProviderLine, run: RunRow) -> None:
    """Read the kept bytes with no transaction open, then store lines and problems in one."""
    assert run.statement_id is not None
    with runtime.database.begin() as uow:
        file = intake.read_back(uow, runtime.sealer, run.statement_id)
    parsed = intake.parse(line, file)
    with runtime.database.begin() as uow:
        take_turn(uow, run)
        stored = intake.store(uow, line, run.statement_id, parsed)
        _move(
            uow,
            run,
            "parsed",
            queries.PARSED,
            control_count=stored.control_count,
            control_sum=stored.control_sum,
            count=stored.count,
            sum=stored.amount,
            problems=stored.problems,
            hold=Hold.WRONG_ACCOUNT if stored.names_other_account else None,
        )
        uow.commit()


def _check(runtime: Runtime, line: ProviderLine, run: RunRow) -> None:
    """Judge completeness; hold what a person must see; leave out earlier versions' lines (F01, F06, F08)."""
    with runtime.database.begin() as uow:
        take_turn(uow, run)
        hold = run.hold or _reason_to_hold(uow, run)
        if hold is None:
            _exclude_repeated(uow, run)
        else:
            _audit(uow, "statement_held", line.code, run.business_on, {"hold": str(hold)})
        _move(
            uow,
            run,
            "held" if hold else "checked",
            queries.STEP,
            hold=hold,
            is_complete=hold is None and run.problems_count == 0,
            as_of=uow.now if hold else None,
        )
        uow.commit()


def _accept(runtime: Runtime, line: ProviderLine, run: RunRow) -> None:
    """A person released a held statement; its lines take part like any others."""
    with runtime.database.begin() as uow:
        take_turn(uow, run)
        _exclude_repeated(uow, run)
        is_complete = run.problems_count == 0
        _move(uow, run, "accepted", queries.STEP, hold=None, is_complete=is_complete, as_of=None)
        _audit(uow, "statement_released", line.code, run.business_on, {"hold": run.hold or ""})
        uow.commit()


def _reason_to_hold(uow: UnitOfWork, run: RunRow) -> Hold | None:
    assert run.statement_id is not None
    if run.lines_count and intake.another_day_with(uow, run.statement_id) is not None:
        return Hold.SAME_AS_OTHER_DAY
    (lost,) = queries.one(uow, intake_queries.LOST_LINES, _version(run))
    return Hold.CHANGED_VERSION if lost else None


def _exclude_repeated(uow: UnitOfWork, run: RunRow) -> None:
    uow.run(intake_queries.EXCLUDE_REPEATED, _version(run) | {"run": run.id, "at": uow.now})


def _version(run: RunRow) -> dict[str, Any]:
    return {"account": run.provider_account, "on": run.business_on, "statement": run.statement_id}


def _book(runtime: Runtime, line: ProviderLine, run: RunRow) -> None:
    """Settle what each pass matched: due from the provider becomes waiting for the bank credit, less what went back."""
    with runtime.database.begin() as uow:
        take_turn(uow, run)
        for pass_no, kind, currency, matches, amount in uow.run(
            queries.UNSETTLED_PASSES, {"run": run.id}
        ).fetchall():
            money = Money(amount, currency)
            template, key, legs = _SETTLEMENTS[kind]
            entry = Entry(
                template=template,
                natural_key=f"{key}:{run.id}:{pass_no}",
                provider_account=line.code,
                business_on=run.business_on,
                legs=legs(money),
            )
            entry_id = book(uow, entry)
            assert entry_id is not None, "a pass without settlement row has no entry"
            values = {
                "pass_no": pass_no,
                "kind": kind,
                "matches": matches,
                "amount": amount,
                "currency": currency,
            }
            uow.run(queries.SETTLED, values | {"run": run.id, "entry_id": entry_id, "at": uow.now})
            audit_entry(uow, "settled", entry_id, entry, money)
        _move(uow, run, "booked", queries.STEP, hold=None, is_complete=run.is_complete, as_of=None)
        uow.commit()


_SETTLEMENTS: dict[str, tuple[str, str, Callable[[Money], tuple[Leg, ...]]]] = {
    SettlementKind.PAYMENT: ("statement_settlement", "settlement", settlement_legs),
    SettlementKind.REFUND: ("statement_refund_settlement", "settlement-back", refund_settlement_legs),
}


def _finish(runtime: Runtime, line: ProviderLine, run: RunRow) -> None:
    """Count, re-add and judge; raises DoesNotAddUp when a line has no place or two (INV-22)."""
    with runtime.database.begin() as uow:
        take_turn(uow, run)
        places = queries.one(uow, queries.LINE_PLACES, {"statement": run.statement_id})
        lines, amount, *parts, misplaced, other_day = places
        if misplaced or (lines, amount) != (run.lines_count, run.lines_sum):
            raise DoesNotAddUp("lines without one place", run=str(run.id), lines=misplaced)
        about = {"account": line.code, "on": run.business_on}
        open_count, pending_count = queries.one(uow, queries.STANDING, about)
        verdict = verdict_of(
            is_complete=run.is_complete,
            open_count=open_count,
            pending_count=pending_count,
            warning_count=other_day,
        )
        values = _named(("matched", "differing", "excluded"), parts) | _our_day(uow, line, run)
        _move(uow, run, "finished", queries.FINISH, verdict=verdict, at=uow.now, **values)
        _audit(uow, "day_judged", line.code, run.business_on, {"verdict": verdict, "run": str(run.id)})
        uow.commit()


def _our_day(uow: UnitOfWork, line: ProviderLine, run: RunRow) -> dict[str, int]:
    """What our books say of the day: all of it, what is matched, what a discrepancy explains."""
    cut_off = cut_off_time(line.cut_off)
    span = {"start": start_of(run.business_on, cut_off), "until": end_of(run.business_on, cut_off)}
    row = queries.one(uow, queries.OUR_DAY, {"account": line.code, **span})
    return _named(("ours", "ours_matched", "ours_explained"), row)


def _named(names: Sequence[str], figures: Sequence[int]) -> dict[str, int]:
    """Pairs of count and sum under their names."""
    values: dict[str, int] = {}
    for position, name in enumerate(names):
        values[f"{name}_count"], values[f"{name}_sum"] = figures[2 * position], figures[2 * position + 1]
    return values


_NEXT: dict[Step, Callable[[Runtime, ProviderLine, RunRow], None]] = {
    Step.FETCHED: _read,
    Step.PARSED: _check,
    Step.MATCHED: _book,
    Step.BOOKED: _finish,
}


def _move(uow: UnitOfWork, run: RunRow, event: str, sql: str, **values: Any) -> None:
    """Take the run to its next step, by the table; raises RunMovedOn when somebody else did."""
    to = RUN_STEPS.next(run.step, event).to
    if uow.run(sql, values | {"id": run.id, "from": run.step, "to": to}).rowcount != 1:
        raise RunMovedOn("another worker is at this run", run=str(run.id), step=run.step)


def _audit(uow: UnitOfWork, action: str, account: str, day: date, facts: dict[str, Any]) -> None:
    record(
        uow,
        actor_type="system",
        actor="reconciliation",
        action=f"reconciliation.{action}",
        object_type="reconciliation_day",
        object_id=f"{account}/{day.isoformat()}",
        facts=facts,
    )
