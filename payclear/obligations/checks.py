"""The invariants of every kind of obligation: where money goes, and what was paid without us. Read-only."""

from payclear.contract.modules import Check

CHECKS = (
    Check(
        id="INV-80",
        title="What was paid elsewhere has the receipt that was shown, and no order promises to collect it any more",
        sql="""
        SELECT o.id::text AS obligation, o.state, 'no receipt' AS fault FROM obligation o
        WHERE o.state = 'paid_elsewhere' AND o.kind <> 'traffic_fine'
          AND NOT EXISTS (SELECT 1 FROM paid_elsewhere p WHERE (p.obligation_id, p.version) = (o.id, o.version))
        UNION ALL
        SELECT t.obligation_id::text, t.event, 'a receipt of something else' FROM paid_elsewhere p
        JOIN obligation_transition t USING (obligation_id, version) WHERE t.event <> 'paid_elsewhere'
        UNION ALL
        SELECT o.id::text, w.order_ref, 'still promised' FROM obligation o
        JOIN payment_order_obligation l ON l.obligation_id = o.id AND l.amount > 0
        JOIN payment_order w ON w.id = l.order_id AND w.state = 'open'
        JOIN paid_elsewhere p ON (p.obligation_id, p.version) = (o.id, o.version)
        WHERE o.state = 'paid_elsewhere' AND w.expires_at > p.recorded_at
        """,
    ),
    Check(
        id="INV-83",
        title="The money of every line goes to an account of its agency, of one above it, or to one that the catalogue "
        "names for them; a charge goes to a non-state account, the state's money never does",
        sql="""
        WITH RECURSIVE said AS (
            -- A dossier's fee goes where the catalogue said on its filing date, everything else on the day it came.
            SELECT DISTINCT o.agency_code, l.beneficiary_account, l.type IN ('courier', 'other_service') AS is_charge,
                   (o.created_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS came_on,
                   CASE o.kind WHEN 'dossier_fee' THEN o.document_on END AS filed_on
            FROM obligation o JOIN obligation_line l ON l.obligation_id = o.id
            WHERE o.state NOT IN ('cancelled', 'refunded')  -- no money goes there
            UNION
            SELECT DISTINCT o.agency_code, f.surcharge_beneficiary_account, false,
                   (o.created_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date, NULL::date
            FROM obligation o JOIN fine_decision f ON f.obligation_id = o.id
            WHERE o.state NOT IN ('cancelled', 'refunded')
        ), foreign_account AS (
            SELECT s.*, b.agency_code AS owner FROM said s JOIN beneficiary_account b ON b.code = s.beneficiary_account
            WHERE b.agency_code <> s.agency_code
        ), path AS (
            SELECT agency_code, on_day, agency_code AS code, ARRAY[agency_code] AS seen FROM (
                SELECT agency_code, came_on AS on_day FROM foreign_account
                UNION SELECT agency_code, filed_on FROM foreign_account WHERE filed_on IS NOT NULL) AS asked
            UNION ALL
            SELECT p.agency_code, p.on_day, a.parent_code, p.seen || a.parent_code
            FROM path p JOIN agency_place a ON a.agency_code = p.code
            WHERE a.parent_code IS NOT NULL AND a.parent_code <> ALL (p.seen)
              AND a.valid_from <= p.on_day AND (a.valid_to IS NULL OR a.valid_to >= p.on_day)
        )
        SELECT s.agency_code, s.beneficiary_account, s.came_on::text, 'an account of another agency' AS fault
        FROM foreign_account s WHERE NOT EXISTS (
            SELECT 1 FROM path p
            WHERE p.agency_code = s.agency_code AND p.on_day IN (s.came_on, coalesce(s.filed_on, s.came_on))
              AND (p.code = s.owner OR EXISTS (
                  SELECT 1 FROM service_account v
                  WHERE v.beneficiary_account = s.beneficiary_account
                    AND (v.agency_code IS NULL OR v.agency_code = p.code)
                    AND v.valid_from <= p.on_day AND (v.valid_to IS NULL OR v.valid_to >= p.on_day))))
        UNION ALL
        SELECT s.agency_code, s.beneficiary_account, s.came_on::text, 'no account for this money'
        FROM said s LEFT JOIN beneficiary_account b ON b.code = s.beneficiary_account
        WHERE b.code IS NULL OR (b.kind = 'non_state') <> s.is_charge
        """,
    ),
)
