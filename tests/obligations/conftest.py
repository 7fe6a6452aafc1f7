"""A portal that calls the API."""

import pytest
from flask import Flask

from tests.portal_api import PortalApi
from tests.scenes import Scene


@pytest.fixture
def portal(app: Flask, scene: Scene) -> PortalApi:
    return PortalApi.of(app, scene)
