"""State tables: total answers, and tables that contradict themselves."""

from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel import states as states_module
from payclear.kernel.states import IllegalTransition, StateTable, Transition, all_tables, register


class Door(StrEnum):
    OPEN = "open"
    SHUT = "shut"
    WALLED = "walled_up"


TABLE = StateTable(
    "door",
    Door.OPEN,
    {
        (Door.OPEN, "push"): Door.SHUT,
        (Door.OPEN, "blow"): Door.SHUT,
        (Door.SHUT, "pull"): Door.OPEN,
        (Door.SHUT, "wall"): Door.WALLED,
        (Door.WALLED, "blast"): Door.OPEN,
    },
    ignored=frozenset({("shut", "push"), ("walled_up", "knock")}),
    terminal=frozenset({"walled_up"}),
    reopening=frozenset({("walled_up", "blast")}),
)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"initial": "Open"}, "bad name"),
        ({"name": "a door"}, "bad name"),
        ({"transitions": {("open", "push"): "shut", ("shut", "pull now"): "open"}}, "bad name"),
        ({"transitions": {("open", "push"): "shut"}}, "shut has no exit and is not terminal"),
        ({"transitions": {}}, "open has no exit"),
        ({"terminal": frozenset({"shut"})}, "terminal exit"),
        ({"terminal": frozenset({"gone"})}, "terminal gone is no known state"),
        ({"ignored": frozenset({("open", "push")})}, "both moves and is ignored"),
        ({"ignored": frozenset({("gone", "push")})}, "of no known state"),
        ({"reopening": frozenset({("open", "push")})}, "no exit of a terminal state"),
        ({"reopening": frozenset({("shut", "burn")})}, "no exit of a terminal state"),
        (
            {"transitions": {("open", "push"): "shut", ("shut", "pull"): "open", ("lost", "find"): "open"}},
            "lost cannot be reached",
        ),
    ],
)
def test_table_that_contradicts_itself_is_refused(changes, problem):
    sound = {
        "name": "door",
        "initial": "open",
        "transitions": {("open", "push"): "shut", ("shut", "pull"): "open"},
    }
    StateTable(**sound)
    with pytest.raises(ValueError, match=problem):
        StateTable(**(sound | changes))


@pytest.mark.parametrize(("state", "event"), [("open", "pull"), ("gone", "push"), ("open", "sing"), ("", "")])
def test_pair_not_in_the_table_is_illegal(state, event):
    with pytest.raises(IllegalTransition) as caught:
        TABLE.next(state, event)
    assert caught.value.facts == {"table": "door", "state": state, "event": event}


def test_known_pairs_move_and_ignored_pairs_stay():
    assert TABLE.next("open", "push") == Transition("shut", ignored=False)
    assert TABLE.next(Door.SHUT, "push") == Transition("shut", ignored=True)
    assert TABLE.next("walled_up", "blast") == Transition("open", ignored=False)


def test_full_product_answers_every_pair_in_exactly_one_way():
    moved = ignored = illegal = 0
    for state in TABLE.states:
        for event in TABLE.events:
            try:
                answer = TABLE.next(state, event)
            except IllegalTransition:
                illegal += 1
            else:
                assert answer.to in TABLE.states
                ignored += answer.ignored
                moved += not answer.ignored
    assert (moved, ignored) == (len(TABLE.transitions), len(TABLE.ignored))
    assert moved + ignored + illegal == len(TABLE.states) * len(TABLE.events)


def test_table_lists_its_states_events_and_ends():
    assert TABLE.states == ("open", "shut", "walled_up")
    assert TABLE.events == ("push", "blow", "pull", "wall", "blast", "knock")
    assert TABLE.is_terminal("walled_up")
    assert not TABLE.is_terminal("open")


def test_table_cannot_be_changed():
    with pytest.raises(TypeError):
        TABLE.transitions["open", "fly"] = "shut"


def test_mermaid_joins_events_of_one_arrow_and_is_stable():
    assert TABLE.mermaid() == (
        "stateDiagram-v2\n"
        "    [*] --> open\n"
        "    open --> shut: push, blow\n"
        "    shut --> open: pull\n"
        "    shut --> walled_up: wall\n"
        "    walled_up --> open: blast\n"
        "    walled_up --> [*]\n"
    )


@given(st.lists(st.sampled_from(TABLE.events), max_size=30))
def test_any_sequence_of_events_stays_inside_the_table(events):
    state = TABLE.initial
    for event in events:
        try:
            state = TABLE.next(state, event).to
        except IllegalTransition:
            continue
    assert state in TABLE.states


def test_registry_keeps_one_table_per_name(monkeypatch):
    monkeypatch.setattr(states_module, "_tables", {})
    twin = StateTable("door", "in", {("in", "go"): "out"}, terminal=frozenset({"out"}))
    first = StateTable("alarm", "off", {("off", "ring"): "on", ("on", "stop"): "off"})
    assert register(TABLE) is TABLE
    assert register(TABLE) is TABLE
    register(first)
    assert all_tables() == (first, TABLE)
    with pytest.raises(ValueError, match="twice"):
        register(twin)
