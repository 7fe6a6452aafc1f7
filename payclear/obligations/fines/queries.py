"""Every statement of a fine's history. Whoever appends holds the lock of the obligation's row."""

VERSIONS = """
SELECT version_no, kind, decision_no, document_key, decided_on, effective_on, amount, served_on, served_method,
       written_term_days, due_on, recorded_at
FROM fine_version WHERE obligation_id = %s ORDER BY version_no
"""

EVENTS = """
SELECT event_no, kind, on_date, ref, shelter_kind, principal, surcharge, order_id, instalment_no, recorded_at
FROM fine_event WHERE obligation_id = %s ORDER BY event_no
"""

PLANS = """
SELECT p.decision_ref, p.granted_on, p.counted_from, p.obligor_kind, p.total, p.turn,
       array_agg(i.instalment_no ORDER BY i.instalment_no) AS numbers,
       array_agg(i.due_on ORDER BY i.instalment_no) AS dues, array_agg(i.amount ORDER BY i.instalment_no) AS amounts
FROM instalment_plan p JOIN instalment i USING (obligation_id, decision_ref)
WHERE p.obligation_id = %s
GROUP BY p.obligation_id, p.decision_ref ORDER BY p.recorded_at, p.decision_ref
"""

INSERT_FINE = """
WITH decision AS (
    INSERT INTO fine_decision (obligation_id, decision_no, decided_on, served_on, served_method, due_on,
                               surcharge_beneficiary_account, surcharge_chapter, surcharge_sub_item, written_term_days,
                               issuer_rank, violation_record_no, violation_on, versions, events)
    VALUES (%(id)s, %(decision_no)s, %(decided_on)s, %(served_on)s, %(served_method)s, %(due_on)s,
            %(account)s, %(chapter)s, %(sub_item)s, %(written_term_days)s, %(issuer_rank)s,
            %(violation_record_no)s, %(violation_on)s, 1, 0)
), papers AS (
    INSERT INTO withheld_paper (obligation_id, paper_no, type)
    SELECT %(id)s, paper_no, type FROM unnest(%(papers)s::text[]) WITH ORDINALITY AS p (type, paper_no)
)
INSERT INTO fine_version (obligation_id, version_no, kind, decision_no, document_key, decided_on, effective_on, amount,
                          served_on, served_method, written_term_days, due_on, recorded_at, recorded_by)
VALUES (%(id)s, 1, 'issued', %(decision_no)s, %(document_key)s, %(decided_on)s, %(decided_on)s, %(amount)s,
        %(served_on)s, %(served_method)s, %(written_term_days)s, %(due_on)s, %(at)s, %(by)s)
"""

# A version that brings a term of its own is the newest word on service and deadline; any other leaves them.
APPEND_VERSION = """
WITH head AS (
    UPDATE fine_decision
    SET versions = versions + 1, due_on = coalesce(%(due_on)s, due_on),
        served_on = CASE WHEN %(due_on)s::date IS NULL THEN served_on ELSE %(served_on)s END,
        served_method = CASE WHEN %(due_on)s::date IS NULL THEN served_method ELSE %(served_method)s END,
        written_term_days = CASE WHEN %(due_on)s::date IS NULL THEN written_term_days ELSE %(written_term_days)s END
    WHERE obligation_id = %(id)s
    RETURNING versions
)
INSERT INTO fine_version (obligation_id, version_no, kind, decision_no, document_key, decided_on, effective_on, amount,
                          served_on, served_method, written_term_days, due_on, recorded_at, recorded_by)
SELECT %(id)s, versions, %(kind)s, %(decision_no)s, %(document_key)s, %(decided_on)s, %(effective_on)s, %(amount)s,
       %(served_on)s, %(served_method)s, %(written_term_days)s, %(due_on)s, %(at)s, %(by)s
FROM head
"""

APPEND_EVENT = """
WITH head AS (
    UPDATE fine_decision SET events = events + 1 WHERE obligation_id = %(id)s RETURNING events
)
INSERT INTO fine_event (obligation_id, event_no, kind, on_date, ref, shelter_kind, principal, surcharge, order_id,
                        instalment_no, recorded_at, recorded_by)
SELECT %(id)s, events, %(kind)s, %(on)s, %(ref)s, %(shelter_kind)s, %(principal)s, %(surcharge)s, %(order_id)s,
       %(instalment_no)s, %(at)s, %(by)s
FROM head
"""

INSERT_PLAN = """
WITH plan AS (
    INSERT INTO instalment_plan (obligation_id, decision_ref, granted_on, counted_from, obligor_kind, total, turn,
                                 rule_id, recorded_at, recorded_by)
    VALUES (%(id)s, %(decision_ref)s, %(granted_on)s, %(counted_from)s, %(obligor_kind)s, %(total)s, %(turn)s,
            %(rule_id)s, %(at)s, %(by)s)
)
INSERT INTO instalment (obligation_id, decision_ref, instalment_no, due_on, amount)
SELECT %(id)s, %(decision_ref)s, no, due_on, amount
FROM unnest(%(dues)s::date[], %(amounts)s::bigint[]) WITH ORDINALITY AS i (due_on, amount, no)
"""

