"""Batches: how many searches a job counts as, a model's cell, and files of jobs."""

import sqlalchemy as sa
from alembic import op

revision = "v0009"
down_revision = "v0008"


def upgrade() -> None:
    """To this schema."""
    op.add_column("jobs", sa.Column("searches", sa.Integer(), server_default="1", nullable=False))
    op.add_column("models", sa.Column("cell", sa.String(length=80), server_default="", nullable=False))
    op.drop_index(op.f("ix_models_job_id_target"), "models")
    op.create_index(op.f("ix_models_job_id_cell_target"), "models", ["job_id", "cell", "target"], unique=True)
    op.create_table(
        "job_artifacts",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_artifacts_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "name", name=op.f("pk_job_artifacts")),
    )
    op.create_index(op.f("ix_job_artifacts_sha256"), "job_artifacts", ["sha256"], unique=False)


def downgrade() -> None:
    """Back to the schema before. Of a batch's models, those whose target another cell has are removed: it has no place for them."""
    models = sa.table("models", sa.column("id"), sa.column("job_id"), sa.column("target"))
    first = sa.select(sa.func.min(models.c.id)).group_by(models.c.job_id, models.c.target)
    op.execute(sa.delete(models).where(models.c.job_id.is_not(None), models.c.id.not_in(first)))
    op.drop_table("job_artifacts")
    op.drop_index(op.f("ix_models_job_id_cell_target"), "models")
    op.create_index(op.f("ix_models_job_id_target"), "models", ["job_id", "target"], unique=True)
    op.drop_column("models", "cell")
    op.drop_column("jobs", "searches")
