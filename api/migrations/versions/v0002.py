"""The device of a job: which one its latencies are of, and which job measures one now."""

import sqlalchemy as sa
from alembic import op

revision = "v0002"
down_revision = "v0001"


def upgrade() -> None:
    """To this schema."""
    op.add_column("job_needs", sa.Column("fingerprint", sa.String(length=200), nullable=True))
    op.add_column("workers", sa.Column("devices", sa.JSON(), server_default="{}", nullable=False))
    op.create_table(
        "device_leases",
        sa.Column("device", sa.String(length=200), nullable=False),
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_device_leases_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("device", name=op.f("pk_device_leases")),
    )
    op.create_index(op.f("ix_device_leases_job_id"), "device_leases", ["job_id"])


def downgrade() -> None:
    """Back to the schema before."""
    op.drop_table("device_leases")
    op.drop_column("workers", "devices")
    op.drop_column("job_needs", "fingerprint")
