"""Refuses routing rules that contradict each other or can never fire, before they are loaded. Pure and exact.

Called by `payclear routing`. Each condition divides its facts into finitely many parts that no rule tells apart; a rule
is then a box of such parts, and what is left of it behind the rules before it is computed, not sampled.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations
from typing import Any, Final

from payclear.catalogue.domain import FeeBearer, FeeProgramme, Method, Rule, RuleEffect, RuleHealth
from payclear.checkout.routing import CONDITIONS, DAY_MINUTES, in_turn, is_ruled

Box = tuple[frozenset[int], ...]
_DIMENSIONS: Final = tuple(name for name in CONDITIONS if name not in ("account", "method"))
_OTHER: Final = ""  # an agency, portal or procedure that no rule names
# How orders are called by whom or what they are for: one that is named, and all others.
_ORDERS: Final = {
    "portal": ("of the portal", "of every portal that no rule names"),
    "procedures": ("for the procedure", "for every procedure that no rule names, or for no dossier"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong with the rules, as a plain sentence. A warning does not stop them from being loaded."""

    code: str
    rules: tuple[str, ...]
    sentence: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """An account that rules may name. `is_offerable`: it is enabled and a citizen can begin a payment with it."""

    code: str
    method: Method
    amount_min: int
    amount_max: int
    is_offerable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What there is to name; `procedures` has the national code behind every code."""

    accounts: Sequence[AccountFacts]
    kinds: Sequence[str]
    agencies: Sequence[str]
    portals: Sequence[str]
    procedures: Mapping[str, str]


def check(rules: Sequence[Rule], programmes: Sequence[FeeProgramme], known: Known) -> list[Problem]:
    """Everything that is wrong with a set of rules and fee programmes, what stops them first."""
    turn = in_turn(rules)
    problems = [problem for rule in turn for problem in _own_problems(rule, known)]
    broken = {rule for problem in problems for rule in problem.rules}
    sound = [rule for rule in turn if name_of(rule) not in broken]
    accounts = [account for account in known.accounts if account.is_offerable]
    lives = [_Life(sound, account, known) for account in accounts]
    problems += _contradictions(sound, lives)
    problems += _dead([rule for rule in sound if not _names_closed(rule, known)], lives)
    problems += _programme_problems(programmes, known)
    if any(rule.decides for rule in turn):
        problems += _unoffered(lives)
        problems += _left_out(lives)
    else:
        problems.append(
            Problem(
                code="no_rules",
                rules=(),
                sentence="No rule offers or withholds: every account that can take an order is offered.",
                is_warning=True,
            )
        )
    return sorted(problems, key=lambda problem: problem.is_warning)


def name_of(rule: Rule) -> str:
    """A rule's code with its first day, as problems name it."""
    return f"{rule.code} ({rule.valid_from})"


def _own_problems(rule: Rule, known: Known) -> Iterable[Problem]:
    """What is wrong with a rule by itself."""
    named = (
        ("provider account", rule.provider_account, [account.code for account in known.accounts]),
        ("kind of obligation", rule.kind, known.kinds),
        ("agency", rule.agency_code, known.agencies),
        ("portal", rule.portal_code, known.portals),
        ("procedure", rule.procedure_code, known.procedures),
    )
    for what, value, there_are in named:
        if value is not None and value not in there_are:
            yield _of(rule, "unknown_name", f"names the {what} {value}, which is not known")
    if rule.procedure_code is not None:
        national = known.procedures.get(rule.procedure_code, rule.procedure_code)
        if national != rule.procedure_code:
            yield _of(
                rule,
                "not_national",
                f"names the procedure {rule.procedure_code}: name its national code, {national}",
            )
    if rule.valid_to is not None and rule.valid_to < rule.valid_from:
        yield _of(rule, "dates_crossed", f"ends on {rule.valid_to}, before it begins")
    amount_from, amount_to = rule.amount_from or 0, rule.amount_to
    if (amount_to is not None and amount_to < amount_from) or amount_from < 0:
        yield _of(rule, "empty_bounds", "has amounts that no order can have")
    if rule.time_from is not None and rule.time_from == rule.time_to:
        yield _of(rule, "empty_bounds", "ends at the time of day at which it begins")
    for at in (rule.time_from, rule.time_to):
        if at is not None and (at.second or at.microsecond):
            yield _of(rule, "empty_bounds", "has a time of day with seconds; whole minutes are compared")
    if rule.cut_off_within_minutes is not None and not 0 < rule.cut_off_within_minutes <= DAY_MINUTES:
        yield _of(rule, "empty_bounds", f"needs 1 to {DAY_MINUTES} minutes before the cut-off")
    if rule.payer_fee_above is not None and rule.payer_fee_above < 0:
        yield _of(rule, "empty_bounds", "compares with a fee below zero")
    if rule.health is not None and not set(rule.health) <= set(RuleHealth):
        yield _of(rule, "unknown_name", "names a health that rules can not name")


