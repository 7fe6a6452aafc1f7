"""Create the history of fines: versions, events and instalment plans.

Revision ID: 0021
Revises: 0020
"""

from alembic import op

revision = "0021"
down_revision = "0020"

# Decisions from before this step become their own first version; what was paid for them becomes their first event.
STATEMENTS = """
ALTER TABLE fine_decision ALTER COLUMN served_on DROP NOT NULL;
ALTER TABLE fine_decision ADD COLUMN written_term_days INTEGER;
ALTER TABLE fine_decision ADD COLUMN issuer_rank TEXT;
ALTER TABLE fine_decision ADD COLUMN violation_record_no TEXT;
ALTER TABLE fine_decision ADD COLUMN violation_on DATE;
ALTER TABLE fine_decision ADD COLUMN versions INTEGER NOT NULL DEFAULT 1;
ALTER TABLE fine_decision ADD COLUMN events INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fine_decision ALTER COLUMN versions DROP DEFAULT;
ALTER TABLE fine_decision ALTER COLUMN events DROP DEFAULT;
ALTER TABLE fine_decision ADD CONSTRAINT ck_fine_decision_issuer_rank_known
    CHECK (issuer_rank IN ('team', 'station', 'division', 'department', 'inspectorate', 'commune', 'province'));
ALTER TABLE payment_order_obligation ADD COLUMN instalment_no INTEGER;
CREATE TABLE fine_version (
    obligation_id UUID NOT NULL,
    version_no INTEGER NOT NULL,
    kind TEXT NOT NULL,
    decision_no TEXT NOT NULL,
    document_key TEXT NOT NULL,
    decided_on DATE NOT NULL,
    effective_on DATE NOT NULL,
    amount BIGINT NOT NULL,
    served_on DATE,
    served_method TEXT,
    written_term_days INTEGER,
    due_on DATE,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_by TEXT NOT NULL,
    CONSTRAINT pk_fine_version PRIMARY KEY (obligation_id, version_no),
    CONSTRAINT ck_fine_version_kind_known CHECK (kind IN ('issued', 'corrected', 'reduced', 'replaced', 'cancelled', 'served')),
    CONSTRAINT ck_fine_version_served_method_known CHECK (served_method IN ('handed', 'registered_post', 'electronic')),
    CONSTRAINT ck_fine_version_amount_in_range CHECK (amount >= 0 AND amount <= 1000000000000000),
    CONSTRAINT ck_fine_version_term CHECK ((due_on IS NOT NULL) = (kind IN ('issued', 'replaced', 'served'))),
    CONSTRAINT ck_fine_version_issued_first CHECK ((kind = 'issued') = (version_no = 1)),
    CONSTRAINT fk_fine_version_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
CREATE INDEX ix_fine_version_document_key ON fine_version (document_key);
CREATE TRIGGER fine_version_append_only BEFORE UPDATE OR DELETE ON fine_version FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fine_version_no_truncate BEFORE TRUNCATE ON fine_version FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON fine_version TO payclear_app;
CREATE TABLE fine_event (
    obligation_id UUID NOT NULL,
    event_no INTEGER NOT NULL,
    kind TEXT NOT NULL,
    on_date DATE NOT NULL,
    ref TEXT NOT NULL,
    shelter_kind TEXT,
    principal BIGINT NOT NULL,
    surcharge BIGINT NOT NULL,
    order_id UUID,
    instalment_no INTEGER,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_by TEXT NOT NULL,
    CONSTRAINT pk_fine_event PRIMARY KEY (obligation_id, event_no),
    CONSTRAINT ck_fine_event_kind_known CHECK (kind IN ('shelter_opened', 'shelter_closed', 'plan_granted', 'paid', 'waived', 'reversed', 'refunded', 'paid_elsewhere', 'not_paid_elsewhere')),
    CONSTRAINT ck_fine_event_shelter_kind_known CHECK (shelter_kind IN ('deferral', 'reduction_request')),
    CONSTRAINT ck_fine_event_money_has_order CHECK ((kind IN ('paid', 'waived', 'reversed', 'refunded')) = (order_id IS NOT NULL)),
    CONSTRAINT ck_fine_event_not_negative CHECK (principal >= 0 AND surcharge >= 0),
    CONSTRAINT fk_fine_event_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
CREATE UNIQUE INDEX uq_fine_event_order ON fine_event (obligation_id, order_id, kind)
    WHERE kind IN ('paid', 'waived', 'reversed');
CREATE INDEX ix_fine_event_order_id ON fine_event (order_id);
CREATE TRIGGER fine_event_append_only BEFORE UPDATE OR DELETE ON fine_event FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fine_event_no_truncate BEFORE TRUNCATE ON fine_event FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON fine_event TO payclear_app;
CREATE TABLE instalment_plan (
    obligation_id UUID NOT NULL,
    decision_ref TEXT NOT NULL,
    granted_on DATE NOT NULL,
    counted_from DATE NOT NULL,
    obligor_kind TEXT NOT NULL,
    total BIGINT NOT NULL,
    turn TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    recorded_by TEXT NOT NULL,
    CONSTRAINT pk_instalment_plan PRIMARY KEY (obligation_id, decision_ref),
    CONSTRAINT ck_instalment_plan_obligor_kind_known CHECK (obligor_kind IN ('person', 'organisation')),
    CONSTRAINT ck_instalment_plan_turn_known CHECK (turn IN ('in_turn', 'any_after_first', 'any')),
    CONSTRAINT ck_instalment_plan_total_in_range CHECK (total > 0 AND total <= 1000000000000000),
    CONSTRAINT fk_instalment_plan_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
CREATE TRIGGER instalment_plan_append_only BEFORE UPDATE OR DELETE ON instalment_plan FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER instalment_plan_no_truncate BEFORE TRUNCATE ON instalment_plan FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON instalment_plan TO payclear_app;
CREATE TABLE instalment (
    obligation_id UUID NOT NULL,
    decision_ref TEXT NOT NULL,
    instalment_no INTEGER NOT NULL,
    due_on DATE NOT NULL,
    amount BIGINT NOT NULL,
    CONSTRAINT pk_instalment PRIMARY KEY (obligation_id, decision_ref, instalment_no),
    CONSTRAINT ck_instalment_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT fk_instalment_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
CREATE TRIGGER instalment_append_only BEFORE UPDATE OR DELETE ON instalment FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER instalment_no_truncate BEFORE TRUNCATE ON instalment FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT, INSERT ON instalment TO payclear_app;
CREATE TABLE withheld_paper (
    obligation_id UUID NOT NULL,
    paper_no INTEGER NOT NULL,
    type TEXT NOT NULL,
    returned_on DATE,
    CONSTRAINT pk_withheld_paper PRIMARY KEY (obligation_id, paper_no),
    CONSTRAINT ck_withheld_paper_type_known CHECK (type IN ('driver_licence', 'vehicle_registration', 'inspection_certificate', 'vehicle', 'other')),
    CONSTRAINT fk_withheld_paper_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
GRANT SELECT, INSERT, UPDATE ON withheld_paper TO payclear_app;
CREATE TABLE refund_proposal (
    id UUID NOT NULL,
    obligation_id UUID NOT NULL,
    amount BIGINT NOT NULL,
    currency CHAR(3) NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    proposed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    decided_at TIMESTAMP WITH TIME ZONE,
    decided_by TEXT,
    decided_note TEXT,
    carrier TEXT,
    CONSTRAINT pk_refund_proposal PRIMARY KEY (id),
    CONSTRAINT ck_refund_proposal_state_known CHECK (state IN ('proposed', 'accepted', 'refused', 'withdrawn', 'done')),
    CONSTRAINT ck_refund_proposal_carrier_known CHECK (carrier IN ('provider', 'agency')),
    CONSTRAINT ck_refund_proposal_reason_known CHECK (reason IN ('reduced', 'cancelled')),
    CONSTRAINT ck_refund_proposal_amount_in_range CHECK (amount > 0 AND amount <= 1000000000000000),
    CONSTRAINT fk_refund_proposal_obligation_id FOREIGN KEY(obligation_id) REFERENCES obligation (id)
);
CREATE UNIQUE INDEX uq_refund_proposal_open ON refund_proposal (obligation_id) WHERE state IN ('proposed', 'accepted');
GRANT SELECT, INSERT, UPDATE ON refund_proposal TO payclear_app;
INSERT INTO fine_version (obligation_id, version_no, kind, decision_no, document_key, decided_on, effective_on, amount,
                          served_on, served_method, due_on, recorded_at, recorded_by)
SELECT o.id, 1, 'issued', f.decision_no, o.document_key, f.decided_on, f.decided_on, o.principal, f.served_on,
       f.served_method, f.due_on, o.created_at, o.portal_code
FROM fine_decision f JOIN obligation o ON o.id = f.obligation_id;
INSERT INTO fine_event (obligation_id, event_no, kind, on_date, ref, principal, surcharge, order_id, recorded_at, recorded_by)
SELECT l.obligation_id, row_number() OVER (PARTITION BY l.obligation_id ORDER BY t.recorded_at, t.event <> 'paid'),
       CASE t.event WHEN 'paid' THEN 'paid' ELSE 'reversed' END,
       (p.paid_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date, '',
       (SELECT coalesce(sum(n.amount), 0) FROM payment_order_line n WHERE n.order_id = p.id
        AND n.obligation_id = l.obligation_id AND n.type = 'fine'),
       (SELECT coalesce(sum(n.amount), 0) FROM payment_order_line n WHERE n.order_id = p.id
        AND n.obligation_id = l.obligation_id AND n.type = 'late_surcharge'),
       p.id, t.recorded_at, p.portal_code
FROM payment_order p
JOIN payment_order_obligation l ON l.order_id = p.id
JOIN fine_decision f ON f.obligation_id = l.obligation_id
JOIN order_transition t ON t.object_id = p.id AND t.object = 'order' AND t.event IN ('paid', 'reversed');
UPDATE fine_decision f SET events = (SELECT count(*) FROM fine_event e WHERE e.obligation_id = f.obligation_id);
"""

