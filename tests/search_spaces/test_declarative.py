"""Spaces that are declared: the contract of a space, the order of choices, and what cannot be built."""

from pathlib import Path

import pytest
import yaml

from nas.testing.space import SpaceContract
from search_spaces.declarative import SpaceSpec
from search_spaces.errors import InvalidSpace
from search_spaces.registry import space
from search_spaces.space import SearchSpace

YAML = """
name: mine
activation: relu
stem: {channels: 8}
stages:
  - {block: inverted_residual, channels: [16, 8], depth: [1, 2], kernel: [3, 5], expansion: [3, 6], stride: 2}
  - {block: conv, channels: 24}
head: {channels: 32}
"""


class TestDeclared(SpaceContract):
    @pytest.fixture
    def space(self) -> SearchSpace:
        return SpaceSpec.parse(yaml.safe_load(YAML)).build(resolution=12, channels=3, classes=4)


def make(source: str | dict[str, object], resolution: int = 16) -> SearchSpace:
    return space(source, resolution=resolution, channels=3, classes=4)


def test_yaml_space(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(YAML)
    of = make(str(path))
    assert [c.name for c in of.choices] == [
        "resolution", "s1.depth", "s1.width", "s1.b0.kernel", "s1.b0.expansion", "s1.b1.kernel", "s1.b1.expansion",
    ]  # fmt: skip
    assert of.choices[2].values == (8, 16)  # from the smallest to the largest
    assert of.network(of.largest()).layers[-1].out_shape == (4, 1, 1)


def test_a_stage_that_cannot_fit_names_the_stage() -> None:
    stages = [{"block": "conv", "channels": 8, "stride": 2}] * 5
    with pytest.raises(InvalidSpace, match=r"Stage 5 .* resolution 16 its input is only 1x1") as caught:
        make({"name": "deep", "stages": stages})
    assert caught.value.facts == {"stage": 5, "resolution": 16}


def test_declarations_are_bounded() -> None:
    with pytest.raises(InvalidSpace, match="channels"):
        SpaceSpec.parse({"name": "x", "stages": [{"block": "conv", "channels": 10**9}]})


def test_ends_are_numbers_of_stages() -> None:
    stages = [{"block": "conv", "channels": [8, 16]} for _ in range(3)]
    spec = SpaceSpec.parse({"name": "ends", "stages": stages, "ends": [1, 3]})
    space = spec.build(resolution=8, channels=1, classes=2)
    short = space.architecture({**dict(space.largest().values), "stages": 1})
    assert str(short) == "resolution=8 s1.width=16 stages=1"
    assert len(space.network(short).layers) == len(space.network(space.largest()).layers) - 2


@pytest.mark.parametrize("ends", [[1, 2], [4], [0, 3]])
def test_ends_that_are_no_stages_are_rejected(ends: list[int]) -> None:
    stages = [{"block": "conv", "channels": 8} for _ in range(3)]
    with pytest.raises(InvalidSpace, match="ends"):
        SpaceSpec.parse({"name": "ends", "stages": stages, "ends": ends})
