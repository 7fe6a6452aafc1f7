"""A scene with the rules of personal data in force, and somebody who may read and forget."""

from datetime import timedelta
from pathlib import Path

import pytest

from payclear.audit.jobs import seal_whole_trail
from payclear.catalogue.files import load_catalogue
from payclear.operations.verify import verify
from payclear.privacy.domain import Reader
from payclear.runtime import Runtime
from tests.scenes import Scene

RULES = Path(__file__).resolve().parents[2] / "config" / "catalogue" / "privacy.toml"
ELEVEN_YEARS = timedelta(days=11 * 366)
OFFICER = Reader(login="canbo", roles=frozenset({"officer"}))
SECOND = Reader(login="canbo2", roles=frozenset({"officer"}))
VIEWER = Reader(login="lanhdao", roles=frozenset({"viewer"}))
SCENE_HAS_NO_INBOX = "INV-15"  # the scene pays by evidence that no message brought
ID_NO = "000000000001"  # of everybody the scene registers


@pytest.fixture
def people(scene: Scene) -> Scene:
    """The scene with purposes, grounds and times of keeping."""
    with scene.runtime.database.begin() as uow:
        load_catalogue(uow, RULES)
        uow.commit()
    return scene


def broken(runtime: Runtime, *only: str) -> dict[str, int]:
    """The invariants that do not hold, with how many offenders; of `only` when some are named."""
    seal_whole_trail()
    return {
        finding.check.id: len(finding.offenders)
        for finding in verify(runtime.database)
        if not finding.holds
        and (finding.check.id in only if only else finding.check.id != SCENE_HAS_NO_INBOX)
    }
