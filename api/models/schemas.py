"""Delivered models on the wire."""

from datetime import datetime
from typing import Any, Final

from pydantic import Field, computed_field

from api.ids import id_pattern
from api.wire import WireModel, examples
from nas.result import ModelFigures, TestOutcome, Verdict

MODEL: Final = "mdl_01jd3z6g4m8x2c5v7b9n1q3r5t"
_EXAMPLE: Final[dict[str, Any]] = {
    "id": MODEL, "job_id": "job_01jd3z6g4m8x2c5v7b9n1q3r5t", "target": "cpu", "architecture": "resolution=8",
    "architecture_id": "5a2790177200", "created_at": "2026-01-31T12:00:00Z",
    "latency_ms": {
        "budget": 0.2, "predicted": 0.19, "predicted_error": 0.01, "measured": 0.19, "measured_p50": 0.2, "measured_p95": 0.22,
        "kind": "measured",
    },
    "metric": {"fp32": {"name": "accuracy", "value": 0.985}, "int8": {"name": "accuracy", "value": 0.98}},
    "size_bytes": {"fp32": 40000, "int8": 12000},
    "budget": {"reachable_ms": [0.05, 1.5], "architectures": "100", "architectures_within": "40", "active": True},
    "artifacts": [
        {
            "name": "model.int8.onnx", "size_bytes": 12000, "sha256": "0" * 64, "media_type": "application/octet-stream",
            "url": f"/v1/models/{MODEL}/artifacts/model.int8.onnx",
        }
    ],
}  # fmt: skip


class Artifact(WireModel):
    """One file of a model's bundle."""

    name: str
    size_bytes: int
    sha256: str
    media_type: str
    url: str = Field(description="where to GET it, relative to the server")


class WireModelFigures(ModelFigures):
    """What clients see of a delivered model, in a job's result and by itself."""

    test: TestOutcome | None = Field(
        default=None, description="the INT8 model on the test set in detail; not in lists, and none of older models"
    )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def verdict(self) -> Verdict:
        """Whether the budget is kept; by a quiet machine only, where the median run takes longer."""
        return self.latency_ms.verdict


class DeliveredModel(WireModelFigures):
    """The model of one target, as a search answers it."""

    model_id: str = Field(pattern=id_pattern("mdl"))


class ModelDocument(WireModelFigures):
    """A model that a search delivered for one target."""

    model_config = examples(_EXAMPLE)

    id: str = Field(pattern=id_pattern("mdl"))
    job_id: str | None = Field(pattern=id_pattern("job"), description="null when the job was deleted")
    target: str
    cell: str | None = Field(default=None, description="id of the cell of the batch that delivered it")
    artifacts: tuple[Artifact, ...]
    created_at: datetime


class ModelPage(WireModel):
    """Some models, newest first."""

    model_config = examples({"items": [_EXAMPLE], "next_page_token": None})

    items: tuple[ModelDocument, ...]
    next_page_token: str | None = Field(description="for the next page; null on the last")
