"""Exporting a selected architecture: what is reused, what is exported, and what is rejected."""

import json
from pathlib import Path

import pytest

from hw_targets.errors import UnknownTarget, UnsupportedArchitecture
from hw_targets.registry import target
from nas import export, pipeline
from nas.errors import Cancelled, InvalidSpec
from nas.events import Event, FinalistEvent, FrontPoint, PhaseEvent
from nas.result import SearchResult
from nas.runs import select_architecture
from nas.spec import SearchSpec
from search_spaces.errors import InvalidArchitecture
from search_spaces.registry import space
from tests.work import LITTLE

SPEC = SearchSpec.model_validate(
    {
        "data": "digits", "space": "resnet", "work": LITTLE, "threads": 1,
        "targets": [{"target": "alveo-u50", "latency_ms": "50%"}],
    }
)  # fmt: skip
"""The target is simulated, so that nothing depends on how busy the machine is."""

Searched = tuple[Path, SearchResult, list[Event]]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """One search that all tests of this file export from."""
    folder, events = tmp_path_factory.mktemp("searched"), list[Event]()
    return folder, pipeline.search(SPEC, out=folder, on_event=events.append), events


def computed(events: list[Event]) -> set[str]:
    """Stages that ran."""
    return {event.phase for event in events if isinstance(event, PhaseEvent) and event.status == "started"}


def other(result: SearchResult) -> FrontPoint:
    """A point of what the supernet said that the search did not finish."""
    (estimates,) = result.estimates.values()
    done = {point.architecture_id for point in result.front}
    return next(point for point in estimates if point.architecture_id not in done)


def test_another_point_of_the_front_is_trained_with_what_the_search_computed(searched: Searched) -> None:
    folder, result, _ = searched
    selected, events = other(result), list[Event]()
    exported = export(SPEC, selected.architecture, out=folder, on_event=events.append)
    assert "fine_tuning" in computed(events) and not computed(events) & {"profiling", "training", "searching"}
    assert exported.model.architecture_id == selected.architecture_id
    assert (exported.run, exported.target, exported.within_budget) == (result.run, *result.models, True)
    bundle = Path(exported.model.bundle)
    (delivered,) = result.models.values()
    assert sorted(p.name for p in bundle.iterdir()) == sorted(p.name for p in Path(delivered.bundle).iterdir())
    assert bundle.parent == folder / result.run and bundle != Path(delivered.bundle)
    receipt = json.loads((bundle / "receipt.json").read_text())
    assert receipt["metric"]["int8"]["value"] == exported.model.metric.int8.value
    assert receipt["latency_ms"]["simulated"]["value"] == exported.model.latency_ms.simulated
    events.clear()
    assert export(SPEC, selected.architecture, out=folder, on_event=events.append).model == exported.model
    assert computed(events) == {"delivering"}


def test_what_the_search_delivered_is_not_trained_again(searched: Searched) -> None:
    folder, result, _ = searched
    (delivered,) = result.models.values()
    events: list[Event] = []
    exported = export(SPEC, delivered.architecture, out=folder, on_event=events.append)
    assert "fine_tuning" not in computed(events)
    of_the_search = {"cost": delivered.cost, "trust": delivered.trust}
    assert None not in of_the_search.values() and exported.model.cost is None and exported.model.trust is None
    assert exported.model.model_copy(update={"bundle": delivered.bundle, **of_the_search}) == delivered


def test_networks_that_lost_the_tournament_are_exported_without_training_from_what_the_run_kept(
    searched: Searched,
) -> None:
    """The spec that a run keeps names the same run, and the same trained networks, as the requested one."""
    folder, result, emitted = searched
    finished = {event.architecture_id for event in emitted if isinstance(event, FinalistEvent)}
    assert len(finished) == 2
    for selected in finished:
        spec, architecture = select_architecture(folder / result.run, selected)
        events: list[Event] = []
        exported = export(spec, architecture, out=folder, on_event=events.append)
        assert exported.run == result.run and Path(exported.model.bundle).parent == folder / result.run
        assert "fine_tuning" not in computed(events)


def test_a_lost_store_is_computed_again_to_the_same_model(searched: Searched, tmp_path: Path) -> None:
    folder, result, _ = searched
    exported = export(SPEC, other(result).architecture, out=folder)
    again = export(SPEC, other(result).architecture, out=tmp_path)
    model = Path("model.int8.onnx")
    assert (Path(again.model.bundle) / model).read_bytes() == (Path(exported.model.bundle) / model).read_bytes()
    assert again.model.latency_ms == exported.model.latency_ms


def test_one_that_exceeds_the_budget_is_delivered_and_says_so(searched: Searched) -> None:
    folder, result, _ = searched
    tight = SPEC.model_copy(update={"targets": (SPEC.targets[0].model_copy(update={"latency_ms": "1%"}),)})
    exported = export(tight, result.front[-1].architecture, "alveo-u50", out=folder)
    assert not exported.within_budget
    assert exported.model.latency_ms.final_ms > exported.model.latency_ms.budget
    receipt = json.loads((Path(exported.model.bundle) / "receipt.json").read_text())
    assert receipt["warnings"] == list(exported.warnings)
    assert any("is exceeded" in warning and "selected" in warning for warning in exported.warnings)


def test_what_is_no_architecture_or_target_of_the_search_is_rejected(searched: Searched) -> None:
    folder, result, _ = searched
    selected = other(result).architecture
    for wrong in ("", "width", "resolution=8", selected + " s9.width=3"):
        with pytest.raises(InvalidArchitecture):
            export(SPEC, wrong, out=folder)
    with pytest.raises(UnknownTarget, match="alveo-u50"):
        export(SPEC, selected, "cpu", out=folder)
    both = SPEC.model_copy(update={"targets": (*SPEC.targets, SPEC.targets[0].model_copy(update={"target": "cpu"}))})
    with pytest.raises(InvalidSpec, match="2 targets"):
        export(both, selected, out=folder)
    with pytest.raises(Cancelled):
        export(SPEC, selected, out=folder / "elsewhere", cancelled=lambda: True)


def test_an_architecture_that_the_target_does_not_run_is_rejected_with_the_reason(tmp_path: Path) -> None:
    # the board does not multiply maps by each other's means, so it runs no squeeze-and-excite
    squeezed = space("mobilenet:activation=relu", resolution=8, channels=1, classes=10).largest()
    targets = ({"target": "kv260", "latency_ms": "50%"},)
    spec = SearchSpec.model_validate({**SPEC.model_dump(), "space": "mobilenet:activation=relu", "targets": targets})
    with pytest.raises(UnsupportedArchitecture, match="does not run") as refused:
        export(spec, str(squeezed), out=tmp_path)
    assert refused.value.facts["target"] == target("kv260").info.id
    unsupported = refused.value.facts["unsupported"]
    assert isinstance(unsupported, dict) and list(unsupported) == ["s1.se=true", "s2.se=true", "s3.se=true"]


def test_a_run_keeps_its_spec_with_the_work_that_was_done(searched: Searched) -> None:
    folder, result, _ = searched
    selected = other(result)
    run = folder / result.run
    resolved = SPEC.model_copy(update={"work": LITTLE.model_copy(update={"resolution": 8})})
    assert select_architecture(run, selected.architecture_id) == (resolved, selected.architecture)
    assert select_architecture(run, selected.architecture) == (resolved, selected.architecture)
