"""Settings of one server: where its state is, where it listens, and its limits. Not here: options of a job."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from nas.store import Store

MIB: Final = 1024 * 1024

MIN_FREE_BYTES: Final = 100 * MIB
"""A service whose home has less free disk than this is not ready."""


class Settings(BaseModel):
    """Settings of the service. Times are seconds, sizes bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(description="folder of the database, uploads, store and runs")
    database: str | None = Field(default=None, description="SQLAlchemy URL; an SQLite file in the home when absent")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535)
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="further names by which clients call this server: `Host` headers, with their port if any",
    )
    store_url: str | None = Field(
        default=None,
        pattern=r"^[a-z][a-z0-9+.-]*://",
        description="fsspec URL of the engine's store, such as `s3://hwnas`; a folder of the home when absent",
    )
    pepper_file: Path | None = Field(default=None, description="secret mixed into stored keys; in the home when absent")

    engine: str = Field(
        default="nas.pipeline:search", pattern=r"^[\w.]+:\w+$", description="the function that runs a search"
    )
    profiler: str = Field(default="nas.pipeline:profile", pattern=r"^[\w.]+:\w+$", description="runs a profile")
    trainer: str = Field(default="nas.preflight:pretrain", pattern=r"^[\w.]+:\w+$", description="trains a supernet")
    exporter: str = Field(
        default="nas.pipeline:export", pattern=r"^[\w.]+:\w+$", description="trains and exports a selected architecture"
    )
    estimator: str = Field(default="nas.preflight:estimate_job", pattern=r"^[\w.]+:\w+$", description="estimates a job")
    batcher: str = Field(default="nas.batch.run:run_batch", pattern=r"^[\w.]+:\w+$", description="runs a batch")
    batch_planner: str = Field(
        default="nas.batch.plan:plan_batch", pattern=r"^[\w.]+:\w+$", description="estimates a batch"
    )
    executor: str = Field(
        default="local",
        pattern=r"^(local|processes(:[1-9][0-9]{0,3})?|ray(:\S+)?)$",
        description="where a worker's jobs compute: in its process, in N processes, or on a Ray cluster",
    )
    worker: bool = Field(default=True, description="whether the server supervises a worker process of its own")

    lease_s: float = Field(default=30.0, gt=0, description="how long a job stays with a worker without a heartbeat")
    heartbeat_s: float = Field(default=10.0, gt=0)
    control_s: float = Field(default=0.5, gt=0, description="how often a worker looks for a request to cancel or pause")
    poll_s: float = Field(default=0.5, gt=0, description="how often an idle worker looks for a job")
    flush_s: float = Field(default=0.2, gt=0, description="how long events wait to be stored together")
    cancel_grace_s: float = Field(
        default=20.0, gt=0, description="after this a job that does not stop is killed with its process"
    )
    drain_s: float = Field(
        default=10.0, gt=0, description="how long a running job may take to stop when the server stops"
    )
    max_attempts: int = Field(default=3, ge=1, le=100)
    max_job_s: float = Field(default=7 * 86_400, gt=0, description="the longest runtime of a job")

    max_queued: int = Field(default=1000, ge=0, description="jobs of a tenant that have not ended")
    max_running: int = Field(default=100, ge=0, description="jobs of a tenant that run at once")
    max_stored_bytes: int = Field(
        default=100 * 1024 * MIB, ge=0, description="of a tenant's data sets, networks and models"
    )
    requests_per_s: float = Field(default=50.0, gt=0, description="of one key, in the long run")
    request_burst: int = Field(default=200, ge=1, description="requests of one key at once")
    maintenance_s: float = Field(default=30.0, gt=0, description="how often the server runs its maintenance")

    max_body_bytes: int = MIB
    body_timeout_s: float = Field(default=30.0, gt=0, description="the longest silence of a client that sends a body")
    max_upload_bytes: int = 2048 * MIB
    max_network_bytes: int = Field(default=768 * MIB, ge=1, description="of a trained network that is uploaded")
    max_unpacked_bytes: int = 8192 * MIB
    max_upload_entries: int = 200_000
    check_timeout_s: float = Field(default=120.0, gt=0, description="the longest a check of a data set may take")
    check_memory_bytes: int = 8192 * MIB
    estimate_memory_bytes: int = Field(
        default=16384 * MIB, ge=1, description="address space of a process that estimates a job"
    )

    stream_poll_s: float = Field(default=0.25, gt=0)
    stream_ping_s: float = Field(default=15.0, gt=0)
    stream_life_s: float = Field(
        default=600.0, gt=0, description="an event stream is closed after this; clients resume it"
    )
    shutdown_s: float = Field(default=5.0, ge=0, description="how long open requests may take when the server stops")

    @property
    def database_url(self) -> str:
        """The URL of the database."""
        return self.database or f"sqlite:///{self.home / 'hwnas.sqlite3'}"

    @property
    def pepper(self) -> Path:
        """The file of the pepper. Whoever restores the database needs it, too."""
        return self.pepper_file or self.home / "pepper"

    @property
    def artifacts(self) -> Path:
        """Delivered files by the hash of their content."""
        return self.home / "artifacts"

    @property
    def datasets(self) -> Path:
        """Data sets that passed their check, a folder each."""
        return self.home / "datasets"

    @property
    def networks(self) -> Path:
        """Trained networks of users that passed their check, a folder each."""
        return self.home / "networks"

    @property
    def incoming(self) -> Path:
        """Uploads that are not checked yet; emptied at the start."""
        return self.home / "incoming"

    @property
    def runs(self) -> Path:
        """Where the engine writes its runs, a folder a job."""
        return self.home / "runs"

    @property
    def store(self) -> Path | str:
        """Where the engine's store of finished stages is: a folder, or a URL."""
        return self.store_url or self.home / "store"

    def store_of(self, tenant_id: str) -> Store:
        """The engine's store with a tenant's own index: no other tenant finds what it computed."""
        return Store(self.store, namespace=tenant_id)

    def make_folders(self) -> None:
        """Creates the folders of the home, readable by this user alone."""
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in self.folders:
            folder.mkdir(exist_ok=True, mode=0o700)

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that the home has."""
        own = (self.store,) if isinstance(self.store, Path) else ()
        return (self.artifacts, self.datasets, self.networks, self.incoming, self.runs, *own)


def load_function(name: str) -> Callable[..., Any]:
    """The function that a setting such as `engine` names."""
    module, _, attribute = name.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return function
