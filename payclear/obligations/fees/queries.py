"""Every statement of fees: the dossier, what explains its lines, other prices set by hand, the quarantine."""

INSERT_DOSSIER = """
INSERT INTO dossier (obligation_id, dossier_code, procedure_code, filed_on, code_raw, code_on, procedure_raw, priced_by,
                     channel, unused_claim, exemption_reason, exemption_basis, contents_digest)
VALUES (%(id)s, %(dossier_code)s, %(procedure_code)s, %(filed_on)s, %(code_raw)s, %(code_on)s, %(procedure_raw)s,
        %(priced_by)s, %(channel)s, %(unused_claim)s, %(exemption_reason)s, %(exemption_basis)s, %(digest)s)
"""

INSERT_FEE_LINES = """
INSERT INTO fee_line (obligation_id, line_no, item_code, rule_id, legal_basis, quantity, years, declared_value,
                      full_amount, priced_amount, discount_numerator, discount_denominator, rounding_mode, rounding_unit,
                      payer_class, evidence_ref, locality, collecting_agency)
SELECT %s, line_no, item_code, rule_id, legal_basis, quantity, years, declared_value, full_amount, priced_amount,
       discount_numerator, discount_denominator, rounding_mode, rounding_unit, payer_class, evidence_ref, locality,
       collecting_agency
FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::bigint[], %s::text[], %s::int[], %s::text[], %s::text[], %s::text[], %s::text[])
     WITH ORDINALITY
     AS line (item_code, rule_id, legal_basis, quantity, years, declared_value, full_amount, priced_amount,
              discount_numerator, discount_denominator, rounding_mode, rounding_unit, payer_class, evidence_ref,
              locality, collecting_agency, line_no)
"""

DIGEST = "SELECT contents_digest, code_raw FROM dossier WHERE obligation_id = %s"

DOSSIERS = """
SELECT obligation_id, code_raw, code_on, procedure_code, procedure_raw, filed_on, priced_by, channel, unused_claim,
       exemption_reason, exemption_basis
FROM dossier WHERE obligation_id = ANY(%s) ORDER BY obligation_id
"""

PROCEDURES_OF = "SELECT obligation_id, procedure_code FROM dossier WHERE obligation_id = ANY(%s)"

# How the dossier `d` is collected on a day: by what is in force before what has ended, by the row of its own code before
# that of the local or national procedure within it.
COLLECTION_OF_DOSSIER = """
SELECT p.collection_mode, p.collection_timing FROM procedure p
WHERE (p.code IN (d.procedure_code, regexp_replace(d.procedure_code, '[.]01$', ''), substr(d.procedure_code, 1, 8))
       OR p.online_service_code = d.procedure_code)
  AND p.valid_from <= %(on)s AND (p.valid_to IS NULL OR p.valid_to >= p.valid_from)
ORDER BY (p.valid_to IS NULL OR p.valid_to >= %(on)s) DESC,
         coalesce(d.procedure_code IN (p.code, p.online_service_code), false) DESC, length(p.code) DESC,
         p.valid_from DESC, p.id
LIMIT 1
"""
COLLECTIONS = f"""
SELECT d.obligation_id, c.collection_mode, c.collection_timing
FROM dossier d CROSS JOIN LATERAL ({COLLECTION_OF_DOSSIER}) AS c
WHERE d.obligation_id = ANY((SELECT %(ids)s::uuid[])::uuid[])
"""

FEE_LINES = """
SELECT obligation_id, line_no, item_code, rule_id, legal_basis, quantity, years, declared_value, full_amount,
       priced_amount, discount_numerator, discount_denominator, payer_class, evidence_ref, locality, collecting_agency
FROM fee_line WHERE obligation_id = ANY(%s) ORDER BY obligation_id, line_no
"""

OVERRIDES_OF = """
SELECT obligation_id, line_no, state, from_amount, to_amount, reason
FROM fee_override WHERE obligation_id = ANY(%s) ORDER BY made_at, id
"""

