"""Two fronts of a target: of candidates, which are estimates, and of finished networks."""

import sqlalchemy as sa
from alembic import op

revision = "v0004"
down_revision = "v0003"


def upgrade() -> None:
    """To this schema."""
    of = sa.Column("of", sa.String(length=16), server_default="candidates", nullable=False)
    op.add_column("fronts", of)  # all that there were are of candidates
    _key("job_id", "target", "of")
    with op.batch_alter_table("fronts") as fronts:
        fronts.alter_column("of", server_default=None)


def downgrade() -> None:
    """Back to the schema before."""
    op.execute(sa.text("DELETE FROM fronts WHERE \"of\" <> 'candidates'"))
    _key("job_id", "target")
    with op.batch_alter_table("fronts") as fronts:
        fronts.drop_column("of")


def _key(*columns: str) -> None:
    with op.batch_alter_table("fronts") as fronts:
        fronts.drop_constraint(op.f("pk_fronts"), type_="primary")
        fronts.create_primary_key(op.f("pk_fronts"), list(columns))