OPEN_PROPOSAL = """
SELECT id, amount, state FROM refund_proposal WHERE obligation_id = %s AND state IN ('proposed', 'accepted')
"""
PROPOSE = """
INSERT INTO refund_proposal (id, obligation_id, amount, currency, reason, state, proposed_at)
VALUES (%s, %s, %s, %s, %s, 'proposed', %s)
"""
CHANGE_PROPOSAL = "UPDATE refund_proposal SET amount = %s WHERE id = %s"
END_PROPOSAL = "UPDATE refund_proposal SET state = %(to)s, ended_at = %(at)s WHERE id = %(id)s"
DECIDE_PROPOSAL = """
UPDATE refund_proposal
SET state = %(to)s, decided_at = %(at)s, decided_by = %(by)s, decided_note = %(note)s, carrier = %(carrier)s
WHERE id = %(id)s
"""
RETURN_PROPOSAL = """
UPDATE refund_proposal SET state = %s, decided_at = NULL, decided_by = NULL, decided_note = NULL, carrier = NULL
WHERE id = %s
"""
ACCEPTED_OF = """
SELECT id, state FROM refund_proposal
WHERE obligation_id = ANY(%s) AND state = 'accepted' AND carrier = 'provider' ORDER BY id
"""
_PROPOSAL = """
SELECT p.id, p.obligation_id, p.amount, p.currency, p.reason, p.state, p.proposed_at, p.decided_at, p.decided_by,
       p.decided_note, p.carrier, o.agency_code, o.document_no
FROM refund_proposal p JOIN obligation o ON o.id = p.obligation_id
"""
PROPOSALS = f"{_PROPOSAL} WHERE p.state IN ('proposed', 'accepted') ORDER BY p.proposed_at, p.id LIMIT %s"
PROPOSALS_OF = f"{_PROPOSAL} WHERE p.obligation_id = %s ORDER BY p.proposed_at, p.id"
PROPOSAL = f"{_PROPOSAL} WHERE p.id = %s"

# Every order that ever paid a fine, in the order of locks.
PAID_ORDERS = """
SELECT DISTINCT order_id FROM fine_event WHERE obligation_id = %s AND kind = 'paid' ORDER BY order_id
"""

OBLIGOR = "SELECT obligor_id FROM obligation WHERE id = %s"
OBLIGOR_KIND = "SELECT r.kind FROM obligation o JOIN obligor r ON r.id = o.obligor_id WHERE o.id = %s"

PAPERS = "SELECT paper_no, type, returned_on FROM withheld_paper WHERE obligation_id = %s ORDER BY paper_no"
RETURN_PAPERS = """
UPDATE withheld_paper SET returned_on = %s WHERE obligation_id = %s AND returned_on IS NULL
"""

# Fines whose history says more than their row, for `verify`.
FINES_WITH_HISTORY = """
SELECT o.id, o.state, o.currency FROM obligation o JOIN fine_decision f ON f.obligation_id = o.id
WHERE f.versions > 1 OR f.events > 0 ORDER BY o.id
"""

# The same of many fines, with the fine first.
VERSIONS_OF = """
SELECT obligation_id, version_no, kind, decision_no, document_key, decided_on, effective_on, amount, served_on,
       served_method, written_term_days, due_on, recorded_at
FROM fine_version WHERE obligation_id = ANY(%s) ORDER BY obligation_id, version_no
"""
EVENTS_OF = """
SELECT obligation_id, event_no, kind, on_date, ref, shelter_kind, principal, surcharge, order_id, instalment_no,
       recorded_at
FROM fine_event WHERE obligation_id = ANY(%s) ORDER BY obligation_id, event_no
"""
PLANS_OF = """
SELECT obligation_id, p.decision_ref, p.granted_on, p.counted_from, p.obligor_kind, p.total, p.turn,
       array_agg(i.instalment_no ORDER BY i.instalment_no), array_agg(i.due_on ORDER BY i.instalment_no),
       array_agg(i.amount ORDER BY i.instalment_no)
FROM instalment_plan p JOIN instalment i USING (obligation_id, decision_ref)
WHERE obligation_id = ANY(%s)
GROUP BY obligation_id, p.decision_ref, p.granted_on, p.counted_from, p.obligor_kind, p.total, p.turn, p.recorded_at
ORDER BY p.recorded_at, p.decision_ref
"""

# A fine to which nothing happened is open.
STRAYED_PLAIN = """
SELECT o.id, o.state, 'open' FROM obligation o JOIN fine_decision f ON f.obligation_id = o.id
WHERE f.versions = 1 AND f.events = 0 AND o.state <> 'open'
"""
