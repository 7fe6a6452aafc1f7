"""Every statement that reads reference data in force on a day."""

RATE_ON = """
SELECT numerator, denominator, legal_basis FROM rate
WHERE code = %s AND valid_from <= %s AND (valid_to IS NULL OR valid_to >= %s)
ORDER BY valid_from DESC LIMIT 1
"""

CALENDAR = "SELECT on_date, kind, name_vi, institution FROM calendar_day WHERE institution IN ('', %s)"

MISSING_ACCOUNTS = """
SELECT wanted.code FROM unnest(%s::text[]) AS wanted (code)
WHERE NOT EXISTS (
    SELECT 1 FROM beneficiary_account b
    WHERE b.code = wanted.code AND b.valid_from <= %s AND (b.valid_to IS NULL OR b.valid_to >= %s)
)
"""

AGENCY_ON = """
SELECT 1 FROM agency WHERE code = %s AND valid_from <= %s AND (valid_to IS NULL OR valid_to >= %s)
"""

AGENCY_NAMES = "SELECT code, name_vi, name_en FROM agency WHERE code = ANY(%s)"
