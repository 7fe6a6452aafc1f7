"""A province with the national rules of fines, and what an authority says about its decisions."""

from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask

from payclear.audit.jobs import seal_whole_trail
from payclear.operations.verify import report, verify
from tests.obligations.fines.desk import Desk
from tests.portal_api import PortalApi
from tests.scenes import Scene


@pytest.fixture
def free_desk(app: Flask, scene: Scene) -> Desk:
    """A portal that speaks for the authority; nobody looks afterwards."""
    return Desk(PortalApi.of(app, scene), scene)


@pytest.fixture
def desk(free_desk: Desk, scene: Scene) -> Iterator[Desk]:
    """A portal that speaks for the authority. When a test is over every invariant holds, whatever was said."""
    yield free_desk
    seal_whole_trail()
    findings = verify(scene.runtime.database)
    assert [line for line in report(findings) if " holds " not in line][:-1] == []


@pytest.fixture
def today() -> date:
    """The day of the test's clock in Viet Nam."""
    return date(2026, 11, 21)
