"""Trained networks of users, and the jobs that start from them."""

import sqlalchemy as sa
from alembic import op

revision = "v0008"
down_revision = "v0007"


def upgrade() -> None:
    """To this schema."""
    op.create_table(
        "networks",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_networks_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_networks")),
    )
    op.create_index(op.f("ix_networks_tenant_id_id"), "networks", ["tenant_id", "id"], unique=False)
    op.create_table(
        "network_uses",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("network_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_network_uses_job_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_network_uses_network_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "network_id", name=op.f("pk_network_uses")),
    )
    op.create_index(op.f("ix_network_uses_network_id"), "network_uses", ["network_id"], unique=False)


def downgrade() -> None:
    """Back to the schema before."""
    op.drop_table("network_uses")
    op.drop_table("networks")
