"""Every statement of insurance contributions and of the notices of other kinds. None is on the path of another kind."""

INSERT_NOTICE = """
INSERT INTO contribution_notice (obligation_id, from_on, to_on, months, income) VALUES (%s, %s, %s, %s, %s)
"""

INSERT_MEMBERS = """
INSERT INTO contribution_member (obligation_id, place, ref, obligor_id, categories, covered_through, months_supported)
SELECT %s, place, ref, obligor_id, string_to_array(categories, ','), covered_through, months_supported
FROM unnest(%s::int[], %s::text[], %s::uuid[], %s::text[], %s::date[], %s::int[])
     AS m (place, ref, obligor_id, categories, covered_through, months_supported)
"""

NOTICE = "SELECT from_on, to_on, months, income FROM contribution_notice WHERE obligation_id = %s"

MEMBERS = """
SELECT m.place, m.ref, m.categories, m.covered_through, m.months_supported, m.obligor_id, f.index AS code_index
FROM contribution_member m
LEFT JOIN obligor_field f ON f.obligor_id = m.obligor_id AND f.field = 'insurance_code'
WHERE m.obligation_id = %s ORDER BY m.place
"""

# Whoever prices or orders months of a person waits for others who do: one lock for each person, in one order.
LOCK_PEOPLE = """
SELECT pg_advisory_xact_lock(hashtextextended('contribution:' || encode(code, 'hex'), 0))
FROM (SELECT DISTINCT f.index AS code FROM contribution_member m
      JOIN obligor_field f ON f.obligor_id = m.obligor_id AND f.field = 'insurance_code'
      WHERE m.obligation_id = ANY(%s) ORDER BY f.index) people
"""

# The members of a notice whose months another notice that is still to be paid asks for as well.
ASKED_TWICE = """
SELECT m.ref
FROM contribution_member m
JOIN contribution_notice n ON n.obligation_id = m.obligation_id
JOIN obligation o ON o.id = n.obligation_id
JOIN obligor_field f ON f.obligor_id = m.obligor_id AND f.field = 'insurance_code'
JOIN obligor_field g ON g.field = f.field AND g.index = f.index
JOIN contribution_member other ON other.obligor_id = g.obligor_id AND other.obligation_id <> m.obligation_id
JOIN contribution_notice theirs ON theirs.obligation_id = other.obligation_id
JOIN obligation open ON open.id = other.obligation_id
WHERE m.obligation_id = ANY(%s) AND open.kind = o.kind AND open.state IN ('open', 'partially_paid')
  AND greatest(n.from_on, m.covered_through + 1) <= n.to_on
  AND greatest(theirs.from_on, other.covered_through + 1) <= theirs.to_on
  AND greatest(n.from_on, m.covered_through + 1) <= theirs.to_on
  AND greatest(theirs.from_on, other.covered_through + 1) <= n.to_on
ORDER BY m.place LIMIT 1
"""

# The days that other notices of the same people have paid for, as it stood at an instant.
COVERS = """
SELECT f.index AS code_index, c.from_on, c.to_on
FROM contribution_member m
JOIN obligation o ON o.id = m.obligation_id
JOIN obligor_field f ON f.obligor_id = m.obligor_id AND f.field = 'insurance_code'
JOIN obligor_field g ON g.field = f.field AND g.index = f.index
JOIN contribution_member other ON other.obligor_id = g.obligor_id AND other.obligation_id <> m.obligation_id
JOIN obligation paid ON paid.id = other.obligation_id AND paid.kind = o.kind
JOIN contribution_cover c ON (c.obligation_id, c.place) = (other.obligation_id, other.place)
WHERE m.obligation_id = %(obligation_id)s AND c.from_on <= %(to_on)s AND c.to_on >= %(from_on)s
  AND c.written_at < %(until)s AND (c.taken_back_at IS NULL OR c.taken_back_at >= %(until)s)
ORDER BY c.from_on, c.to_on
"""

INSURANCE_ACCOUNT = "SELECT 1 FROM beneficiary_account WHERE code = %s AND kind = 'insurance' LIMIT 1"

KEEP_QUOTES = """
INSERT INTO contribution_quote (order_id, obligation_id, place, quoted_on, months, from_on, to_on, monthly_amount,
                                own_amount, state_amount, currency, rule_ids, legal_basis)
SELECT %s, obligation_id, place, quoted_on, months, from_on, to_on, monthly_amount, own_amount, state_amount, currency,
       rule_ids, legal_basis
FROM jsonb_to_recordset(%s) AS q (obligation_id uuid, place int, quoted_on date, months int, from_on date, to_on date,
                                  monthly_amount bigint, own_amount bigint, state_amount bigint, currency text,
                                  rule_ids text[], legal_basis text[])
"""

WRITE_COVERS = """
INSERT INTO contribution_cover (order_id, obligation_id, place, from_on, to_on, written_at)
SELECT order_id, obligation_id, place, from_on, to_on, %(at)s FROM contribution_quote
WHERE order_id = %(order_id)s AND months > 0
ON CONFLICT DO NOTHING
"""

TAKE_COVERS_BACK = """
UPDATE contribution_cover SET taken_back_at = %(at)s WHERE order_id = %(order_id)s AND taken_back_at IS NULL
"""

# What a paid notice was paid for, while its payment stands.
PAID_FOR = """
SELECT m.ref, q.months, q.from_on, q.to_on, q.monthly_amount, q.own_amount, q.state_amount, q.currency, q.rule_ids,
       q.legal_basis
FROM contribution_quote q JOIN contribution_member m ON (m.obligation_id, m.place) = (q.obligation_id, q.place)
WHERE q.obligation_id = %s AND q.order_id IN (
    SELECT order_id FROM contribution_cover WHERE obligation_id = q.obligation_id AND taken_back_at IS NULL
) ORDER BY q.place
"""

INSERT_OTHER_NOTICE = "INSERT INTO notice (obligation_id, due_on, legal_basis) VALUES (%s, %s, %s)"

OTHER_NOTICE = "SELECT due_on, legal_basis FROM notice WHERE obligation_id = %s"
