"""Token buckets: bursts, refill, forgetting."""

import pytest
from flask import Flask

from payclear.http.rate_limits import Limit, RateLimiter, TooManyRequests, is_allowed, require_rate

LIMIT = Limit("test", burst=3, every_s=10)


def test_visitor_over_the_burst_waits_as_long_as_it_says() -> None:
    limiter = RateLimiter(LIMIT)
    assert [limiter.take("a", now_s=0) for _ in range(4)] == [0, 0, 0, 10]
    assert limiter.take("a", now_s=4) == 6
    assert limiter.take("a", now_s=9.5) == 1
    assert limiter.take("a", now_s=10) == 0
    assert limiter.take("a", now_s=10) == 10


def test_visitors_do_not_use_up_each_others_tokens() -> None:
    limiter = RateLimiter(LIMIT)
    for _ in range(4):
        limiter.take("a", now_s=0)
    assert limiter.take("b", now_s=0) == 0


def test_bucket_never_holds_more_than_the_burst() -> None:
    limiter = RateLimiter(LIMIT)
    limiter.take("a", now_s=0)
    assert [limiter.take("a", now_s=10_000) for _ in range(4)] == [0, 0, 0, 10]


def test_clock_that_steps_back_gives_nothing() -> None:
    limiter = RateLimiter(LIMIT)
    for _ in range(3):
        limiter.take("a", now_s=100)
    assert limiter.take("a", now_s=0) == 10


def test_memory_is_bounded_and_the_least_recent_is_forgotten() -> None:
    limiter = RateLimiter(Limit("test", burst=1, every_s=10), keys_max=2)
    for visitor in ("a", "b", "a", "c"):
        limiter.take(visitor, now_s=0)
    assert limiter.take("a", now_s=0) == 10
    assert limiter.take("b", now_s=0) == 0


def test_application_keeps_its_own_buckets_and_raises_a_429() -> None:
    app, other = Flask("one"), Flask("two")
    for _ in range(3):
        require_rate(app, LIMIT, "a", now_s=0)
    assert not is_allowed(app, LIMIT, "a", now_s=0)
    with pytest.raises(TooManyRequests) as refused:
        require_rate(app, LIMIT, "a", now_s=0)
    assert refused.value.facts["retry_after_s"] == 10
    require_rate(other, LIMIT, "a", now_s=0)
