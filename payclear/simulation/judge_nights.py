"""Holds the nights' discrepancies against what was planted: each error is told, and nothing is told without a cause.

Pure; called by `day` after `judge`.
"""

from payclear.simulation.books import DiscrepancyLine
from payclear.simulation.facts import LIVE, Files, Judgment
from payclear.simulation.plan import Fault
from payclear.simulation.statements import Plant

# What a planted error of a line must be told as; any one of them tells it.
TOLD_AS = {
    "missing_line": frozenset({"B03", "B04"}),
    "duplicate_line": frozenset({"B09"}),
    "amount_plus_1": frozenset({"B05"}),
    "status_failed": frozenset({"B08", "B03", "B04"}),
    "extra_line": frozenset({"B02"}),
    "bad_amount_text": frozenset({"B03", "B04"}),
    "status_unknown": frozenset({"B03", "B04"}),
}
# A row without our reference may be found by the provider's, or be a problem of the file.
MAY_BE_TOLD_AS = TOLD_AS | {"missing_reference": frozenset({"B02", "B03", "B04", "B12"})}
# Money that was first told of by the statement lies in suspense with a case, and the discrepancy points to it.
FIRST_TOLD = frozenset({"B01", "B05", "B06"})
REFUND_CODES = frozenset({"B13", "B14"})


def judge_nights(files: Files, judgment: Judgment) -> None:
    """Compare what was planted with what was told, both ways."""
    for plant in files.plants:
        _is_told(files, judgment, plant)
    for told in files.books.discrepancies:
        if told.state not in LIVE:
            judgment.counts[f"resolved {told.code}"] += 1
            continue
        judgment.counts[f"discrepancy {told.code}"] += 1
        if not _is_caused(files, told):
            life, _ = files.life_and_try(_attempt_of(files, told))
            detail = (
                f"{told.code} {told.state} about {told.attempt_ref or told.provider_ref} at {told.account}"
            )
            judgment.add("false report", life, detail)


def _number(files: Files, plant: Plant) -> str:
    return files.traits[plant.account].ref_prefix + plant.provider_ref


def _is_told(files: Files, judgment: Judgment, plant: Plant) -> None:
    wanted = TOLD_AS.get(plant.kind)
    if wanted is None:
        return
    judgment.counts[f"planted {plant.kind}"] += 1
    numbers = [_number(files, plant)] if plant.provider_ref else []
    told = files.about(plant.account, [plant.attempt_ref], numbers)
    attempt = files.attempts.get(plant.attempt_ref)
    if attempt is not None:
        told += files.about_attempt(attempt.attempt_ref, files.of_attempt.get(attempt.attempt_ref, ()))
    codes = {each.code for each in told}
    if not codes & wanted:
        life, _ = files.life_and_try(plant.attempt_ref)
        detail = f"{plant.kind} of {plant.attempt_ref} at {plant.account} is told as {sorted(codes)}"
        judgment.add("untold", life, detail)


def _attempt_of(files: Files, told: DiscrepancyLine) -> str:
    """The attempt that a discrepancy is about, also where it names the payment only."""
    if told.attempt_ref in files.attempts:
        return told.attempt_ref
    for payment in files.paid_by_number.get((told.account, told.provider_ref), ()):
        attempt = files.attempt_of(payment)
        if attempt is not None:
            return attempt.attempt_ref
    return told.attempt_ref


def _is_caused(files: Files, told: DiscrepancyLine) -> bool:
    attempt_ref = _attempt_of(files, told)
    for plant in files.plants_of.get((told.account, told.attempt_ref), ()):
        if told.code in MAY_BE_TOLD_AS.get(plant.kind, ()):
            return True
    for plant in files.plants_of.get((told.account, attempt_ref), ()):
        if told.code in MAY_BE_TOLD_AS.get(plant.kind, ()):
            return True
    if (told.account, told.provider_ref) in files.planted_numbers:
        return told.code == "B02"
    if told.code == "B04" and any(files.why_unheard(entry) for entry in files.entries.get(attempt_ref, ())):
        return True
    life, made = files.life_and_try(attempt_ref)
    if life is None or made is None:
        return _is_stray(files, told)
    faults = set(made.planned.faults)
    if Fault.PAID_TWICE in faults and told.code in ("B01", "B02", "B10"):
        return True
    if told.code == "B08" and any(payment.is_reversed for payment in files.of_attempt.get(attempt_ref, ())):
        return True  # taken back too late: the file says so, the books wait for a person
    if told.code in REFUND_CODES:
        return made.refunded > 0
    return told.code in FIRST_TOLD and (told.has_case or Fault.WRONG_AMOUNT in faults)


def _is_stray(files: Files, told: DiscrepancyLine) -> bool:
    """Money at a counter that nobody told us of, or another amount than the bill's: the line says so first."""
    numbers = {(payment.account, payment.told_ref) for payment in files.strays}
    return told.code in ("B02", "B01", "B05", "B06") and (told.account, told.provider_ref) in numbers
