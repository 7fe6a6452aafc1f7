"""The invariants of personal data for `payclear verify` (INV-75 to INV-77). Read-only; no row means that they hold."""

from typing import Any

from payclear.contract.modules import Check
from payclear.db.uow import UnitOfWork
from payclear.privacy.keys import uses
from payclear.runtime import current

# A day whose key is not there can not be read: nobody decided so, or it would say when it was erased.
_DAYS_WITHOUT_KEY = """
SELECT kept.place, kept.sealed_on::text AS day_on FROM (
    SELECT DISTINCT 'inbound_callback' AS place, sealed_on FROM inbound_callback WHERE sealed_on IS NOT NULL
    UNION SELECT DISTINCT 'collection_message', sealed_on FROM collection_message WHERE sealed_on IS NOT NULL
) kept LEFT JOIN day_key k ON k.day_on = kept.sealed_on WHERE k.day_on IS NULL
"""

FORGOTTEN_IS_GONE = """
SELECT r.id::text AS obligor, 'something is left of the person' AS fault FROM obligor r
WHERE r.forgotten_at IS NOT NULL
  AND (num_nonnulls(r.wrapped_key, r.name_sealed, r.id_no_sealed, r.id_no_index) > 0
       OR EXISTS (SELECT 1 FROM obligor_field f WHERE f.obligor_id = r.id))
UNION ALL
SELECT r.id::text, 'forgotten, and nobody wrote down why' FROM obligor r
WHERE r.forgotten_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM subject_forgetting s WHERE s.obligor_id = r.id)
UNION ALL
SELECT s.obligor_id::text, 'forgotten on a request that nobody else confirmed' FROM subject_forgetting s
JOIN forgetting_request q ON q.id = s.request_id WHERE q.checker IS NULL OR s.forgotten_by <> q.maker
UNION ALL
SELECT s.obligor_id::text, 'was to be forgotten and is not' FROM subject_forgetting s JOIN obligor r ON r.id = s.obligor_id
WHERE r.forgotten_at IS NULL
"""

READS_ARE_AUDITED = """
SELECT p.id::text AS read, 'no audit entry says so' AS fault FROM personal_data_read p
WHERE NOT EXISTS (
    SELECT 1 FROM audit_entry a WHERE a.id = p.audit_entry_id AND a.action = 'personal_data.read'
    AND a.object_id = p.obligor_id::text AND a.actor = p.reader AND a.facts ->> 'purpose' = p.purpose)
UNION ALL
SELECT a.id::text, 'an audit entry of a read that is not kept' FROM audit_entry a
WHERE a.action = 'personal_data.read'
  AND NOT EXISTS (SELECT 1 FROM personal_data_read p WHERE p.audit_entry_id = a.id)
"""


def find_unreadable(uow: UnitOfWork) -> list[dict[str, Any]]:
    """Data keys that no key-encryption key of this process opens, per table, and days of messages without a key."""
    known = current().sealer.known
    unknown = [
        {"place": use.table, "fault": f"{use.rows} data keys are wrapped by {use.kek_id}, which is not known"}
        for use in uses(uow)
        if use.kek_id not in known
    ]
    days = [
        {"place": place, "fault": f"the key of {day_on} is not there"}
        for place, day_on in uow.run(_DAYS_WITHOUT_KEY)
    ]
    return unknown + days


CHECKS = (
    Check(id="INV-75", title="What is sealed can be read with the keys we hold", find=find_unreadable),
    Check(id="INV-76", title="Nothing is left of a person who was forgotten", sql=FORGOTTEN_IS_GONE),
    Check(
        id="INV-77",
        title="Each reading of a person in full is in the trail",
        sql=READS_ARE_AUDITED,
    ),
)
