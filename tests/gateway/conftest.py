"""Two accounts whose provider answers as told, behind the gateway."""

from collections.abc import Callable

import pytest

from payclear.contract.registry import ProviderLine
from payclear.gateway.domain import Operation
from payclear.gateway.service import call
from payclear.runtime import Runtime
from tests.checkout.fakes import ToldProvider, with_providers


@pytest.fixture
def gateway_runtime(runtime: Runtime) -> Runtime:
    return with_providers(runtime, a=ToldProvider(), b=ToldProvider())


@pytest.fixture
def line(gateway_runtime: Runtime) -> ProviderLine:
    return gateway_runtime.providers.get("a")


def fails(runtime: Runtime, line: ProviderLine, error: Exception, *, times: int = 1) -> None:
    """Make calls that end in an error."""
    for _ in range(times):
        with pytest.raises(type(error)):
            call(runtime, line, Operation.CHECKOUT, raising(error))


def raising(error: Exception) -> Callable[[], None]:
    def ask() -> None:
        raise error

    return ask


def observed(runtime: Runtime) -> list[tuple[str, str, str, bool]]:
    with runtime.database.begin() as uow:
        rows = uow.run(
            "SELECT provider_account, operation, result, opened FROM provider_call ORDER BY at, id"
        )
        return rows.fetchall()
