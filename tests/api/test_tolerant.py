"""Every document that a client reads takes other texts where a list of them is expected; what the service sends stays the same."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from api.client.tolerant import tolerant
from api.jobs.schemas import _JOB, JobDocument, JobEvent
from api.models.schemas import _EXAMPLE, ModelDocument
from nas.events import EVENT, CandidateEvent, Event
from tests.api.client_contract import LATER_JOB
from tests.metrics import as_accuracy


def read(kind: type[BaseModel], document: Any) -> Any:
    """A document as a client reads it."""
    return tolerant(kind).validate_json(json.dumps(document), extra="ignore")


@pytest.mark.parametrize(("kind", "document"), [(JobDocument, _JOB), (ModelDocument, _EXAMPLE)])
def test_a_known_document_is_read_as_it_is(kind: type[BaseModel], document: Any) -> None:
    assert read(kind, document) == kind.model_validate_json(json.dumps(document))


def test_the_strict_model_stays_strict() -> None:
    read(JobDocument, LATER_JOB)
    with pytest.raises(ValidationError):
        JobDocument.model_validate(LATER_JOB, extra="ignore")
    with pytest.raises(ValidationError):
        EVENT.validate_python({"type": "state", "state": "rehearsing"})


def test_what_is_no_text_or_lacks_is_told() -> None:
    for wrong in ({"state": 3}, {"created_at": "noon"}, {"id": None}, {"spec": None, "labels": 3}):
        with pytest.raises(ValidationError):
            read(JobDocument, {**_JOB, **wrong})


def test_nested_lists_of_texts_take_others() -> None:
    model = read(ModelDocument, {**_EXAMPLE, "latency_ms": {**_EXAMPLE["latency_ms"], "kind": "emulated"}})
    assert (model.latency_ms.kind, model.latency_ms.final_ms) == ("emulated", 0.19)
    event: Event = CandidateEvent(
        number=1,
        architecture="a",
        architecture_id="b",
        metric=as_accuracy(0.5),
        latency_ms={"cpu": 1.0},
        feasible={"cpu": True},
    )
    frame = {"seq": 3, "at": "2026-01-31T12:00:00Z", "event": {**event.model_dump(), "smell": 1}}
    assert read(JobEvent, frame).event == event
