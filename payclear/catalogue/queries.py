"""Every statement that reads reference data in force on a day."""

CALENDAR = "SELECT on_date, kind, name_vi, institution FROM calendar_day WHERE institution IN ('', %s)"

MISSING_ACCOUNTS = """
SELECT wanted.code FROM unnest(%s::text[]) AS wanted (code)
WHERE NOT EXISTS (
    SELECT 1 FROM beneficiary_account b
    WHERE b.code = wanted.code AND b.valid_from <= %s AND (b.valid_to IS NULL OR b.valid_to >= %s)
)
"""

BENEFICIARY = "SELECT name_vi, account_no, bank_bin, treasury_unit FROM beneficiary_account WHERE code = %s"

MISSING_BUDGET_CODES = """
SELECT asked.kind, asked.code FROM unnest(%s::text[], %s::text[]) AS asked (kind, code)
WHERE NOT EXISTS (SELECT 1 FROM budget_code b WHERE b.kind = asked.kind AND b.code = asked.code
                  AND b.valid_from <= %s AND (b.valid_to IS NULL OR b.valid_to >= %s))
"""

AGENCY_ON = """
SELECT 1 FROM agency WHERE code = %s AND valid_from <= %s AND (valid_to IS NULL OR valid_to >= %s)
"""

# What the agency `a` is called on the day `named_on`; one that is no more keeps its last name. For statements of features above.
AGENCY_NAME_VI, AGENCY_NAME_EN = "coalesce(named.name_vi, a.name_vi)", "coalesce(named.name_en, a.name_en)"
AGENCY_NAMED = """
LEFT JOIN LATERAL (
    SELECT p.name_vi, p.name_en FROM agency_place p
    WHERE p.agency_code = a.code AND p.valid_from <= %(named_on)s AND (p.valid_to IS NULL OR p.valid_to >= p.valid_from)
    ORDER BY p.valid_from DESC LIMIT 1
) AS named ON true
"""
AGENCY_NAMES = f"""
SELECT a.code, {AGENCY_NAME_VI}, {AGENCY_NAME_EN} FROM agency a {AGENCY_NAMED}
WHERE a.code = ANY((SELECT %(codes)s::text[])::text[])
"""

_RULE = """
SELECT code, valid_from, valid_to, rank, effect, provider_account, method, kind, agency_code, portal_code,
       procedure_code, amount_from, amount_to, payer_fee_above, health, cut_off_within_minutes, day, time_from, time_to,
       reason_vi, reason_en, legal_basis
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

# The latest period of a code says which national procedure it stands for.
PROCEDURE_CODES = """
SELECT named.code, named.national_code
FROM (SELECT code, coalesce(national_code, code) AS national_code, valid_from, id FROM procedure
      UNION SELECT online_service_code, coalesce(national_code, code), valid_from, id FROM procedure
      WHERE online_service_code IS NOT NULL) AS named
ORDER BY named.valid_from, named.id
"""

DAYS_ON = "SELECT institution, kind, name_vi FROM calendar_day WHERE on_date = %s"

# A row whose last day is before its first was withdrawn before it came into force: it is in force on no day.
_STANDS = "(valid_to IS NULL OR valid_to >= valid_from)"
_ON = "valid_from <= %(on)s AND (valid_to IS NULL OR valid_to >= %(on)s)"

PROCEDURES = f"""
SELECT id, code, coalesce(national_code, code) AS national_code, online_service_code, agency_code, name_vi,
       collection_mode, collection_timing, has_state_fee, valid_from, valid_to, legal_basis
FROM procedure WHERE (code = %(code)s OR online_service_code = %(code)s) AND {_STANDS}
ORDER BY valid_from, id
"""

TARIFFS = f"""
SELECT id, procedure_code, item_code, name_vi, type, basis, amount, rate, least, most, discount, payer_class, channel,
       agency_code, is_optional, rounding_mode, rounding_unit, valid_from, valid_to, legal_basis
FROM tariff WHERE procedure_code = %(procedure_code)s AND {_STANDS}
ORDER BY item_code, valid_from, id
"""

# An agency that stands below itself by mistake ends the path; it is no endless one.
_PATH = """
WITH RECURSIVE path AS (
    SELECT %(agency_code)s::text AS code, 1 AS place, ARRAY[%(agency_code)s::text] AS seen
    UNION ALL
    SELECT a.parent_code, path.place + 1, path.seen || a.parent_code
    FROM path JOIN agency_place a ON a.agency_code = path.code
    WHERE a.parent_code IS NOT NULL AND a.parent_code <> ALL (path.seen)
      AND a.valid_from <= %(on)s AND (a.valid_to IS NULL OR a.valid_to >= %(on)s)
)
"""
AGENCY_PATH = _PATH + "SELECT code FROM path ORDER BY place"

ACCOUNTS_OF = f"""{_PATH}
SELECT b.code, b.kind,
       b.agency_code IN (SELECT code FROM path)
       OR EXISTS (SELECT 1 FROM service_account
                  WHERE beneficiary_account = b.code AND {_ON}
                    AND (agency_code IS NULL OR agency_code IN (SELECT code FROM path)))
FROM beneficiary_account b WHERE b.code = ANY(%(codes)s) AND {_ON}
"""

SERVICE_ACCOUNTS = f"""
SELECT coalesce(item_code, ''), beneficiary_account, coalesce(chapter, ''), coalesce(sub_item, ''),
       coalesce(locality, ''), coalesce(collecting_agency, '')
FROM service_account
WHERE (agency_code IS NULL OR agency_code = ANY(%(path)s))
  AND (procedure_code IS NULL OR procedure_code = %(procedure_code)s) AND {_ON}
ORDER BY array_position(%(path)s::text[], agency_code) NULLS LAST, procedure_code IS NULL, id
"""

PARAMETERS = f"""
SELECT id, kind, code, valid_from, valid_to, legal_basis, value
FROM legal_parameter WHERE kind = %(kind)s AND {_STANDS}
ORDER BY code, valid_from, id
"""

# Triggers refuse to rewrite the past by the same day that the service goes by.
SET_TODAY = "SELECT set_config('payclear.today', %s, true)"
