"""Who calls the portal API. The application names the function that knows; this module guards with it.

`identity` stands above `http`, so its `authenticate_portal` comes in through `http.api.install_api`.
"""

from collections.abc import Callable
from typing import Protocol

from payclear.db.uow import UnitOfWork
from payclear.kernel.errors import ErrorCategory, PayclearError


class PortalNotCollecting(PayclearError):
    """The portal is not active yet: it may read, not write. In testing it writes outside production only."""

    code = "portal_not_collecting"
    category = ErrorCategory.FORBIDDEN


class Caller(Protocol):
    """An authenticated portal."""

    @property
    def portal_code(self) -> str: ...
    @property
    def key_id(self) -> str: ...
    @property
    def requests_per_minute(self) -> int | None: ...
    @property
    def return_url_prefixes(self) -> tuple[str, ...]: ...

    def require(self, scope: str) -> None:
        """Raise when the key was not given for this scope."""

    def require_address(self, address: str) -> None:
        """Raise when the portal does not call from there."""

    def require_collecting(self) -> None:
        """Raise when the portal may not write now."""


Authenticate = Callable[[UnitOfWork, str | None], Caller]


def require_caller(
    uow: UnitOfWork, authenticate: Authenticate, header: str | None, *, address: str, scope: str, writes: bool
) -> Caller:
    """The portal behind an Authorization header, if it may do this from there; raises what `authenticate` raises."""
    caller = authenticate(uow, header)
    caller.require_address(address)
    caller.require(scope)
    if writes:
        caller.require_collecting()
    return caller
