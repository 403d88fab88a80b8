"""The targets of a spec are distinguished by what they are, not by how they are written; its numbers are numbers, from anywhere."""

import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from nas.errors import InvalidSpec
from nas.spec import SearchSpec, targets_named
from tests.work import LITTLE

PLAIN = {"data": "digits", "targets": [{"target": "cpu", "latency_ms": "40%"}]}


@pytest.mark.parametrize("value", [True, False, "5", math.nan, math.inf, [5], 10**400])
@pytest.mark.parametrize("field", ["minutes", "resolution", "seed", "threads"])
def test_a_number_is_no_truth_value_and_no_text(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        SearchSpec.model_validate({**PLAIN, field: value})
    assert {error["loc"][0] for error in refused.value.errors()} == {field}
    assert getattr(SearchSpec.model_validate({**PLAIN, field: 5.0}), field) == 5


@pytest.mark.parametrize(
    "value", [True, False, None, [1], {}, math.nan, math.inf, 0, -1, 10**400, "yes", "1:75", "1e", "nan", "1_0"]
)
def test_a_latency_is_a_positive_number_or_a_point_of_the_range(value: object) -> None:
    with pytest.raises(ValidationError):
        SearchSpec.model_validate({**PLAIN, "targets": [{"target": "cpu", "latency_ms": value}]})


@pytest.mark.parametrize(
    ("written", "latency"),
    [("1e-1", 0.1), ("1.5E+1", 15.0), ('"1e-1"', 0.1), ("0.1", 0.1), ("40%", "40%"), ('"4e1%"', "40%")],
)
def test_a_file_writes_numbers_as_json_does(tmp_path: Path, written: str, latency: object) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(
        f"data: digits\ntargets: [{{target: cpu, latency_ms: {written}}}]\nminutes: 6e1\nseed: 1e3\nthreads: null\n"
    )
    spec = SearchSpec.from_yaml(path)
    assert (spec.targets[0].latency_ms, spec.minutes, spec.seed, spec.threads) == (latency, 60.0, 1000, None)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("latency_ms: 1:30", "targets.0.latency_ms: 1:30 is 90 in YAML 1.1"),
        ("latency_ms: yes", "targets.0.latency_ms: yes is true in YAML 1.1; write true"),
        ("latency_ms: true", "(read: true)"),
        ("latency_ms: null", "(read: null)"),
        ("latency_ms: .nan", "targets.0.latency_ms: .nan is no finite number"),
        ("latency_ms: 1, latency_ms: 9", "targets.0.latency_ms: is named twice"),
        ("latency_ms: 1}]\nminutes: on\nx: [{", "minutes: on is true in YAML 1.1"),
        ("latency_ms: 1}]\nseed: 010\nx: [{", "seed: 010 is a number to base 8"),
    ],
)
def test_a_value_of_two_meanings_is_rejected_with_its_field(tmp_path: Path, written: str, problem: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(f"data: digits\ntargets: [{{target: cpu, {written}}}]\n")
    with pytest.raises(InvalidSpec) as refused:
        SearchSpec.from_yaml(path)
    assert problem in refused.value.detail


def test_a_field_of_an_earlier_build_is_rejected_with_its_new_name() -> None:
    work = LITTLE.model_dump() | {"queries": 8}
    with pytest.raises(ValueError, match="`queries` is now called `evaluations`"):
        SearchSpec.model_validate({"data": "digits", "targets": [{"target": "cpu", "latency_ms": 1}], "work": work})


def test_targets_come_in_the_order_of_their_names() -> None:
    found = targets_named(["cpu:threads=2", "alveo-u50", "cpu"])
    assert [one.info.id for one in found] == ["cpu:threads=2", "alveo-u50:isa2", "cpu"]


@pytest.mark.parametrize("names", [("cpu", "cpu:threads=1"), ("alveo-u50", "cpu", "alveo-u50:isa2")])
def test_two_names_of_one_target_are_rejected(names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSpec) as refused:
        targets_named(names)
    assert refused.value.facts == {"targets": [names[0], names[-1]]}
