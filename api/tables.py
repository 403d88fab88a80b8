"""The tables of the service's database, and nothing that reads or writes them."""

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

SCHEMA_VERSION: Final = 1

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

meta = Table("meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("spec_version", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("phase", String(16)),
    Column("progress", JSON(none_as_null=True)),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("max_attempts", Integer, nullable=False),
    Column("not_before", BigInteger, nullable=False, server_default="0"),
    # The lease. A worker's writes carry its epoch; a higher one in the row means that the job is another's by now.
    Column("lease_epoch", Integer, nullable=False, server_default="0"),
    Column("lease_owner", String(120)),
    Column("lease_expires_at", BigInteger),
    Column("cancel_requested_at", BigInteger),
    # Number of the last event; events are numbered in the transaction that raises it, so none is skipped.
    Column("event_seq", Integer, nullable=False, server_default="0"),
    Column("result", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Index(None, "state", "created_at", "id"),
)

job_events = Table(
    "job_events",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("type", String(16), nullable=False),
    Column("data", Text, nullable=False),  # JSON of the event as it is sent
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("format", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("summary", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("target", String(200), nullable=False),
    Column("outcome", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "job_id", "target", unique=True),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("model_id", ForeignKey("models.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(120), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("media_type", String(120), nullable=False),
)
