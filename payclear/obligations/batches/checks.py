"""The invariants of uploaded batches for `payclear verify`. Read-only."""

from payclear.contract.modules import Check

# A chunk that is done has a result for each of its rows, one that is not has none.
ONE_RESULT_FOR_EVERY_ROW = """
SELECT coalesce(asked.batch_id, given.batch_id)::text AS batch, coalesce(asked.row_no, given.row_no) AS row_no,
       CASE WHEN given.batch_id IS NULL THEN 'no result' ELSE 'a result of no row' END AS fault
FROM (SELECT batch_id, no, unnest(row_nos) AS row_no FROM decision_chunk WHERE done_at IS NOT NULL) asked
FULL JOIN decision_row given
    ON given.batch_id = asked.batch_id AND given.chunk_no = asked.no AND given.row_no = asked.row_no
WHERE asked.batch_id IS NULL OR given.batch_id IS NULL
UNION ALL
SELECT b.id::text, b.rows, 'finished with ' || coalesce(r.count, 0) || ' results' FROM decision_batch b
LEFT JOIN (SELECT batch_id, count(*) FROM decision_row GROUP BY batch_id) r ON r.batch_id = b.id
WHERE b.state = 'finished' AND b.rows <> coalesce(r.count, 0)
UNION ALL
SELECT b.id::text, c.no, 'finished before its chunk' FROM decision_batch b JOIN decision_chunk c ON c.batch_id = b.id
WHERE b.state = 'finished' AND c.done_at IS NULL
"""

# The decision's number may have come with other spaces and letters: it is compared as the look-up compares it.
TAKEN_ROW_HAS_ITS_DECISION = """
SELECT r.batch_id::text AS batch, r.row_no, r.result, o.document_no
FROM decision_row r JOIN decision_batch b ON b.id = r.batch_id LEFT JOIN obligation o ON o.id = r.obligation_id
WHERE r.result <> 'refused'
  AND (o.id IS NULL OR o.kind <> 'traffic_fine' OR o.portal_code <> b.portal_code
       OR o.document_key <> upper(regexp_replace(normalize(r.decision_no, NFC), '\\s', '', 'g'))
       OR (r.result = 'registered' AND o.created_at < b.received_at)
       OR NOT EXISTS (SELECT 1 FROM fine_version v WHERE v.obligation_id = o.id)
       OR (r.result = 'version' AND NOT EXISTS (
            SELECT 1 FROM fine_version v WHERE v.obligation_id = o.id AND v.version_no > 1)))
"""

CHECKS = (
    Check(
        id="INV-70",
        title="Every row of a finished batch of decisions has one result",
        sql=ONE_RESULT_FOR_EVERY_ROW,
    ),
    Check(
        id="INV-71",
        title="Every uploaded row that was taken has its decision",
        sql=TAKEN_ROW_HAS_ITS_DECISION,
    ),
)