_OVERRIDE = """
SELECT f.id, f.obligation_id, o.document_no, o.agency_code, f.line_no, l.name_vi, f.from_amount, f.to_amount, l.currency,
       f.reason, f.state, f.made_by, f.made_at, f.decided_by, f.decided_at, f.decided_note
FROM fee_override f
JOIN obligation o ON o.id = f.obligation_id
JOIN obligation_line l ON l.obligation_id = f.obligation_id AND l.line_no = f.line_no
"""
OVERRIDES = _OVERRIDE + "ORDER BY (f.state <> 'proposed'), f.made_at DESC, f.id LIMIT %s"
OVERRIDE = _OVERRIDE + "WHERE f.id = %s"

# The obligation's row guards its lines and their overrides; orders take the same lock before they collect it.
LOCK_OBLIGATION = "SELECT kind, state, version FROM obligation WHERE id = %s FOR NO KEY UPDATE"

LINE_AMOUNT = "SELECT amount, currency FROM obligation_line WHERE obligation_id = %s AND line_no = %s"

INSERT_OVERRIDE = """
INSERT INTO fee_override (id, obligation_id, line_no, from_amount, to_amount, reason, state, made_by, made_at)
VALUES (%(id)s, %(obligation_id)s, %(line_no)s, %(from_amount)s, %(to_amount)s, %(reason)s, 'proposed', %(by)s, %(at)s)
"""

DECIDE_OVERRIDE = """
UPDATE fee_override SET state = %(state)s, decided_by = %(by)s, decided_at = %(at)s, decided_note = %(note)s
WHERE id = %(id)s
"""

SET_LINE = (
    "UPDATE obligation_line SET amount = %(amount)s WHERE obligation_id = %(id)s AND line_no = %(line_no)s"
)

SET_PRINCIPAL = """
UPDATE obligation SET principal = (SELECT sum(amount) FROM obligation_line WHERE obligation_id = %(id)s)
WHERE id = %(id)s RETURNING principal
"""

EXPLAIN_EXEMPTION = """
UPDATE dossier SET exemption_reason = %(reason)s, exemption_basis = %(basis)s WHERE obligation_id = %(id)s
"""

FIND_QUARANTINED = """
SELECT id, portal_code, agency_code, code_raw, code_key, reason, state, contents_digest, obligation_id, received_at,
       decided_by, decided_at, decided_note
FROM dossier_quarantine
"""
QUARANTINED_AS = FIND_QUARANTINED + "WHERE portal_code = %s AND agency_code = %s AND code_key = %s"
QUARANTINED = FIND_QUARANTINED + "WHERE id = %s"
QUARANTINE_LIST = FIND_QUARANTINED + "ORDER BY (state <> 'waiting'), received_at DESC, id LIMIT %s"
# Oldest first; they are few, because each waits for a person.
WAITING = """
SELECT id, portal_code, agency_code, code_raw, received_at, data_key_id, kek_id, wrapped_key, command_sealed
FROM dossier_quarantine WHERE state = 'waiting' ORDER BY received_at, id
"""
LOCK_QUARANTINED = "SELECT state, data_key_id, kek_id, wrapped_key, command_sealed FROM dossier_quarantine WHERE id = %s FOR UPDATE"

INSERT_QUARANTINED = """
INSERT INTO dossier_quarantine (id, portal_code, agency_code, code_raw, code_key, reason, state, contents_digest,
                                data_key_id, kek_id, wrapped_key, command_sealed, received_at)
VALUES (%(id)s, %(portal_code)s, %(agency_code)s, %(code_raw)s, %(code_key)s, %(reason)s, 'waiting', %(digest)s,
        %(data_key_id)s, %(kek_id)s, %(wrapped_key)s, %(command_sealed)s, %(at)s)
ON CONFLICT (portal_code, agency_code, code_key) DO NOTHING
"""

DECIDE_QUARANTINED = """
UPDATE dossier_quarantine
SET state = %(state)s, wrapped_key = NULL, command_sealed = NULL, obligation_id = %(obligation_id)s,
    decided_by = %(by)s, decided_at = %(at)s, decided_note = %(note)s
WHERE id = %(id)s
"""
