"""State tables as data: which event takes an object from which state to which.

Each feature declares its tables in `domain`; one function of its service applies them.
It must never guess: a pair that is neither a transition nor ignored is illegal.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from payclear.kernel.errors import ErrorCategory, PayclearError

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")

Pair = tuple[str, str]


class IllegalTransition(PayclearError):
    """This event cannot happen to an object in this state."""

    code = "illegal_transition"
    category = ErrorCategory.CONFLICT


@dataclass(frozen=True, slots=True)
class Transition:
    """The answer of a table: the state to be in, and whether the event was ignored (state unchanged)."""

    to: str
    ignored: bool


@dataclass(frozen=True, slots=True, eq=False)
class StateTable:
    """The life of one kind of object: pairs are (state, event).

    `ignored` pairs change nothing and are no error (repeats, late echoes). `terminal` states have no exits,
    except pairs listed in `reopening`. A table that contradicts itself raises ValueError when it is made.
    """

    name: str
    initial: str
    transitions: Mapping[Pair, str]
    ignored: frozenset[Pair] = frozenset()
    terminal: frozenset[str] = frozenset()
    reopening: frozenset[Pair] = frozenset()

    def __post_init__(self) -> None:
        plain = {(str(state), str(event)): str(to) for (state, event), to in self.transitions.items()}
        object.__setattr__(self, "transitions", MappingProxyType(plain))
        problems = [*self._name_problems(), *self._pair_problems(), *self._shape_problems()]
        if problems:
            raise ValueError(f"state table {self.name}: {'; '.join(problems)}")

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, the initial one first, then in the table's own order."""
        ordered = [self.initial]
        for (state, _), to in self.transitions.items():
            ordered += [state, to]
        return tuple(dict.fromkeys(ordered))

    @property
    def events(self) -> tuple[str, ...]:
        """Every event, in the table's own order; those that are only ever ignored come last, sorted."""
        changing = [event for _, event in self.transitions]
        return tuple(dict.fromkeys([*changing, *sorted(event for _, event in self.ignored)]))

    def next(self, state: str, event: str) -> Transition:
        """What an event does to an object in a state; raises IllegalTransition for any other pair."""
        to = self.transitions.get((state, event))
        if to is not None:
            return Transition(to, ignored=False)
        if (state, event) in self.ignored:
            return Transition(state, ignored=True)
        raise IllegalTransition(
            f"{self.name}: {event} cannot happen in {state}",
            table=self.name,
            state=str(state),
            event=str(event),
        )

    def is_terminal(self, state: str) -> bool:
        """Whether an object in this state has come to its end."""
        return state in self.terminal

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram, the same text every time."""
        events: dict[Pair, list[str]] = {}
        for (state, event), to in self.transitions.items():
            events.setdefault((state, to), []).append(event)
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        lines += [f"    {state} --> {to}: {', '.join(names)}" for (state, to), names in events.items()]
        lines += [f"    {state} --> [*]" for state in self.states if state in self.terminal]
        return "\n".join(lines) + "\n"

    def _name_problems(self) -> list[str]:
        names = (self.name, *self.states, *self.events)
        return [f"bad name {name!r}" for name in names if not _NAME.fullmatch(name)]

    def _pair_problems(self) -> list[str]:
        states = set(self.states)
        problems = [f"{pair} both moves and is ignored" for pair in self.ignored if pair in self.transitions]
        problems += [f"ignored {pair} is of no known state" for pair in self.ignored if pair[0] not in states]
        problems += [f"terminal {state} is no known state" for state in self.terminal - states]
        for pair in self.reopening:
            if pair not in self.transitions or pair[0] not in self.terminal:
                problems.append(f"reopening {pair} is no exit of a terminal state")
        return problems

    def _shape_problems(self) -> list[str]:
        problems: list[str] = []
        reached = self._reached()
        problems += [f"{state} cannot be reached" for state in self.states if state not in reached]
        for state in self.states:
            exits = [pair for pair in self.transitions if pair[0] == state]
            if state in self.terminal:
                problems += [f"terminal exit {pair}" for pair in exits if pair not in self.reopening]
            elif not exits:
                problems.append(f"{state} has no exit and is not terminal")
        return problems

    def _reached(self) -> set[str]:
        reached = {self.initial}
        waiting = [self.initial]
        while waiting:
            here = waiting.pop()
            for (state, _), to in self.transitions.items():
                if state == here and to not in reached:
                    reached.add(to)
                    waiting.append(to)
        return reached


_tables: dict[str, StateTable] = {}


def register(table: StateTable) -> StateTable:
    """Make a table known to the documents and the tests; two tables of one name are a ValueError."""
    if _tables.setdefault(table.name, table) is not table:
        raise ValueError(f"state table {table.name} is registered twice")
    return table


def all_tables() -> tuple[StateTable, ...]:
    """Every registered table, by name."""
    return tuple(_tables[name] for name in sorted(_tables))
