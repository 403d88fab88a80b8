"""One candidate of a job in detail: its events, its network, and the network's latency by the tables in the store.

The tables are read in this process: they are JSON that the tenant's own jobs wrote, and reading one takes milliseconds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field
from sqlalchemy import Connection

from api.database import Database
from api.errors import UnknownCandidate
from api.jobs import events_table, repository
from api.jobs.engine_spec import base_spec
from api.jobs.input_spec import input_spec
from api.jobs.service import unknown_job
from api.jobs.specs import WIRE_SPEC
from api.models import repository as models
from api.models.schemas import DeliveredModel
from api.settings import Settings
from api.tenancy import Subject
from api.wire import WireModel, examples
from latency_models.errors import UnreadableTable
from latency_models.table import LatencyTable
from nas.describe import NetworkDetail, PredictionDetail, describe, find_space, predict
from nas.errors import StoreCorrupt
from nas.events import CandidateEvent, FinalistEvent, MeasurementEvent
from nas.metric import MetricValue
from nas.store import Store
from search_spaces.errors import HwnasError
from search_spaces.network import Network


class CandidateTarget(WireModel):
    """A candidate on one target of its job."""

    target: str
    table_sha256: str | None = Field(description="the latency table that the job used; null before it is known")
    prediction: PredictionDetail | None = Field(
        description="null where the table or the network is not available; see notes"
    )
    evaluation: CandidateEvent | None = Field(description="of this target's search; null when that did not evaluate it")
    finalists: tuple[FinalistEvent, ...] = Field(
        default=(), description="each round in which it was trained, quantised and evaluated as a finalist"
    )
    measurements: tuple[MeasurementEvent, ...] = Field(description="of this architecture in this job, in their order")
    model: DeliveredModel | None = Field(description="when the job delivered it for this target")
    notes: tuple[str, ...]


class CandidateDocument(WireModel):
    """An architecture that a job's search evaluated, or trained as a finalist."""

    model_config = examples(
        {
            "job_id": "job_01jd3z6g4m8x2c5v7b9n1q3r5t", "architecture": "resolution=8", "architecture_id": "5a2790177200",
            "metric": {"name": "accuracy", "value": 0.98}, "network": None, "targets": [], "notes": [],
        }
    )  # fmt: skip

    job_id: str
    architecture: str
    architecture_id: str
    metric: MetricValue = Field(
        description="the search's metric, in INT8 on the validation set: of the supernet's subnet, or of the trained network "
        "where there is no supernet"
    )
    network: NetworkDetail | None = Field(description="null where it cannot be built any more; see notes")
    targets: tuple[CandidateTarget, ...] = Field(description="of the job, in the order in which they were profiled")
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _StoredCandidate:
    """What the database has of a candidate."""

    spec: Mapping[str, Any]
    evaluations: Mapping[str, CandidateEvent]
    finalists: tuple[FinalistEvent, ...]
    resolution: int | None
    tables: Mapping[str, str]
    measurements: tuple[MeasurementEvent, ...]
    models: Mapping[str, DeliveredModel]


def candidate_document(
    database: Database, settings: Settings, subject: Subject, job_id: str, architecture_id: str
) -> CandidateDocument:
    """A candidate of a job.

    Raises:
        UnknownJob: there is none of that id.
        UnknownCandidate: its search neither evaluated the architecture nor trained it.
    """
    with database.read() as connection:
        stored = _read(connection, subject.tenant_id, job_id, architecture_id)
    known: list[CandidateEvent | FinalistEvent] = [*stored.evaluations.values(), *reversed(stored.finalists)]
    first = known[0]
    network, detail, notes = _network_of(database, subject.tenant_id, stored, first)
    names = dict.fromkeys([*stored.tables, *stored.evaluations, *(event.target for event in stored.finalists)])
    store = settings.store_of(subject.tenant_id)
    return CandidateDocument(
        job_id=job_id,
        architecture=first.architecture,
        architecture_id=architecture_id,
        metric=first.metric,
        network=detail,
        targets=tuple(_on_target(name, stored, network, store) for name in names),
        notes=notes,
    )


def _read(connection: Connection, tenant_id: str, job_id: str, architecture_id: str) -> _StoredCandidate:
    row = repository.find(connection, tenant_id, job_id)
    if row is None:
        raise unknown_job(job_id)
    candidates = [
        CandidateEvent.model_validate_json(d) for d in events_table.candidates_of(connection, job_id, architecture_id)
    ]
    finalists = events_table.finalists_of(connection, job_id, architecture_id)
    if not candidates and not finalists:
        raise UnknownCandidate(
            f"The search of the job {job_id} did not evaluate {architecture_id!r}.",
            fix=f"List what it evaluated with GET /v1/jobs/{job_id}/candidates.",
        )
    evaluations: dict[str, CandidateEvent] = {}
    for event in candidates:
        for target in event.latency_ms:
            evaluations.setdefault(target, event)
    return _StoredCandidate(
        row.spec,
        evaluations,
        tuple({(event.target, event.round): event for event in finalists}.values()),
        events_table.resolution_of(connection, job_id),
        events_table.latency_tables_of(connection, job_id),
        _measurements(connection, job_id, architecture_id),
        {
            model.target: DeliveredModel.model_validate({**model.outcome, "model_id": model.id})
            for model in models.page(connection, tenant_id, job_id=job_id, before=None, limit=100)
            if model.outcome["architecture_id"] == architecture_id
        },
    )


def _measurements(connection: Connection, job_id: str, architecture_id: str) -> tuple[MeasurementEvent, ...]:
    rows = events_table.of_types(connection, job_id, ("measurement",))
    events = (MeasurementEvent.model_validate_json(row.data) for row in rows)
    # A resumed job emits again what the store has.
    return tuple(dict.fromkeys(event for event in events if event.architecture_id == architecture_id))


def _network_of(
    database: Database, tenant_id: str, stored: _StoredCandidate, event: CandidateEvent | FinalistEvent
) -> tuple[Network | None, NetworkDetail | None, tuple[str, ...]]:
    """The network, unless the data set is gone or the space has changed."""
    spec = base_spec(WIRE_SPEC.validate_python(stored.spec))
    try:
        inputs = input_spec(database, tenant_id, spec.data)
        space, architecture = find_space(
            spec.space,
            event.architecture,
            event.architecture_id,
            resolution=stored.resolution or spec.resolution or inputs.resolution,
            channels=inputs.channels,
            classes=inputs.classes,
        )
        return space.network(architecture), describe(space, architecture), ()
    except HwnasError as error:
        return None, None, (f"The network cannot be built: {error.detail}",)


def _on_target(name: str, stored: _StoredCandidate, network: Network | None, store: Store) -> CandidateTarget:
    digest = stored.tables.get(name)
    prediction, notes = None, []
    if digest is None:
        notes.append("It is not known which latency table the job used.")
    elif network is not None:
        try:
            prediction = predict(network, LatencyTable.from_json(json.loads(store.get(digest))))
        except (StoreCorrupt, UnreadableTable):
            notes.append("The latency table that the job used is not in the store any more.")
    return CandidateTarget(
        target=name,
        table_sha256=digest,
        prediction=prediction,
        evaluation=stored.evaluations.get(name),
        finalists=tuple(event for event in stored.finalists if event.target == name),
        measurements=tuple(event for event in stored.measurements if event.target == name),
        model=stored.models.get(name),
        notes=tuple(notes),
    )
