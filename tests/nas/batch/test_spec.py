"""Batch specs: the cells of a matrix, and what is rejected before anything runs."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.batch.spec import BatchSpec, batch_spec
from nas.errors import InvalidBatch

MATRIX: dict[str, Any] = {
    "data": ["digits", "other.npz"],
    "spaces": ["mobilenet", "resnet"],
    "targets": ["cpu", "cpu:threads=2"],
    "budgets": ["40%", 0.2],
    "seeds": [0, 1],
    "search": {"effort": "quick", "limits": {"macs": "1M"}},
}


def _problem(**changes: Any) -> str:
    with pytest.raises(InvalidBatch) as error:
        batch_spec({**MATRIX, **changes})
    return error.value.detail


def test_the_cells_are_all_combinations_with_the_common_options() -> None:
    cells = batch_spec(MATRIX).cells()
    assert len(cells) == 2 * 2 * 2 * 2 * 2 == len({cell.id for cell in cells})
    first = cells[0]
    assert (first.data, first.space, first.target, first.latency_ms, first.seed) == (
        "digits",
        "mobilenet",
        "cpu",
        "40%",
        0,
    )
    assert first.spec.effort == "quick" and first.spec.limits is not None and first.spec.limits.macs == 10**6
    assert [one.target for one in first.spec.targets] == ["cpu"] and first.spec.seed == 0
    groups = {cell.group for cell in cells}
    assert len(groups) == 2 * 2 * 2  # data, space and seed
    assert all(len([cell for cell in cells if cell.group == group]) == 4 for group in groups)


@given(
    data=st.lists(st.sampled_from(["digits", "a", "b"]), min_size=1, unique=True),
    targets=st.lists(st.sampled_from(["cpu", "x", "y"]), min_size=1, unique=True),
    seeds=st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
)
def test_a_cells_id_is_of_what_it_asks_for_alone(data: list[str], targets: list[str], seeds: list[int]) -> None:
    cells = BatchSpec(data=data, targets=targets, budgets=["40%"], seeds=seeds).cells()
    assert len({cell.id for cell in cells}) == len(cells) == len(data) * len(targets) * len(seeds)
    alone = cells[-1]
    (same,) = BatchSpec(data=[alone.data], targets=[alone.target], budgets=["40%"], seeds=[alone.seed]).cells()
    assert (same.id, same.spec) == (alone.id, alone.spec)


def test_excluded_cells_are_left_out() -> None:
    exclude = [{"target": "cpu", "space": "resnet"}, {"latency_ms": "40.0%", "data": "digits"}]
    cells = batch_spec({**MATRIX, "exclude": exclude}).cells()
    assert len(cells) == 32 - 8 - (8 - 2)  # two of the digits' cells at 40 % are of resnet on cpu and already left out
    assert not any(cell.target == "cpu" and cell.space == "resnet" for cell in cells)


def test_labels_are_displayed_in_place_of_entries() -> None:
    cells = batch_spec({**MATRIX, "labels": {"other.npz": "flowers"}}).cells()
    assert {cell.data for cell in cells} == {"digits", "flowers"}
    assert {cell.spec.data for cell in cells} == {"digits", "other.npz"}


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"dta": ["digits"]}, "there is no field 'dta'; did you mean data?"),
        ({"effort": "quick"}, "effort is an option of the searches: write it below `search`"),
        ({"search": {"efort": "quick"}}, "a search has no option 'efort'; did you mean effort?"),
        ({"search": {"effort": "quik"}}, "effort: Input should be 'quick', 'standard' or 'thorough'"),
        ({"search": {"targets": []}}, "targets is set by the matrix"),
        ({"targets": []}, "targets: Tuple should have at least 1 item"),
        ({"budgets": ["40%", "40.0%"]}, "40% is there twice"),
        ({"targets": ["cpu", "cpu"]}, "cpu is there twice"),
        ({"budgets": [0]}, "0 ms is not between 0 and 1,000,000"),
        ({"seeds": list(range(63))}, "2 data x 2 spaces x 2 targets x 2 budgets x 63 seeds are 1,008 cells; a batch has at most 1,000"),
        ({"exclude": [{"target": "cpuu"}]}, "'cpuu' is not in `targets`; did you mean cpu?"),
        ({"exclude": [{}]}, "exclude.0 names nothing"),
        ({"exclude": [{"seed": 0}, {"seed": 1}]}, "`exclude` leaves no cell"),
        ({"labels": {"x": "y"}}, "'x' is not in `data` or `spaces`"),
        ({"labels": {"other.npz": "digits"}}, "two entries have the same label"),
        ({"name": "a/b"}, "name: String should match pattern"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_anything_runs(changes: dict[str, Any], said: str) -> None:
    assert said in _problem(**changes)


def test_a_batch_file_names_its_batch(tmp_path: Path) -> None:
    file = tmp_path / "first boards.yaml"
    file.write_text("data: [digits]\ntargets: [cpu]\nbudgets: [40%]\nsearch: {minutes: 3}\n")
    spec = BatchSpec.from_yaml(file)
    assert spec.name == "first-boards"
    assert [cell.spec.seconds for cell in spec.cells()] == [180]
    file.write_text("- data\n")
    with pytest.raises(InvalidBatch):
        BatchSpec.from_yaml(file)
