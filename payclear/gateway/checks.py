"""The invariants of our observations for `payclear verify`. Read-only; no row means that they hold."""

from payclear.contract.modules import Check

HISTOGRAM_IS_WHOLE = """
SELECT provider_account, operation, hour::text AS hour, ok + refused + not_sent + unknown AS calls,
       (SELECT sum(each) FROM unnest(histogram) AS each) AS in_histogram
FROM provider_hour
WHERE ok + refused + not_sent + unknown <> (SELECT coalesce(sum(each), 0) FROM unnest(histogram) AS each)
   OR array_length(histogram, 1) <> 16 OR openings > not_sent + unknown
"""

# Hours that were counted after their end, and whose calls are all still kept.
HOURS_ARE_COUNTED = """
WITH bounds AS (
    SELECT date_trunc('hour', max(counted_at), 'UTC') - interval '1 hour' AS until,
           date_trunc('hour', max(counted_at), 'UTC') - interval '6 days' AS since
    FROM provider_hour
), kept AS (
    SELECT provider_account, operation, date_trunc('hour', at, 'UTC') AS hour, count(*) AS calls
    FROM provider_call, bounds WHERE at >= since AND at < until GROUP BY 1, 2, 3
), counted AS (
    SELECT provider_account, operation, hour, ok + refused + not_sent + unknown + busy + open AS calls
    FROM provider_hour, bounds WHERE hour >= since AND hour < until
)
SELECT provider_account, operation, hour::text AS hour, kept.calls AS kept, counted.calls AS counted
FROM kept FULL JOIN counted USING (provider_account, operation, hour)
WHERE kept.calls IS DISTINCT FROM counted.calls
"""

CHECKS = (
    Check(
        id="INV-50",
        title="The histogram of an hour holds each call that was made, once",
        sql=HISTOGRAM_IS_WHOLE,
    ),
    Check(
        id="INV-51",
        title="Each counted hour has as many calls as were observed",
        sql=HOURS_ARE_COUNTED,
    ),
)
