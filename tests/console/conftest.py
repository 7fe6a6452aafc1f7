"""A console with two members of staff, and browsers of theirs."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from payclear.identity.domain import StaffRole
from payclear.identity.sessions import create_staff
from payclear.runtime import Runtime

PASSWORD = "mua thu ha noi."
LogIn = Callable[..., TestResponse]


@pytest.fixture
def staff(runtime: Runtime) -> None:
    with runtime.database.begin() as uow:
        for login, role in (("an.nguyen", StaffRole.OFFICER), ("binh.tran", StaffRole.VIEWER)):
            create_staff(uow, login=login, display_name=login.title(), password=PASSWORD, roles=[role])
        uow.commit()


def token_of(text: str) -> str:
    match = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert match
    return match.group(1)


@pytest.fixture
def log_in() -> LogIn:
    """Sign a browser in, as a person would: open the form, send it."""

    def enter(
        client: FlaskClient, login: str = "an.nguyen", password: str = PASSWORD, **more: str
    ) -> TestResponse:
        form = {
            "csrf_token": token_of(client.get("/console/login").text),
            "login": login,
            "password": password,
        }
        return client.post("/console/login", data=form | more)

    return enter


@pytest.fixture
def desk(app: Flask, staff: None, log_in: LogIn) -> FlaskClient:
    """An officer's browser, signed in."""
    client = app.test_client()
    assert log_in(client).status_code == 303
    return client
