"""Delivered models on the wire."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from api.ids import id_pattern
from nas.result import AccuracyOutcome, BudgetOutcome, LatencyOutcome, RemovedValue, SizeOutcome


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Artifact(_Wire):
    """One file of a model's bundle."""

    name: str
    size_bytes: int
    sha256: str
    media_type: str
    url: str = Field(description="where to GET it, relative to the server")


class ModelDocument(_Wire):
    """A model that a search delivered for one target."""

    id: str = Field(pattern=id_pattern("mdl"))
    job_id: str = Field(pattern=id_pattern("job"))
    target: str
    architecture: str
    architecture_id: str
    latency_ms: LatencyOutcome
    accuracy: AccuracyOutcome
    size_bytes: SizeOutcome
    budget: BudgetOutcome
    removed: tuple[RemovedValue, ...] = ()
    artifacts: tuple[Artifact, ...]
    created_at: datetime


class ModelPage(_Wire):
    """Some models, newest first."""

    items: tuple[ModelDocument, ...]
    next_page_token: str | None = Field(description="for the next page; null on the last")