def _of(rule: Rule, code: str, says: str) -> Problem:
    return Problem(code=code, rules=(name_of(rule),), sentence=f"Rule {name_of(rule)} {says}.")


class _Life:
    """What the rules come to for one account: which part of each rule ever fires, and where it is offered."""

    def __init__(self, turn: Sequence[Rule], account: AccountFacts, known: Known) -> None:
        self.account = account
        self.parts = parts_of(turn, account, known)
        self.boxes = {
            rule: box
            for rule in turn
            if CONDITIONS["account"](rule, account.code)
            and CONDITIONS["method"](rule, account.method)
            and all(box := _box(rule, self.parts))
        }
        self.firing = self._decisions(turn)
        self.firing |= self._preferences()

    def _decisions(self, turn: Sequence[Rule]) -> dict[Rule, list[Box]]:
        before: list[Box] = []
        firing: dict[Rule, list[Box]] = {}
        for rule, box in self.boxes.items():
            if rule.decides:
                firing[rule] = _without([box], before)
                before.append(box)
        whole = _whole(self.parts)
        days = self.parts["on"]
        unruled = frozenset(at for at, on in enumerate(days) if not is_ruled(turn, on))
        at_dates = _DIMENSIONS.index("on")
        free = (*whole[:at_dates], unruled, *whole[at_dates + 1 :])
        offers = [
            piece for rule, pieces in firing.items() if rule.effect is RuleEffect.OFFER for piece in pieces
        ]
        self.offered_by_rule = offers
        self.offered = [*offers, free] if unruled else offers
        return firing

    def _preferences(self) -> dict[Rule, list[Box]]:
        before: list[Box] = []
        firing: dict[Rule, list[Box]] = {}
        for rule, box in self.boxes.items():
            if not rule.decides:
                left = _without([box], before)
                firing[rule] = [both for a in left for b in self.offered if all(both := _meet(a, b))]
                before.append(box)
        return firing


def parts_of(rules: Sequence[Rule], account: AccountFacts, known: Known) -> dict[str, list[Any]]:
    """For each condition one example of every part that the rules tell apart, within what the account takes."""
    amounts = {bound for rule in rules for bound in (rule.amount_from, _after(rule.amount_to)) if bound}
    days = {rule.valid_from for rule in rules} | {
        rule.valid_to + timedelta(days=1) for rule in rules if rule.valid_to and rule.valid_to < date.max
    }
    first = min(days, default=date(2000, 1, 1))
    minutes = {
        at.hour * 60 + at.minute for rule in rules for at in (rule.time_from, rule.time_to) if at is not None
    }
    fees = {rule.payer_fee_above + 1 for rule in rules if rule.payer_fee_above is not None}
    cut_offs = {
        rule.cut_off_within_minutes + 1
        for rule in rules
        if rule.cut_off_within_minutes is not None and rule.cut_off_within_minutes < DAY_MINUTES
    }
    inner = {amount for amount in amounts if account.amount_min < amount <= account.amount_max}
    return {
        "on": [first - timedelta(days=1), *sorted(days)],
        "kinds": _sets(known.kinds),
        "agencies": _sets(
            [*sorted({rule.agency_code for rule in rules if rule.agency_code is not None}), _OTHER]
        ),
        "portal": [*sorted({rule.portal_code for rule in rules if rule.portal_code is not None}), _OTHER],
        "procedures": _sets(
            [*sorted({rule.procedure_code for rule in rules if rule.procedure_code is not None}), _OTHER]
        ),
        "amount": [account.amount_min, *sorted(inner)],
        "payer_fee": [0, *sorted(fees)],
        "health": list(RuleHealth),
        "minutes_to_cut_off": [1, *sorted(cut_offs)],
        "is_business_day": [True, False],
        "minute": [0, *sorted(minutes - {0})],
    }


def _after(bound: int | None) -> int | None:
    return None if bound is None else bound + 1


def _sets(names: Sequence[str]) -> list[frozenset[str]]:
    """One name or two: a rule says "this one alone" or "this one among others", and two are enough to tell them apart."""
    return [frozenset({one}) for one in names] + [frozenset(two) for two in combinations(names, 2)]


def _box(rule: Rule, parts: Mapping[str, Sequence[Any]]) -> Box:
    return tuple(
        frozenset(at for at, example in enumerate(parts[name]) if _holds(name)(rule, example))
        for name in _DIMENSIONS
    )


def _holds(name: str) -> Callable[[Rule, Any], bool]:
    return CONDITIONS[name]


def _whole(parts: Mapping[str, Sequence[Any]]) -> Box:
    return tuple(frozenset(range(len(parts[name]))) for name in _DIMENSIONS)


def _meet(a: Box, b: Box) -> Box:
    return tuple(x & y for x, y in zip(a, b, strict=True))


