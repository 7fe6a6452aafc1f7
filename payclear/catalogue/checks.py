"""The invariants of the catalogue for `payclear verify`. Read-only."""

from payclear.catalogue.tables import TABLES, TableSpec
from payclear.contract.modules import Check


def _overlapping(spec: TableSpec) -> str:
    same = " AND ".join(f"a.{name} IS NOT DISTINCT FROM b.{name}" for name in spec.natural_key)
    return f"""
    SELECT '{spec.name}' AS table_name, a.id AS one, b.id AS other FROM {spec.name} a JOIN {spec.name} b ON a.id < b.id AND {same}
    WHERE a.valid_from <= coalesce(b.valid_to, 'infinity') AND b.valid_from <= coalesce(a.valid_to, 'infinity')
      AND coalesce(a.valid_to, 'infinity') >= a.valid_from AND coalesce(b.valid_to, 'infinity') >= b.valid_from
    UNION ALL
    SELECT '{spec.name}', 'trigger', 'missing or off' WHERE (
        SELECT count(*) FROM pg_trigger WHERE tgrelid = '{spec.name}'::regclass AND tgenabled = 'O'
        AND tgfoid IN ('refuse_overlap'::regproc, 'refuse_rewriting'::regproc)) < 2
    """


def _not_as_approved(spec: TableSpec) -> str:
    identity = " || '@' || ".join(f"t.{name}::text" for name in spec.identity)
    as_approved = "(SELECT jsonb_object_agg(k, to_jsonb(t) -> k) FROM jsonb_object_keys(l.after) k)"
    return f"""
    SELECT l.change_id::text AS change, l.table_name, l.row_id FROM latest l LEFT JOIN {spec.name} t ON {identity} = l.row_id
    WHERE l.table_name = '{spec.name}' AND {as_approved} IS DISTINCT FROM l.after
    """


CHECKS = (
    Check(
        id="INV-60",
        title="Periods of one case never overlap in the catalogue, and triggers refuse it",
        sql=" UNION ALL ".join(_overlapping(spec) for spec in TABLES.values() if spec.natural_key),
    ),
    Check(
        id="INV-61",
        title="Every row of an approved change of the catalogue stands as it was approved",
        sql="""
        WITH latest AS (
            SELECT DISTINCT ON (r.table_name, r.row_id) r.* FROM catalogue_change_row r
            JOIN catalogue_change c ON c.id = r.change_id WHERE c.state = 'approved'
            ORDER BY r.table_name, r.row_id, c.checked_at DESC, c.id DESC
        )
        """
        + " UNION ALL ".join(_not_as_approved(spec) for spec in TABLES.values()),
    ),
    Check(
        id="INV-62",
        title="Every change of the catalogue that was decided was decided by a second person",
        sql="""
        SELECT c.id::text AS change, c.state, c.made_by, c.checked_by FROM catalogue_change c
        WHERE c.state IN ('approved', 'rejected') AND (c.checked_by IS NULL OR c.checked_by = c.made_by)
           OR EXISTS (SELECT 1 FROM catalogue_change_transition t WHERE t.change_id = c.id
                      AND t.event IN ('approve', 'reject') AND t.actor = c.made_by)
        UNION ALL
        SELECT 'constraint', 'missing', '', '' WHERE NOT EXISTS (
            SELECT 1 FROM pg_constraint WHERE conname = 'ck_catalogue_change_two_people')
        """,
    ),
)
