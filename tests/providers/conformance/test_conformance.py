"""Every adapter × every scenario that needs no books; what does not apply has a reason from the manifest."""

import pytest

from payclear.contract.conformance.bench import Bench, Subject
from payclear.contract.conformance.plays import PLAYS, play
from payclear.contract.conformance.scenarios import SCENARIOS
from tests.providers.conformance.cells import PROVIDERS, cells
from tests.providers.conformance.subjects import SUBJECTS


@pytest.mark.parametrize(("adapter", "scenario"), cells(needs_books=False))
def test_adapter_conforms(adapter: str, scenario: str, bench: Bench, subject: Subject) -> None:
    play(scenario, bench, subject)


def test_every_scenario_without_books_can_be_played() -> None:
    assert set(PLAYS) == {scenario.id for scenario in SCENARIOS if not scenario.needs_books}


def test_every_adapter_of_the_tree_is_a_subject() -> None:
    assert set(SUBJECTS) == {path.parent.name for path in PROVIDERS.glob("*/manifest.toml")}
