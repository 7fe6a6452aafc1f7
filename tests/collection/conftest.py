"""A bank at whose counter citizens stand."""

from collections.abc import Iterator

import pytest
from flask import Flask

from payclear.assembly import load_modules
from payclear.audit.jobs import seal_whole_trail
from payclear.operations.verify import report, verify
from tests.collection.bank import Bank
from tests.scenes import Scene


@pytest.fixture
def bank(app: Flask, scene: Scene) -> Iterator[Bank]:
    """The bank of the demonstration. When a test is over, every invariant holds, whatever was said."""
    yield Bank(app, scene.runtime.clock)
    seal_whole_trail()
    findings = verify(scene.runtime.database, load_modules(scene.runtime.settings).checks)
    assert [line for line in report(findings) if " holds " not in line][:-1] == []
