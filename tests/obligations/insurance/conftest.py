"""An insurance office with its account and the national rules, and a portal that calls for it."""

from pathlib import Path

import pytest
from flask import Flask

from payclear.catalogue.files import load_catalogue
from payclear.kernel.clock import FixedClock
from tests.obligations.insurance.office import OFFICE, Office
from tests.portal_api import PortalApi
from tests.scenes import Scene

NATIONAL = Path("config/catalogue/national.toml")


@pytest.fixture
def office(app: Flask, scene: Scene, clock: FixedClock, tmp_path: Path) -> Office:
    own = tmp_path / "office.toml"
    own.write_text(OFFICE, encoding="utf-8")
    with scene.runtime.database.begin() as uow:
        load_catalogue(uow, NATIONAL)
        load_catalogue(uow, own)
        uow.commit()
    return Office(PortalApi.of(app, scene), scene, clock)