BACK = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM fine_version WHERE version_no > 1) OR EXISTS (SELECT 1 FROM fine_decision WHERE served_on IS NULL)
       OR EXISTS (SELECT 1 FROM fine_event WHERE kind NOT IN ('paid', 'reversed')) THEN
        RAISE EXCEPTION 'fines have a history: the schema before this one can not say so';
    END IF;
END $$;
DROP TABLE refund_proposal;
DROP TABLE withheld_paper;
DROP TABLE instalment;
DROP TABLE instalment_plan;
DROP TABLE fine_event;
DROP TABLE fine_version;
ALTER TABLE payment_order_obligation DROP COLUMN instalment_no;
ALTER TABLE fine_decision DROP COLUMN events;
ALTER TABLE fine_decision DROP COLUMN versions;
ALTER TABLE fine_decision DROP COLUMN violation_on;
ALTER TABLE fine_decision DROP COLUMN violation_record_no;
ALTER TABLE fine_decision DROP COLUMN issuer_rank;
ALTER TABLE fine_decision DROP COLUMN written_term_days;
ALTER TABLE fine_decision ALTER COLUMN served_on SET NOT NULL;
"""


def upgrade() -> None:
    op.execute(STATEMENTS)


def downgrade() -> None:
    op.execute(BACK)
