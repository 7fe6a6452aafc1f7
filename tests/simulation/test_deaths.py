"""Deaths between two commits: where they were planned, in mortal threads only, and past every handler."""

from collections.abc import Iterator

import pytest

from payclear.db.crash import AFTER, BEFORE
from payclear.db.uow import Database, install_crash_plan
from payclear.simulation.deaths import Deaths, SimulatedDeath


@pytest.fixture
def deaths() -> Iterator[Deaths]:
    made = Deaths(percent=50, seed=1)
    install_crash_plan(made)
    yield made
    install_crash_plan(None)


def write(database: Database, key: str) -> None:
    with database.begin() as uow:
        uow.run(
            "INSERT INTO job_period (job, period, claimed_by, claimed_at) VALUES ('x', %s, 'x', %s)",
            (key, uow.now),
        )
        uow.commit()


def written(database: Database) -> list[str]:
    with database.begin() as uow:
        return [row[0] for row in uow.run("SELECT period FROM job_period ORDER BY period")]


def here() -> str:
    return f"{__name__}.write"


@pytest.mark.parametrize(("moment", "kept"), [(BEFORE, []), (AFTER, ["a"])])
def test_armed_thread_dies_once_at_its_place(
    database: Database, deaths: Deaths, moment: str, kept: list[str]
) -> None:
    with deaths.armed((here(), moment)):
        with pytest.raises(SimulatedDeath):
            write(database, "a")
        write(database, "b")
    assert written(database) == [*kept, "b"]
    assert deaths.counts == {f"{here()}:{moment}": 1}


def test_thread_of_nobody_never_dies(database: Database, deaths: Deaths) -> None:
    for number in range(10):
        write(database, str(number))
    assert deaths.counts == {}


def test_mortal_thread_dies_at_every_so_many_passes(database: Database, deaths: Deaths) -> None:
    died = 0
    with deaths.mortal():
        for number in range(20):
            try:
                write(database, f"{number:02d}")
            except SimulatedDeath:
                died += 1
    assert died == sum(deaths.counts.values())
    assert died >= 10  # each moment has its own count


def write_and_handle_everything(database: Database) -> None:
    """What a careful service would write."""
    try:
        write(database, "a")
    except Exception:
        pytest.fail("a dead process handles nothing")


def test_death_passes_every_handler_of_the_service(database: Database, deaths: Deaths) -> None:
    with deaths.armed((here(), BEFORE)), pytest.raises(SimulatedDeath):
        write_and_handle_everything(database)
