"""Errors in the providers' files: which lines are missing, doubled or wrong, which files come late or broken.

Planted when a day is over and before its night, among what payers really did. Pure but for the simulator's strings.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from payclear.simulation.control import Control
from payclear.simulation.plan import AccountTraits, Fault, PlannedTry

LINE_FAULTS = ("missing_line", "duplicate_line", "amount_plus_1", "status_failed")
DIRTY_FAULTS = ("bad_amount_text", "status_unknown", "missing_reference")
FILE_FAULTS = ("unavailable", "truncated", "html")
# Where nobody else speaks of the money, a line that hides it would hide it from everybody.
SOLE_WITNESS = frozenset(
    {
        Fault.CALLBACK_LOST,
        Fault.CALLBACK_LATE,
        Fault.QUERY_CUT,
        Fault.QUERY_BROKEN,
        Fault.PAID_TWICE,
        Fault.WRONG_AMOUNT,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """One planted error of a statement. `attempt_ref` names the line, `provider_ref` an invented one's number."""

    kind: str
    account: str
    day: date
    attempt_ref: str = ""
    provider_ref: str = ""
    amount: int = 0
    number: int = 0  # of the planned payment, 0 for what is nobody's

    def as_fault(self) -> dict[str, Any]:
        """As the simulator takes it."""
        fault: dict[str, Any] = {"kind": self.kind, "attempt_ref": self.attempt_ref}
        if self.kind == "extra_line":
            fault |= {"provider_ref": self.provider_ref, "amount": self.amount}
        return fault


@dataclass(slots=True)
class Sabotage:
    """Every error planted so far."""

    seed: int
    percent: float
    plants: list[Plant] = field(default_factory=list)

    def plant(
        self,
        control: Control,
        day: date,
        accounts: Sequence[AccountTraits],
        payments: Iterable[dict[str, Any]],
        tries: dict[str, tuple[int, PlannedTry]],
        *,
        breaks_files: bool,
    ) -> None:
        """Plant the errors of one day's statements; `tries` finds the plan of an attempt by its reference."""
        if not self.percent:
            return
        listing = [account for account in accounts if account.lists]
        of_account: dict[str, list[tuple[int, str, PlannedTry]]] = {each.protocol: [] for each in listing}
        for payment in payments:
            known = tries.get(payment["attempt_ref"])
            if payment["status"] == "paid" and payment["provider"] in of_account and known is not None:
                of_account[payment["provider"]].append((known[0], payment["attempt_ref"], known[1]))
        chance = random.Random(f"payclear {self.seed} files {day}")  # noqa: S311 - a plan, not a secret
        shuffled = chance.sample(listing, len(listing))
        broken = (
            dict(zip((each.code for each in shuffled), FILE_FAULTS, strict=False)) if breaks_files else {}
        )
        dirty = shuffled[len(FILE_FAULTS)].code if len(shuffled) > len(FILE_FAULTS) else ""
        for account in listing:
            lines = sorted(of_account[account.protocol], key=lambda each: each[:2])
            self._lines(day, account, lines, is_dirty=account.code == dirty)
            if account.code in broken:
                self.plants.append(Plant(kind=broken[account.code], account=account.code, day=day))
            self._tell(control, day, account)

    def repair(self, control: Control, day: date, accounts: Sequence[AccountTraits]) -> None:
        """The providers deliver the files that were late or broken."""
        for account in accounts:
            if any(p.kind in FILE_FAULTS for p in self._of(account.code, day)):
                self._tell(control, day, account, with_file_faults=False)

    def _of(self, account: str, day: date) -> list[Plant]:
        return [plant for plant in self.plants if plant.account == account and plant.day == day]

    def _tell(
        self, control: Control, day: date, account: AccountTraits, *, with_file_faults: bool = True
    ) -> None:
        plants = self._of(account.code, day)
        faults = [plant.as_fault() for plant in plants if with_file_faults or plant.kind not in FILE_FAULTS]
        control.plant_in_statement(account.protocol, day, faults)

    def _lines(
        self,
        day: date,
        account: AccountTraits,
        lines: Sequence[tuple[int, str, PlannedTry]],
        *,
        is_dirty: bool,
    ) -> None:
        rate = self.percent / 100
        for number, attempt_ref, planned in lines:
            # By the plan's number: references are drawn anew in every run.
            chance = random.Random(f"payclear {self.seed} line {day} {number} {account.code}")  # noqa: S311
            kinds = [kind for kind in LINE_FAULTS if chance.random() < rate]
            dirt = [kind for kind in DIRTY_FAULTS if chance.random() < rate]
            chosen = kinds + (dirt if is_dirty else [])
            if SOLE_WITNESS & set(planned.faults):
                chosen = [kind for kind in chosen if kind == "duplicate_line"]
            if chosen:
                self.plants.append(
                    Plant(
                        kind=chosen[0], account=account.code, day=day, attempt_ref=attempt_ref, number=number
                    )
                )
        chance = random.Random(f"payclear {self.seed} extra {day} {account.code}")  # noqa: S311
        for extra in range(1, round(len(lines) * rate) + 1):
            self.plants.append(
                Plant(
                    kind="extra_line",
                    account=account.code,
                    day=day,
                    attempt_ref=f"PCX{day:%y%m%d}{extra:04d}01",
                    provider_ref=f"99{day:%y%m%d}{extra:04d}",
                    amount=chance.randrange(10, 5000) * 1000,
                )
            )
