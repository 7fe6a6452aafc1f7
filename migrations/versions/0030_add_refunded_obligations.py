"""Add obligations whose money was given back, and the proof of what was paid elsewhere.

Revision ID: 0030
Revises: 0029
"""

from alembic import op

revision = "0030"
down_revision = "0029"

STATEMENTS = """
ALTER TABLE obligation DROP CONSTRAINT ck_obligation_state_known;
ALTER TABLE obligation ADD CONSTRAINT ck_obligation_state_known
    CHECK (state IN ('open', 'partially_paid', 'paid', 'exempted', 'paid_elsewhere', 'cancelled', 'refunded'));
DROP INDEX uq_obligation_document;
CREATE UNIQUE INDEX uq_obligation_document ON obligation (kind, agency_code, document_key)
    WHERE kind <> 'traffic_fine' AND state NOT IN ('cancelled', 'refunded');

CREATE TABLE paid_elsewhere (
    obligation_id UUID NOT NULL,
    version INTEGER NOT NULL,
    proof_ref TEXT NOT NULL,
    paid_on DATE NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_by TEXT NOT NULL,
    CONSTRAINT pk_paid_elsewhere PRIMARY KEY (obligation_id, version),
    CONSTRAINT fk_paid_elsewhere_obligation_id_version FOREIGN KEY(obligation_id, version)
        REFERENCES obligation_transition (obligation_id, version)
);
CREATE TRIGGER paid_elsewhere_append_only BEFORE UPDATE OR DELETE ON paid_elsewhere FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER paid_elsewhere_no_truncate BEFORE TRUNCATE ON paid_elsewhere FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON paid_elsewhere TO payclear_app;

-- What was given back whole before this state was known.
CREATE TEMPORARY TABLE given_back_whole ON COMMIT DROP AS
SELECT l.order_id, l.obligation_id, b.version + 1 AS version, g.last_at
FROM payment_order_obligation l
JOIN obligation b ON b.id = l.obligation_id AND b.kind <> 'traffic_fine' AND b.state = 'paid'
JOIN payment_order o ON o.id = l.order_id AND o.state = 'paid'
JOIN (
    SELECT r.order_id, sum(r.amount) AS amount, max(r.decided_at) AS last_at
    FROM refund r JOIN payment_attempt a ON a.id = r.attempt_id AND a.state = 'succeeded'
    WHERE r.state = 'done' GROUP BY r.order_id
) g ON g.order_id = l.order_id
WHERE l.amount > 0 AND l.is_live AND g.amount - (
    SELECT coalesce(sum(e.principal + e.surcharge), 0) FROM fine_event e
    WHERE e.order_id = l.order_id AND e.kind = 'refunded' AND NOT (e.ref <> '' AND e.instalment_no IS NULL)
) >= (
    SELECT sum(w.amount) FROM payment_order_obligation w JOIN obligation v ON v.id = w.obligation_id
    WHERE w.order_id = l.order_id AND v.kind <> 'traffic_fine'
);
INSERT INTO obligation_transition (obligation_id, version, from_state, event, to_state, order_id, recorded_at)
SELECT obligation_id, version, 'paid', 'refunded', 'refunded', order_id, last_at FROM given_back_whole;
UPDATE obligation b SET state = 'refunded', version = w.version FROM given_back_whole w WHERE b.id = w.obligation_id;
UPDATE payment_order_obligation l SET is_live = false FROM given_back_whole w
WHERE (l.order_id, l.obligation_id) = (w.order_id, w.obligation_id);
UPDATE contribution_cover c SET taken_back_at = w.last_at FROM given_back_whole w
WHERE (c.order_id, c.obligation_id) = (w.order_id, w.obligation_id) AND c.taken_back_at IS NULL;
"""

BACK = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM paid_elsewhere) OR EXISTS (SELECT 1 FROM obligation WHERE state = 'refunded') THEN
        RAISE EXCEPTION 'obligations were refunded or paid elsewhere: the older schema can not tell it';
    END IF;
END $$;
DROP TABLE paid_elsewhere;
DROP INDEX uq_obligation_document;
CREATE UNIQUE INDEX uq_obligation_document ON obligation (kind, agency_code, document_key)
    WHERE kind <> 'traffic_fine' AND state <> 'cancelled';
ALTER TABLE obligation DROP CONSTRAINT ck_obligation_state_known;
ALTER TABLE obligation ADD CONSTRAINT ck_obligation_state_known
    CHECK (state IN ('open', 'partially_paid', 'paid', 'exempted', 'paid_elsewhere', 'cancelled'));
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(BACK)
