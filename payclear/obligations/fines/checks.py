"""What must always be true of fines; `verify` runs these read-only."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

from payclear.contract.modules import Check
from payclear.db.uow import UnitOfWork
from payclear.kernel.clock import vietnam_date
from payclear.obligations.fines import queries as fine_queries
from payclear.obligations.fines.history import FineHistory, history_from
from payclear.obligations.fines.parameters import surcharge_rules
from payclear.obligations.rules.corrections import InvalidCorrection
from payclear.obligations.rules.surcharge import SurchargeRule

_AT_ONCE = 2000


def find_strayed_fines(uow: UnitOfWork) -> list[dict[str, Any]]:
    """Fines that do not stand where their history says."""
    offenders = [
        {"obligation": str(id_), "state": state, "must_be": must_be}
        for id_, state, must_be in uow.run(fine_queries.STRAYED_PLAIN)
    ]
    rules, today = surcharge_rules(uow), vietnam_date(uow.now)
    fines = uow.run(fine_queries.FINES_WITH_HISTORY).fetchall()
    for start in range(0, len(fines), _AT_ONCE):
        some = fines[start : start + _AT_ONCE]
        for id_, state, history in _histories(uow, some):
            must_be = _must_be(history, rules, today)
            if state != must_be:
                offenders.append({"obligation": str(id_), "state": state, "must_be": must_be})
    return offenders


def _must_be(history: FineHistory, rules: tuple[SurchargeRule, ...], today: date) -> str:
    """The state that a history means, or why it means none."""
    try:
        return history.state(rules, today=today).value
    except (InvalidCorrection, ValueError, LookupError) as error:
        return f"no history at all: {error}"


def _histories(
    uow: UnitOfWork, fines: list[tuple[UUID, str, str]]
) -> Iterator[tuple[UUID, str, FineHistory]]:
    ids = [id_ for id_, _state, _currency in fines]
    rows: list[dict[UUID, list[Any]]] = []
    for sql in (fine_queries.VERSIONS_OF, fine_queries.EVENTS_OF, fine_queries.PLANS_OF):
        found: dict[UUID, list[Any]] = defaultdict(list)
        for id_, *columns in uow.run(sql, (ids,)):
            found[id_].append(columns)
        rows.append(found)
    versions, events, plans = rows
    for id_, state, currency in fines:
        yield id_, state, history_from(currency, versions[id_], events[id_], plans[id_])


CHECKS = (
    Check(
        id="INV-65",
        title="Every fine stands where its versions, events and plans say; only a paid one is claimed by a paid order",
        find=find_strayed_fines,
    ),
    Check(
        id="INV-65b",
        title="A paid order claims a fine only while the fine is paid, a reversed one never",
        sql="""
        SELECT o.order_ref, o.state, b.id::text AS obligation, b.state AS obligation_state
        FROM payment_order_obligation l
        JOIN payment_order o ON o.id = l.order_id JOIN obligation b ON b.id = l.obligation_id
        WHERE l.is_live AND b.kind = 'traffic_fine' AND (o.state = 'paid' AND b.state <> 'paid' OR o.state = 'reversed')
        """,
    ),
    Check(
        id="INV-66",
        title="What orders brought for fines is what the fines' events say, to the đồng; no more was given back",
        sql="""
        WITH collected AS (
            SELECT o.id AS order_id, o.order_ref, o.state, n.obligation_id,
                   coalesce(sum(n.amount) FILTER (WHERE n.type = 'fine'), 0) AS principal,
                   coalesce(sum(n.amount) FILTER (WHERE n.type = 'late_surcharge'), 0) AS surcharge
            FROM payment_order o JOIN payment_order_line n ON n.order_id = o.id
            WHERE o.state IN ('paid', 'reversed') AND n.type IN ('fine', 'late_surcharge')
            GROUP BY o.id, n.obligation_id HAVING sum(n.amount) > 0
        ), told AS (
            SELECT order_id, obligation_id, sum(principal) AS principal, sum(surcharge) AS surcharge
            FROM fine_event WHERE kind = 'paid' GROUP BY order_id, obligation_id
        )
        SELECT coalesce(c.order_id, t.order_id)::text AS order_id, coalesce(c.obligation_id, t.obligation_id)::text
               AS obligation, c.principal, t.principal AS told_principal, c.surcharge, t.surcharge AS told_surcharge
        FROM collected c FULL JOIN told t USING (order_id, obligation_id)
        WHERE (c.principal, c.surcharge) IS DISTINCT FROM (t.principal, t.surcharge)
        UNION ALL
        SELECT c.order_id::text, c.obligation_id::text, c.principal, NULL, c.surcharge, NULL FROM collected c
        WHERE (c.state = 'reversed') <> EXISTS (
            SELECT 1 FROM fine_event e WHERE e.order_id = c.order_id AND e.obligation_id = c.obligation_id
            AND e.kind = 'reversed')
        UNION ALL
        SELECT order_id::text, obligation_id::text, sum(principal) FILTER (WHERE kind = 'paid'),
               sum(principal) FILTER (WHERE kind = 'refunded'), sum(surcharge) FILTER (WHERE kind = 'paid'),
               sum(surcharge) FILTER (WHERE kind = 'refunded')
        FROM fine_event WHERE kind IN ('paid', 'refunded') GROUP BY order_id, obligation_id
        HAVING coalesce(sum(principal) FILTER (WHERE kind = 'refunded'), 0)
                > coalesce(sum(principal) FILTER (WHERE kind = 'paid'), 0)
            OR coalesce(sum(surcharge) FILTER (WHERE kind = 'refunded'), 0)
                > coalesce(sum(surcharge) FILTER (WHERE kind = 'paid'), 0)
        """,
    ),
    Check(
        id="INV-67",
        title="The instalments of a plan sum to its total, and the plan was granted by an event",
        sql="""
        SELECT p.obligation_id::text AS obligation, p.decision_ref, p.total, sum(i.amount) AS instalments
        FROM instalment_plan p LEFT JOIN instalment i USING (obligation_id, decision_ref)
        GROUP BY p.obligation_id, p.decision_ref HAVING sum(i.amount) IS DISTINCT FROM p.total
        UNION ALL
        SELECT p.obligation_id::text, p.decision_ref, p.total, NULL FROM instalment_plan p
        WHERE (SELECT count(*) FROM fine_event e WHERE e.obligation_id = p.obligation_id
               AND e.kind = 'plan_granted' AND e.ref = p.decision_ref) <> 1
        """,
    ),
    Check(
        id="INV-68",
        title="Versions and events of a fine run without a gap, the decision counts them and shows the newest term",
        sql="""
        SELECT f.obligation_id::text AS obligation, f.versions AS counted, count(v.version_no) AS kept, 'versions' AS fault
        FROM fine_decision f LEFT JOIN fine_version v USING (obligation_id)
        GROUP BY f.obligation_id HAVING f.versions <> count(v.version_no) OR f.versions <> coalesce(max(v.version_no), 0)
        UNION ALL
        SELECT f.obligation_id::text, f.events, count(e.event_no), 'events'
        FROM fine_decision f LEFT JOIN fine_event e USING (obligation_id)
        GROUP BY f.obligation_id HAVING f.events <> count(e.event_no) OR f.events <> coalesce(max(e.event_no), 0)
        UNION ALL
        SELECT o.id::text, f.versions, NULL, 'no fine decision' FROM obligation o
        LEFT JOIN fine_decision f ON f.obligation_id = o.id WHERE (o.kind = 'traffic_fine') <> (f.obligation_id IS NOT NULL)
        UNION ALL
        SELECT o.id::text, f.versions, v.version_no, 'first version is not what was registered'
        FROM obligation o JOIN fine_decision f ON f.obligation_id = o.id
        JOIN fine_version v ON v.obligation_id = o.id AND v.version_no = 1
        WHERE (v.amount, v.document_key, v.decided_on) IS DISTINCT FROM (o.principal, o.document_key, o.document_on)
        UNION ALL
        SELECT f.obligation_id::text, f.versions, NULL, 'not the newest term' FROM fine_decision f
        WHERE f.due_on IS DISTINCT FROM (
            SELECT v.due_on FROM fine_version v WHERE v.obligation_id = f.obligation_id AND v.due_on IS NOT NULL
            ORDER BY v.version_no DESC LIMIT 1)
        """,
    ),
    Check(
        id="INV-69",
        title="No order still promises what a later change of its decision has overtaken",
        sql="""
        WITH change AS (
            SELECT obligation_id, recorded_at, kind FROM fine_version WHERE version_no > 1
            UNION ALL
            SELECT obligation_id, recorded_at, kind FROM fine_event
            WHERE kind NOT IN ('paid', 'waived', 'reversed', 'refunded')
        )
        SELECT o.order_ref, c.kind, c.recorded_at::text AS changed_at, o.expires_at::text AS expires_at
        FROM change c JOIN payment_order_obligation l ON l.obligation_id = c.obligation_id
        JOIN payment_order o ON o.id = l.order_id
        WHERE o.state = 'open' AND o.created_at < c.recorded_at AND o.expires_at > c.recorded_at
        """,
    ),
)
