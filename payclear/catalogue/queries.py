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

BENEFICIARY = "SELECT name_vi, account_no, bank_bin, treasury_unit FROM beneficiary_account WHERE code = %s"

AGENCY_ON = """
SELECT 1 FROM agency WHERE code = %s AND valid_from <= %s AND (valid_to IS NULL OR valid_to >= %s)
"""

AGENCY_NAMES = "SELECT code, name_vi, name_en FROM agency WHERE code = ANY(%s)"

_RULE = """
SELECT code, valid_from, valid_to, rank, effect, provider_account, method, kind, agency_code, amount_from, amount_to,
       payer_fee_above, health, cut_off_within_minutes, day, time_from, time_to, reason_vi, reason_en, legal_basis
FROM routing_rule
"""
RULES = _RULE + "ORDER BY rank, code, valid_from"
RULES_ON = _RULE + (
    "WHERE valid_from <= %(on)s AND (valid_to IS NULL OR valid_to >= %(on)s) ORDER BY rank, code, valid_from"
)

_PROGRAMME = """
SELECT code, valid_from, valid_to, provider_account, kind, agency_code, borne_by, fixed, per_million, fee_min, fee_max,
       vat_inclusive, vat_per_mille, legal_basis
FROM service_fee_programme
"""
PROGRAMMES = _PROGRAMME + "ORDER BY provider_account, code, valid_from"
PROGRAMMES_ON = _PROGRAMME + (
    "WHERE valid_from <= %(on)s AND (valid_to IS NULL OR valid_to >= %(on)s)"
    " ORDER BY provider_account, code, valid_from"
)

AGENCY_CODES = "SELECT code FROM agency ORDER BY code"

DAYS_ON = "SELECT institution, kind, name_vi FROM calendar_day WHERE on_date = %s"
