"""Limits in a spec, and a whole search on the digits with several: the answer, what is reported, and what can't be met."""

import json
import math
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError

from nas import export, pipeline, preflight
from nas.errors import InfeasibleLimits
from nas.events import CandidateEvent, Event, PhaseEvent
from nas.limits import Limits
from nas.result import SearchResult
from nas.spec import SearchSpec
from nas.stages.plan import job_inputs
from search_spaces.cost import peak_memory_bytes
from search_spaces.registry import space as find_space
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board
from tests.work import LITTLE

__all__ = ["board"]

SPACE = find_space("resnet", resolution=8, channels=1, classes=10)
LIMITS = {"weight_bytes": "40k", "macs": "1.2M", "peak_memory_bytes": 3000}


def spec(**fields: Any) -> SearchSpec:
    given = {"data": "digits", "space": "resnet", "work": LITTLE, "threads": 1, "limits": LIMITS, **fields}
    given.setdefault("targets", [{"target": "alveo-u50", "latency_ms": "60%"}])
    return SearchSpec.model_validate(given)


Searched = tuple[Path, SearchResult, list[Event]]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """One search on a simulated target."""
    folder, events = tmp_path_factory.mktemp("searched"), list[Event]()
    return folder, pipeline.search(spec(), out=folder, on_event=events.append), events


@pytest.mark.parametrize(
    ("written", "read"),
    [(300_000, 300_000), ("300k", 300_000), ("1.5M", 1_500_000), ("2G", 2 * 10**9), ("7", 7), (5e4, 50_000), ("0.001k", 1)],
)  # fmt: skip
def test_an_amount_is_a_whole_number_with_a_decimal_unit(written: object, read: int) -> None:
    assert Limits.model_validate({"macs": written}).macs == read


@pytest.mark.parametrize(
    "written",
    [0, -1, "0", "-5k", True, [1], {}, math.nan, math.inf, 1.5, "1.5", "0.0001k", "", "k", "1K", "1 M", "1e6", "10MB", 10**16, "9" * 400],
)  # fmt: skip
def test_other_amounts_are_rejected(written: object) -> None:
    with pytest.raises(ValidationError) as refused:
        Limits.model_validate({"macs": written})
    assert {error["loc"] for error in refused.value.errors()} == {("macs",)}


@pytest.mark.parametrize(
    ("name", "why"),
    [("flops", ""), ("energy_mj", "no target predicts it"), ("latency_ms", "beside its name"), ("", ""), (3, "")],
)
def test_other_costs_are_rejected_with_those_that_are_known(name: object, why: str) -> None:
    with pytest.raises(ValidationError, match="use one of macs, params, weight_bytes, peak_memory_bytes") as refused:
        SearchSpec.model_validate({**spec().model_dump(), "limits": {name: 5}})
    assert why in str(refused.value)


def test_without_limits_names_and_keys_are_as_before_there_were_any(tmp_path: Path, board: None) -> None:
    plain = spec(limits={})
    assert plain == spec(limits={"macs": None}) and plain.limits is None
    assert pipeline.run_name(plain) != pipeline.run_name(spec())
    _, job = jobs.resolved(tmp_path)
    assert "limits" not in json.dumps(job_inputs(job))
    _, job = jobs.resolved(tmp_path, limits=LIMITS)
    assert '"weight_bytes": 40000' in json.dumps(job_inputs(job))


def test_every_candidate_and_the_answer_meet_all_limits(searched: Searched) -> None:
    _, result, events = searched
    candidates = [event for event in events if isinstance(event, CandidateEvent)]
    assert len(candidates) >= LITTLE.evaluations // 2
    for one in candidates:
        assert one.weight_bytes is not None and one.macs is not None and one.peak_memory_bytes is not None
        assert one.weight_bytes <= 40_000 and one.macs <= 1_200_000 and one.peak_memory_bytes <= 3000
    (model,) = result.models.values()
    assert [(limit.cost, limit.most, limit.met, limit.active) for limit in model.limits] == [
        ("macs", 1_200_000, True, True), ("weight_bytes", 40_000, True, True), ("peak_memory_bytes", 3000, True, True),
    ]  # fmt: skip
    network = SPACE.network(SPACE.parse(model.architecture))
    assert {limit.cost: limit.value for limit in model.limits}["peak_memory_bytes"] == peak_memory_bytes(network)
    assert not result.warnings


def test_the_count_within_all_limits_is_exact_in_a_small_space(searched: Searched) -> None:
    _, result, _ = searched
    (model,) = result.models.values()
    count = model.budget.within_limits
    assert count is not None and count.kind == "exact" and count.low == count.value == count.high
    assert 0 < int(count.value) < int(model.budget.architectures_within)


def test_the_receipt_and_the_card_have_the_limits(searched: Searched) -> None:
    (model,) = searched[1].models.values()
    bundle = Path(model.bundle)
    receipt = json.loads((bundle / "receipt.json").read_text())
    assert receipt["limits"]["weight_bytes"]["most"] == {"value": 40_000, "kind": "requested"}
    assert (
        receipt["limits"]["weight_bytes"]["met"] and 0 < receipt["limits"]["weight_bytes"]["value"]["value"] <= 40_000
    )
    assert receipt["limits"]["macs"]["value"] == receipt["macs"]
    assert "| limit: at most 40,000 bytes of INT8 weights | " in (bundle / "README.md").read_text()


def test_a_selected_network_beyond_a_limit_is_exported_and_says_so(searched: Searched) -> None:
    folder, result, _ = searched
    exported = export(spec(), str(SPACE.largest()), out=folder)
    assert not exported.within_budget and not all(limit.met for limit in exported.model.limits)
    assert any("weight_bytes=40000 is exceeded" in warning and "selected" in warning for warning in exported.warnings)
    (model,) = result.models.values()
    assert export(spec(), model.architecture, out=folder).within_budget


def test_what_no_network_has_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    events: list[Event] = []
    impossible = spec(limits={"macs": "1k"}, targets=[{"target": "cpu", "latency_ms": "50%"}])
    with pytest.raises(InfeasibleLimits, match="at most 1,000 multiply-accumulates: the smallest has") as caught:
        pipeline.search(impossible, out=tmp_path, on_event=events.append)
    assert not {event.phase for event in events if isinstance(event, PhaseEvent)} & {"profiling", "training"}
    least = cast(dict[str, int], caught.value.facts["nearest"])["macs"]
    with pytest.raises(InfeasibleLimits):
        preflight.plan(impossible.model_copy(update={"limits": Limits(macs=least - 1)}), out=tmp_path)


def test_a_limit_that_everything_meets_is_inactive(searched: Searched) -> None:
    folder = searched[0]
    result = pipeline.search(spec(limits={"params": "1G"}), out=folder)
    (model,) = result.models.values()
    assert not model.limits[0].active and model.limits[0].met
    assert any("params=1000000000 is an inactive constraint" in warning for warning in result.warnings)
