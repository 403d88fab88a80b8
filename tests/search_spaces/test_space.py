"""Architectures of a space: canonical, parsed, fingerprinted, and rejected where they are invalid."""

import random

import pytest

from search_spaces.errors import InvalidArchitecture, InvalidSpace
from search_spaces.registry import space
from search_spaces.space import Choice, SearchSpace


def make(source: str | dict[str, object], resolution: int = 16) -> SearchSpace:
    return space(source, resolution=resolution, channels=3, classes=4)


def test_architecture_is_canonical_and_parses() -> None:
    of = make("mobilenet", 28)
    architecture = of.sample(random.Random(3))
    assert of.parse(str(architecture)) == architecture
    assert of.parse(str(architecture)).id == architecture.id


def test_architecture_leaves_out_what_is_inactive() -> None:
    assert "s2.b2.kernel" not in dict(make("mobilenet", 28).smallest().values)
    assert "s2.b2.kernel" in dict(make("mobilenet", 28).largest().values)


def test_unknown_values_are_rejected() -> None:
    of = make("mobilenet", 28)
    with pytest.raises(InvalidArchitecture, match="offers"):
        of.architecture({**dict(of.largest().values), "s1.width": 7})
    with pytest.raises(InvalidArchitecture, match="no choice of this space"):
        of.architecture({**dict(of.largest().values), "colour": 1})
    with pytest.raises(InvalidArchitecture, match="has no value"):
        of.architecture({"resolution": 28})


def test_fingerprint_sees_choices_and_drawings() -> None:
    assert make("mobilenet").fingerprint == make("mobilenet").fingerprint
    assert len({make(name).fingerprint for name in ("mobilenet", "mobilenet:activation=relu", "resnet")}) == 3


def test_two_choices_of_one_name_must_agree() -> None:
    stages = make("resnet").stages
    clash = stages[0].__class__("clash", (Choice("s1.depth", (1, 9)),), stages[0].build)
    with pytest.raises(InvalidSpace, match=r"Two choices are named 's1\.depth'"):
        SearchSpace("clash", 3, 4, Choice("resolution", (16,)), (*stages, clash))
