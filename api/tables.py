"""The tables of the service's database, and nothing that reads or writes them. `migrations/` brings a database to this form.

Times are integers: milliseconds since 1970 UTC by the database's own clock.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

tenants = Table(
    "tenants",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("limits", JSON, nullable=False),  # what differs from the settings' own
    Column("last_served_at", BigInteger, nullable=False, server_default="0"),  # when a job of it was claimed last
    Column("created_at", BigInteger, nullable=False),
    Index(None, "name", unique=True),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("digest", String(64), nullable=False),  # HMAC-SHA-256 with the pepper
    Column("scopes", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("last_used_at", BigInteger),
    Column("revoked_at", BigInteger),
    Index(None, "tenant_id", "id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("key_id", ForeignKey("api_keys.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "key_id"),
    Index(None, "expires_at"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("spec", JSON, nullable=False),
    Column("spec_version", Integer, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("phase", String(16)),
    Column("progress", JSON(none_as_null=True)),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("max_attempts", Integer, nullable=False),
    Column("max_duration_ms", BigInteger, nullable=False),
    Column("searches", Integer, nullable=False, server_default="1"),  # as how many it counts: a batch as its cells
    Column("active_ms", BigInteger, nullable=False, server_default="0"),  # time in the hands of workers, ended attempts
    Column("not_before", BigInteger, nullable=False, server_default="0"),
    # The lease. A worker's writes carry its epoch; a higher one in the row means that another worker has the job.
    Column("lease_epoch", Integer, nullable=False, server_default="0"),
    Column("lease_owner", String(120)),
    Column("lease_expires_at", BigInteger),
    Column("cancel_requested_at", BigInteger),
    Column("pause_requested_at", BigInteger),
    # Number of the last event; events are numbered in the transaction that raises it, so none is skipped.
    Column("event_seq", Integer, nullable=False, server_default="0"),
    Column("result", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Index(None, "tenant_id", "state", "created_at", "id"),
    Index(None, "tenant_id", "id"),
    Index(None, "tenant_id", "state", "id"),
    Index(None, "tenant_id", "kind", "id"),
    Index(None, "state", "lease_expires_at"),
)

job_needs = Table(
    "job_needs",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("target", String(200), primary_key=True),  # without its options; a worker must be able to measure it
    Column("fingerprint", String(200)),  # of the only device that will do; set by the spec, or by the first claim
)

device_leases = Table(
    "device_leases",
    metadata,
    Column("device", String(200), primary_key=True),
    # Valid as long as the job has this epoch: a worker that loses the job loses the device with it.
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Index(None, "job_id"),
)

job_attempts = Table(
    "job_attempts",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("worker", String(120), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("outcome", String(16)),  # a state, or `lost`
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
    Index(None, "job_id", "type", "seq"),
)

candidates = Table(
    "candidates",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("target", String(200), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("seq", Integer, nullable=False),  # of its event
    Column("data", Text, nullable=False),
    Index(None, "job_id", "seq"),
)

fronts = Table(
    "fronts",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("target", String(200), primary_key=True),
    Column("of", String(16), primary_key=True),  # candidates or trained
    Column("data", Text, nullable=False),
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("format", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("summary", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "tenant_id", "id"),
)

dataset_uses = Table(
    "dataset_uses",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("dataset_id", ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "dataset_id"),
)

networks = Table(
    "networks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(200), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("summary", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "tenant_id", "id"),
)

network_uses = Table(
    "network_uses",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("network_id", ForeignKey("networks.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "network_id"),
)

models = Table(
    "models",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id", ondelete="CASCADE"), nullable=False),
    Column("job_id", ForeignKey("jobs.id", ondelete="SET NULL")),  # null when the job was deleted
    Column("cell", String(80), nullable=False, server_default=""),  # of a batch
    Column("target", String(200), nullable=False),
    Column("outcome", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "job_id", "cell", "target", unique=True),
    Index(None, "tenant_id", "id"),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("model_id", ForeignKey("models.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(120), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("media_type", String(120), nullable=False),
    Index(None, "sha256"),
)

job_artifacts = Table(
    "job_artifacts",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(120), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("media_type", String(120), nullable=False),
    Index(None, "sha256"),
)

latency_tables = Table(
    "latency_tables",
    metadata,
    Column("tenant_id", ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True),
    Column("id", String(40), primary_key=True),
    Column("job_id", ForeignKey("jobs.id", ondelete="SET NULL")),
    Column("target", String(200), nullable=False),
    Column("summary", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "job_id"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key_id", ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True),
    Column("route", String(100), primary_key=True),
    Column("value", String(200), primary_key=True),
    Column("request_digest", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "created_at"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String(120), primary_key=True),
    Column("host", String(100), nullable=False),
    Column("version", String(40), nullable=False),
    Column("targets", JSON, nullable=False),  # id of each target it can measure, with the fingerprint of its device
    Column("devices", JSON, nullable=False, server_default="{}"),  # what is known of each, by its fingerprint
    Column("started_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)
