"""How often one visitor may do one thing: token buckets in the memory of a process, one set per application.

Called by public pages and the login. It must never count by a header that a visitor can write: the caller
passes the peer's address as the web server knows it.
"""

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from flask import Flask, current_app, request

from payclear.kernel.errors import ErrorCategory, PayclearError
from payclear.runtime import current

_KEYS_MAX: Final = 20_000


class TooManyRequests(PayclearError):
    """This visitor must wait; `retry_after_s` says how long."""

    code = "rate_limited"
    category = ErrorCategory.RATE_LIMITED


@dataclass(frozen=True, slots=True)
class Limit:
    """`burst` at once, then one more every `every_s` seconds."""

    name: str
    burst: int
    every_s: float


class RateLimiter:
    """The buckets of one limit; the least recently seen visitor is forgotten first."""

    def __init__(self, limit: Limit, *, keys_max: int = _KEYS_MAX) -> None:
        self._limit = limit
        self._keys_max = keys_max
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, *, now_s: float) -> int:
        """Take one token; 0 when there was one, else the whole seconds until the next (at least 1)."""
        with self._lock:
            left, seen_s = self._buckets.pop(key, (float(self._limit.burst), now_s))
            left = min(float(self._limit.burst), left + max(0.0, now_s - seen_s) / self._limit.every_s)
            allowed = left >= 1.0
            self._buckets[key] = (left - 1.0 if allowed else left, now_s)
            while len(self._buckets) > self._keys_max:
                self._buckets.popitem(last=False)
        return 0 if allowed else max(1, math.ceil((1.0 - left) * self._limit.every_s))


def require_rate(app: Flask, limit: Limit, key: str, *, now_s: float) -> None:
    """Take one token of the application's limiter for `key`; raises TooManyRequests."""
    retry_after_s = _take(app, limit, key, now_s)
    if retry_after_s:
        raise TooManyRequests("too many requests", limit=limit.name, retry_after_s=retry_after_s)


def limit_visitors(limit: Limit, key: str | None = None) -> None:
    """Take one token for the address this request comes from, or for `key`; raises TooManyRequests."""
    of_whom = (request.remote_addr or "") if key is None else key
    require_rate(current_app, limit, of_whom, now_s=current().clock.monotonic())


def limit_caller(portal_code: str, per_minute: int | None) -> None:
    """Take one token of a portal that may call so often, a sixth of a minute's at once; raises TooManyRequests."""
    if per_minute is not None:
        limit = Limit(f"portal_{per_minute}", burst=max(1, per_minute // 6), every_s=60 / per_minute)
        limit_visitors(limit, portal_code)


def is_allowed(app: Flask, limit: Limit, key: str, *, now_s: float) -> bool:
    """Take one token for what may simply be left out; False when there is none."""
    return _take(app, limit, key, now_s) == 0


def _take(app: Flask, limit: Limit, key: str, now_s: float) -> int:
    limiters: dict[str, RateLimiter] = app.extensions.setdefault("payclear.rate_limits", {})
    limiter = limiters.get(limit.name) or limiters.setdefault(limit.name, RateLimiter(limit))
    return limiter.take(key, now_s=now_s)
