"""The invariants of portals' activation for `payclear verify`. Read-only; no row means that they hold."""

from typing import Any

from payclear.contract.modules import Check
from payclear.db.uow import UnitOfWork
from payclear.identity.domain import PORTAL_STATES

_BROKEN = """
WITH step AS (
    SELECT a.*, lag(to_state) OVER w AS before, row_number() OVER w AS place,
           lag(recorded_at) OVER w AS recorded_before
    FROM portal_activation a WINDOW w AS (PARTITION BY portal_code ORDER BY version)
), edge AS (
    SELECT * FROM unnest(%(froms)s::text[], %(events)s::text[], %(tos)s::text[]) AS e (from_state, event, to_state)
), last_step AS (
    SELECT DISTINCT ON (portal_code) portal_code, version, to_state
    FROM portal_activation ORDER BY portal_code, version DESC
)
SELECT portal_code AS portal, version, 'a step is missing before it' AS fault FROM step
WHERE version <> place OR from_state IS DISTINCT FROM before OR (place = 1 AND to_state <> %(initial)s)
   OR recorded_at < recorded_before
UNION ALL
SELECT portal_code, version, 'not a step of the graph' FROM step
WHERE place > 1 AND NOT EXISTS (
    SELECT 1 FROM edge WHERE (edge.from_state, edge.event, edge.to_state) = (step.from_state, step.event, step.to_state))
UNION ALL
SELECT p.code, p.version, 'history does not end in the state'
FROM portal p LEFT JOIN last_step l ON l.portal_code = p.code
WHERE (p.state, p.version) IS DISTINCT FROM (l.to_state, l.version)
"""


def find_broken_activations(uow: UnitOfWork) -> list[dict[str, Any]]:
    """Portals whose history has a gap, a step that is none, or another end than their state."""
    pairs = list(PORTAL_STATES.transitions.items())
    values = {
        "froms": [state for (state, _event), _to in pairs],
        "events": [event for (_state, event), _to in pairs],
        "tos": [to for _pair, to in pairs],
        "initial": PORTAL_STATES.initial,
    }
    return [
        {"portal": portal, "version": version, "fault": fault}
        for portal, version, fault in uow.run(_BROKEN, values)
    ]


CHECKS = (
    Check(
        id="INV-78",
        title="A portal's activation history has no gap, and ends where the portal stands",
        find=find_broken_activations,
    ),
)
