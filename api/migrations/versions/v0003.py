"""Lists of jobs of one state or one kind without reading all of a tenant's."""

from alembic import op

revision = "v0003"
down_revision = "v0002"


def upgrade() -> None:
    """To this schema."""
    op.create_index(op.f("ix_jobs_tenant_id_state_id"), "jobs", ["tenant_id", "state", "id"])
    op.create_index(op.f("ix_jobs_tenant_id_kind_id"), "jobs", ["tenant_id", "kind", "id"])


def downgrade() -> None:
    """Back to the schema before."""
    op.drop_index(op.f("ix_jobs_tenant_id_kind_id"), "jobs")
    op.drop_index(op.f("ix_jobs_tenant_id_state_id"), "jobs")
