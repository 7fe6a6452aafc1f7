"""Create the banners of citizens' pages.

Revision ID: 0033
Revises: 0032
"""

from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.execute("""
CREATE TABLE public_banner (
    id UUID NOT NULL,
    text_vi TEXT NOT NULL,
    text_en TEXT NOT NULL,
    begins_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    made_by TEXT NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    taken_down_by TEXT,
    taken_down_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_public_banner PRIMARY KEY (id),
    CONSTRAINT ck_public_banner_says_something CHECK (text_vi <> '' AND text_en <> ''),
    CONSTRAINT ck_public_banner_in_order CHECK (begins_at < ends_at),
    CONSTRAINT ck_public_banner_taken_down_whole CHECK ((taken_down_by IS NULL) = (taken_down_at IS NULL))
);
CREATE INDEX ix_public_banner_ends_at ON public_banner (ends_at);
GRANT SELECT, INSERT, UPDATE (taken_down_by, taken_down_at) ON public_banner TO payclear_app;
""")


def downgrade() -> None:
    op.execute("DROP TABLE public_banner")