def _without(pieces: list[Box], covers: Iterable[Box]) -> list[Box]:
    """The pieces that no cover reaches, as disjoint boxes."""
    for cover in covers:
        if not pieces:
            break
        pieces = [left for piece in pieces for left in _cut(piece, cover)]
    return pieces


def _cut(piece: Box, cover: Box) -> list[Box]:
    if not all(_meet(piece, cover)):
        return [piece]
    left = []
    rest = list(piece)
    for at, wall in enumerate(cover):
        outside = rest[at] - wall
        if outside:
            left.append((*rest[:at], outside, *rest[at + 1 :]))
        rest[at] = rest[at] & wall
    return left


def _contradictions(sound: Sequence[Rule], lives: Sequence[_Life]) -> Iterable[Problem]:
    for one, other in combinations([rule for rule in sound if rule.decides], 2):
        if one.rank != other.rank or one.effect is other.effect:
            continue
        for life in lives:
            if one in life.boxes and other in life.boxes and all(_meet(life.boxes[one], life.boxes[other])):
                yield Problem(
                    code="contradiction",
                    rules=(name_of(one), name_of(other)),
                    sentence=f"Rules {name_of(one)} and {name_of(other)} have one rank, and one offers what the other "
                    f"withholds, for example {life.account.code}.",
                )
                break


def _dead(sound: Sequence[Rule], lives: Sequence[_Life]) -> Iterable[Problem]:
    if not lives:
        return
    for rule in sound:
        if any(life.firing.get(rule) for life in lives):
            continue
        is_reached = any(rule in life.boxes for life in lives)
        why = "rules before it decide every case of it" if is_reached else "no account can come into its case"
        yield _of(rule, "never_fires", f"can never fire: {why}")


def _names_closed(rule: Rule, known: Known) -> bool:
    """Whether a rule is for an account that is switched off now; it waits for it, and is not dead."""
    return any(
        rule.provider_account == account.code and not account.is_offerable for account in known.accounts
    )


def _unoffered(lives: Sequence[_Life]) -> Iterable[Problem]:
    for life in lives:
        if not life.offered_by_rule:
            yield Problem(
                code="never_offered",
                rules=(),
                sentence=f"No rule ever offers the account {life.account.code}.",
                is_warning=True,
            )


def _left_out(lives: Sequence[_Life]) -> Iterable[Problem]:
    """Portals and procedures whose orders find no account at all: most often an offer that was to be for them, too."""
    offers = [box for life in lives for box in life.offered_by_rule]
    if not offers:
        return
    for condition, (one, others) in _ORDERS.items():
        reached = frozenset().union(*(box[_DIMENSIONS.index(condition)] for box in offers))
        for at, example in enumerate(lives[0].parts[condition]):
            names = {example} if isinstance(example, str) else example
            if at not in reached and len(names) == 1:
                (name,) = names
                yield Problem(
                    code="left_out",
                    rules=(),
                    sentence=f"No rule offers any account to orders {others if name == _OTHER else f'{one} {name}'}.",
                    is_warning=True,
                )


def _programme_problems(programmes: Sequence[FeeProgramme], known: Known) -> Iterable[Problem]:
    there_are = {account.code for account in known.accounts}
    for programme in programmes:
        named = f"{programme.code} ({programme.valid_from})"
        wrong = [
            says
            for says, is_so in (
                (
                    f"names the provider account {programme.provider_account}, which is not known",
                    programme.provider_account not in there_are,
                ),
                (
                    f"names the kind of obligation {programme.kind}, which is not known",
                    programme.kind is not None and programme.kind not in known.kinds,
                ),
                (
                    f"names the agency {programme.agency_code}, which is not known",
                    programme.agency_code is not None and programme.agency_code not in known.agencies,
                ),
                (
                    f"ends on {programme.valid_to}, before it begins",
                    programme.valid_to is not None and programme.valid_to < programme.valid_from,
                ),
            )
            if is_so
        ]
        for says in wrong:
            yield Problem(code="programme_wrong", rules=(named,), sentence=f"Fee programme {named} {says}.")
    for one, other in combinations(programmes, 2):
        if _scope(one) == _scope(other) and _overlap(one, other):
            yield Problem(
                code="programmes_overlap",
                rules=(one.code, other.code),
                sentence=f"Fee programmes {one.code} ({one.valid_from}) and {other.code} ({other.valid_from}) are for "
                "the same payments on the same days.",
            )


def _scope(programme: FeeProgramme) -> tuple[str, str | None, str | None, bool]:
    is_waiver = programme.borne_by is FeeBearer.WAIVED
    return (programme.provider_account, programme.kind, programme.agency_code, is_waiver)


def _overlap(one: FeeProgramme, other: FeeProgramme) -> bool:
    ends = one.valid_to or date.max, other.valid_to or date.max
    return one.valid_from <= ends[1] and other.valid_from <= ends[0]
