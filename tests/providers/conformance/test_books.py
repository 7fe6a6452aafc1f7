"""Every adapter × every scenario that the ledger judges; after each, every invariant holds."""

import pytest
from flask import Flask

from payclear.contract.conformance.bench import Bench, Subject
from payclear.contract.conformance.scenarios import SCENARIOS
from tests.providers.conformance import books, counter_books
from tests.providers.conformance.books import Desk
from tests.providers.conformance.cells import cells
from tests.scenes import Scene

PLAYS = {**books.PLAYS, **counter_books.PLAYS}


@pytest.mark.parametrize(("adapter", "scenario"), cells(needs_books=True))
def test_books_stand_by_the_truth(
    adapter: str, scenario: str, app: Flask, scene: Scene, bench: Bench, subject: Subject
) -> None:
    desk = Desk(app, scene, bench, subject)
    PLAYS[scenario](desk)
    desk.prove()


def test_every_scenario_with_books_can_be_played() -> None:
    assert set(PLAYS) == {scenario.id for scenario in SCENARIOS if scenario.needs_books}
