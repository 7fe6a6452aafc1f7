"""INV-08: every history is a path in the declared graph, version by version, and ends where its object stands. Read-only."""

from typing import Any

from payclear.catalogue.domain import CHANGE_STATES
from payclear.contract.modules import Check
from payclear.db.uow import UnitOfWork
from payclear.kernel.states import StateTable
from payclear.obligations.domain import OBLIGATION_STATES
from payclear.orders.domain import ATTEMPT_STATES, ORDER_STATES
from payclear.refunds.domain import REFUND_STATES

_HISTORY_OF_ORDERS = """
SELECT object_id AS id, version, from_state, event, to_state FROM order_transition WHERE object = '{kind}'
"""
_HISTORIES = (
    (ORDER_STATES, _HISTORY_OF_ORDERS.format(kind="order"), "SELECT id, state, version FROM payment_order"),
    (
        ATTEMPT_STATES,
        _HISTORY_OF_ORDERS.format(kind="attempt"),
        "SELECT id, state, version FROM payment_attempt",
    ),
    (
        OBLIGATION_STATES,
        "SELECT obligation_id AS id, version, from_state, event, to_state FROM obligation_transition",
        "SELECT id, state, version FROM obligation",
    ),
    (
        REFUND_STATES,
        "SELECT refund_id AS id, version, from_state, event, to_state FROM refund_transition",
        "SELECT id, state, version FROM refund",
    ),
    (
        CHANGE_STATES,
        "SELECT change_id AS id, version, from_state, event, to_state FROM catalogue_change_transition",
        "SELECT id, state, version FROM catalogue_change",
    ),
)

# A step that does not continue the one before, is no edge of the graph, or a last step that is not the object's state.
_BROKEN = """
WITH history AS ({history}), step AS (
    SELECT history.*, lag(to_state) OVER w AS before, lag(version) OVER w AS version_before,
           row_number() OVER w AS place
    FROM history WINDOW w AS (PARTITION BY id ORDER BY version)
), edge AS (
    SELECT * FROM unnest(%(froms)s::text[], %(events)s::text[], %(tos)s::text[]) AS e (from_state, event, to_state)
), last_step AS (
    SELECT DISTINCT ON (id) id, version, to_state FROM history ORDER BY id, version DESC
), object AS ({objects})
SELECT step.id::text AS object, step.version, 'not a step of the graph' AS fault FROM step
WHERE place > 1 AND NOT EXISTS (
    SELECT 1 FROM edge WHERE (edge.from_state, edge.event, edge.to_state) = (step.from_state, step.event, step.to_state))
UNION ALL
SELECT step.id::text, step.version, 'does not continue the step before' FROM step
WHERE (place = 1 AND (step.version <> 1 OR step.from_state IS NOT NULL OR step.to_state <> %(initial)s))
   OR (place > 1 AND (step.from_state IS DISTINCT FROM step.before OR step.version <> step.version_before + 1))
UNION ALL
SELECT coalesce(object.id, last_step.id)::text, object.version, 'history does not end in the state'
FROM object FULL JOIN last_step ON last_step.id = object.id
WHERE (object.state, object.version) IS DISTINCT FROM (last_step.to_state, last_step.version)
"""


def find_broken_histories(uow: UnitOfWork) -> list[dict[str, Any]]:
    """Steps of any history that the state tables do not allow."""
    offenders: list[dict[str, Any]] = []
    for table, history, objects in _HISTORIES:
        sql = _BROKEN.format(history=history, objects=objects)
        for object_id, version, fault in uow.run(sql, _edges(table)):
            offenders.append({"kind": table.name, "object": object_id, "version": version, "fault": fault})
    return offenders


def _edges(table: StateTable) -> dict[str, Any]:
    pairs = list(table.transitions.items())
    return {
        "froms": [state for (state, _event), _to in pairs],
        "events": [event for (_state, event), _to in pairs],
        "tos": [to for _pair, to in pairs],
        "initial": table.initial,
    }


HISTORY_CHECKS = (
    Check(
        id="INV-08",
        title="Every history is a path in the declared graph and ends where its object stands",
        find=find_broken_histories,
    ),
)
