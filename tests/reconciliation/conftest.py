"""A province with one provider account whose statements the test writes."""

import pytest

from tests.reconciliation.nights import NightScene
from tests.scenes import Scene


@pytest.fixture
def nights(scene: Scene) -> NightScene:
    return NightScene(scene)
