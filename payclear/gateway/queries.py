"""Every statement of the gateway: one call written down, the last minutes' calls, the hourly figures, the month's."""

from payclear.gateway.domain import BOUNDS_MS

# An observation may be lost with the machine; nobody waits for the disk because of it.
FORGETFUL = "SET LOCAL synchronous_commit = off"

OBSERVE = """
INSERT INTO provider_call (id, provider_account, operation, result, took_ms, opened, at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""

_MADE = "result IN ('ok', 'refused', 'not_sent', 'unknown')"
_FAILED = "result IN ('not_sent', 'unknown')"

# Every account's calls of the last minutes that a citizen or an attempt waited for; a statement's fetch may take long.
WINDOWS = f"""
WITH recent AS (
    SELECT provider_account, result, took_ms, at,
           max(at) FILTER (WHERE result IN ('ok', 'refused')) OVER (PARTITION BY provider_account) AS answered_at
    FROM provider_call
    WHERE at > %(now)s::timestamptz - make_interval(mins => %(minutes)s) AND operation <> 'statement' AND {_MADE}
)
SELECT provider_account,
       count(*) AS calls,
       count(*) FILTER (WHERE {_FAILED}) AS failures,
       count(*) FILTER (WHERE took_ms > %(slow_ms)s) AS slow,
       count(*) FILTER (WHERE {_FAILED} AND at > coalesce(answered_at, '-infinity')) AS failures_at_end,
       extract(epoch FROM %(now)s::timestamptz - max(at))::float8 AS silent_s
FROM recent GROUP BY provider_account
"""

_BOUNDS = ", ".join(
    str(bound + 1) for bound in BOUNDS_MS
)  # width_bucket: from the bound on is the next bucket
_HISTOGRAM = ", ".join(
    f"count(*) FILTER (WHERE {_MADE} AND bucket = {number})" for number in range(len(BOUNDS_MS) + 1)
)
_RESULTS = ("ok", "refused", "not_sent", "unknown", "busy", "open")
_COUNTS = ", ".join(f"count(*) FILTER (WHERE result = '{result}')" for result in _RESULTS)
_FIGURES = (*_RESULTS, "openings", "histogram", "counted_at")

# The figures of whole hours, counted anew from the calls that are still kept.
ROLL_UP_CALLS = f"""
INSERT INTO provider_hour (provider_account, operation, hour, {", ".join(_FIGURES)})
SELECT provider_account, operation, date_trunc('hour', at, 'UTC'), {_COUNTS},
       count(*) FILTER (WHERE opened), ARRAY[{_HISTOGRAM}], %(now)s
FROM (SELECT *, width_bucket(took_ms, ARRAY[{_BOUNDS}]) AS bucket FROM provider_call
      WHERE at >= %(begin)s AND at < %(end)s) AS calls
GROUP BY 1, 2, 3
ON CONFLICT (provider_account, operation, hour) DO UPDATE
SET {", ".join(f"{name} = excluded.{name}" for name in _FIGURES)}
"""

# How we learned of the payments of whole hours. The deciding evidence is the one that booked the money.
ROLL_UP_PAYMENTS = """
INSERT INTO provider_payment_hour (provider_account, hour, payments, before_callback, without_callback, counted_at)
SELECT a.provider_account, date_trunc('hour', a.paid_at, 'UTC'), count(*),
       count(*) FILTER (WHERE c.first_at IS NULL OR c.first_at > d.at), count(*) FILTER (WHERE c.first_at IS NULL),
       %(now)s
FROM payment_attempt a
CROSS JOIN LATERAL (SELECT min(e.recorded_at) AS at FROM payment_evidence e
                    WHERE e.attempt_id = a.id AND e.effect IN ('captured', 'suspended')) d
CROSS JOIN LATERAL (SELECT min(e.recorded_at) AS first_at FROM payment_evidence e
                    WHERE e.attempt_id = a.id AND e.source = 'callback') c
WHERE a.provider_account = ANY(%(accounts)s) AND a.paid_at >= %(begin)s AND a.paid_at < %(end)s
GROUP BY 1, 2
ON CONFLICT (provider_account, hour) DO UPDATE
SET payments = excluded.payments, before_callback = excluded.before_callback,
    without_callback = excluded.without_callback, counted_at = excluded.counted_at
"""

LAST_HOUR = "SELECT max(hour) FROM provider_hour"

FORGET_CALLS = "DELETE FROM provider_call WHERE at < %s"

# The hours of a period; days and sums are made by whoever reads them.
HOURS = """
SELECT provider_account, operation, hour, ok, refused, not_sent, unknown, busy, open, openings, histogram,
       counted_at
FROM provider_hour
WHERE hour >= %(begin)s AND hour < %(end)s AND (%(account)s::text IS NULL OR provider_account = %(account)s)
ORDER BY provider_account, hour, operation
"""

PAYMENT_HOURS = """
SELECT provider_account, hour, payments, before_callback, without_callback, counted_at
FROM provider_payment_hour
WHERE hour >= %(begin)s AND hour < %(end)s AND (%(account)s::text IS NULL OR provider_account = %(account)s)
ORDER BY provider_account, hour
"""
