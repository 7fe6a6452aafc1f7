"""Let a refund be proposed for surcharge alone.

Revision ID: 0028
Revises: 0027
"""

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.execute("""
ALTER TABLE refund_proposal DROP CONSTRAINT ck_refund_proposal_reason_known;
ALTER TABLE refund_proposal ADD CONSTRAINT ck_refund_proposal_reason_known
    CHECK (reason IN ('reduced', 'cancelled', 'surcharge'));

-- What an agency was told to give back itself, no bank takes back besides.
UPDATE payment_attempt a SET refund_asked_at = p.decided_at
FROM refund_proposal p JOIN fine_event e ON e.obligation_id = p.obligation_id AND e.kind = 'paid'
WHERE p.state = 'accepted' AND p.carrier = 'agency'
  AND a.order_id = e.order_id AND a.state = 'succeeded' AND a.refund_asked_at IS NULL;
""")


def downgrade() -> None:
    op.execute("""
UPDATE refund_proposal SET reason = 'reduced' WHERE reason = 'surcharge';
ALTER TABLE refund_proposal DROP CONSTRAINT ck_refund_proposal_reason_known;
ALTER TABLE refund_proposal ADD CONSTRAINT ck_refund_proposal_reason_known
    CHECK (reason IN ('reduced', 'cancelled'));
""")
