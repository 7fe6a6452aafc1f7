"""Who calls the portal API. The application names the function that knows; this module guards with it.

`identity` stands above `http`, so its `authenticate_portal` comes in through `http.api.install_api`.
"""

from collections.abc import Callable
from typing import Protocol

from payclear.db.uow import UnitOfWork
from payclear.kernel.errors import ErrorCategory, PayclearError


class PortalNotCollecting(PayclearError):
    """The portal is registered but neither in testing nor active: it may read, not write."""

    code = "portal_not_collecting"
    category = ErrorCategory.FORBIDDEN


class Caller(Protocol):
    """An authenticated portal."""

    @property
    def portal_code(self) -> str: ...
    @property
    def key_id(self) -> str: ...
    @property
    def may_collect(self) -> bool: ...
    @property
    def return_url_prefixes(self) -> tuple[str, ...]: ...

    def require(self, scope: str) -> None:
        """Raise when the key was not given for this scope."""


Authenticate = Callable[[UnitOfWork, str | None], Caller]


def require_caller(
    uow: UnitOfWork, authenticate: Authenticate, header: str | None, *, scope: str, writes: bool
) -> Caller:
    """The portal behind an Authorization header, if it may do this; raises what `authenticate` raises."""
    caller = authenticate(uow, header)
    caller.require(scope)
    if writes and not caller.may_collect:
        raise PortalNotCollecting("the portal may read, not write")
    return caller
