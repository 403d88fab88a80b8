"""Jobs without the column `traceparent`, which nothing ever wrote or read."""

import sqlalchemy as sa
from alembic import op

revision = "v0005"
down_revision = "v0004"


def upgrade() -> None:
    """To this schema."""
    op.drop_column("jobs", "traceparent")


def downgrade() -> None:
    """Back to the schema before."""
    op.add_column("jobs", sa.Column("traceparent", sa.String(length=80), nullable=True))
