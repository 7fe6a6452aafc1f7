"""The HTTP status of each category of refusal; read by the JSON and the HTML side of `http` only."""

from psycopg import OperationalError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from payclear.kernel.errors import ErrorCategory

STATUS_OF = {
    ErrorCategory.INVALID: 422,
    ErrorCategory.MALFORMED: 400,
    ErrorCategory.NOT_FOUND: 404,
    ErrorCategory.FORBIDDEN: 403,
    ErrorCategory.UNAUTHENTICATED: 401,
    ErrorCategory.CONFLICT: 409,
    ErrorCategory.REJECTED: 409,
    ErrorCategory.GONE: 410,
    ErrorCategory.TOO_LARGE: 413,
    ErrorCategory.UNSUPPORTED: 415,
    ErrorCategory.RATE_LIMITED: 429,
    ErrorCategory.UNAVAILABLE: 503,
    ErrorCategory.IN_DOUBT: 503,
}


def is_database_away(error: BaseException) -> bool:
    """Whether a failure is the database's absence, overload or a collision: trying again later may work."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, OperationalError | PoolExhausted)
