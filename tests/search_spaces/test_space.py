"""Spaces from names, YAML, Python and JSON, and what is said of those that cannot be built."""

import random
from pathlib import Path

import pytest

from search_spaces.declarative import SpaceSpec
from search_spaces.errors import InvalidArchitecture, InvalidSpace
from search_spaces.registry import KNOWN, space
from search_spaces.space import Choice, SearchSpace

YAML = """
name: mine
activation: relu
stem: {channels: 8}
stages:
  - {block: inverted_residual, channels: [16, 8], depth: [1, 2], kernel: [3, 5], expansion: [3, 6], stride: 2}
  - {block: conv, channels: 24}
head: {channels: 32}
"""


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


def test_python_space(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from search_spaces.declarative import SpaceSpec, StageSpec\n"
        "def wide(resolution, channels, classes):\n"
        "    return SpaceSpec(name='wide', stages=[StageSpec(block='conv', channels=[8, 16, 32])])\n"
    )
    assert make(f"{path}:wide").largest().values == (("resolution", 16), ("s1.width", 32))


def test_python_space_that_fails_is_typed(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def space(**_): raise RuntimeError('boom')")
    with pytest.raises(InvalidSpace, match="RuntimeError: boom"):
        make(str(path))


def test_architecture_is_canonical_and_parses() -> None:
    of = make("mobilenet", 28)
    architecture = of.sample(random.Random(3))
    assert of.parse(str(architecture)) == architecture
    assert of.parse(str(architecture)).id == architecture.id


def test_architecture_leaves_out_what_is_inactive() -> None:
    assert "s2.b2.kernel" not in dict(make("mobilenet", 28).smallest().values)
    assert "s2.b2.kernel" in dict(make("mobilenet", 28).largest().values)


def test_unknown_values_are_refused() -> None:
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


def test_a_stage_that_cannot_fit_names_the_stage() -> None:
    stages = [{"block": "conv", "channels": 8, "stride": 2}] * 5
    with pytest.raises(InvalidSpace, match=r"Stage 5 .* resolution 16 its input is only 1x1") as caught:
        make({"name": "deep", "stages": stages})
    assert caught.value.facts == {"stage": 5, "resolution": 16}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("vgg", "no space 'vgg'"),
        ("mobilenet:colour=red", "no option colour=red"),
        ("missing.yaml", "Cannot read missing.yaml"),
        ("missing.py", "no file missing.py"),
        ({"name": "x", "stages": []}, "stages"),
        ({"name": "x", "stages": [{"block": "teleport", "channels": 8}]}, r"stages\.0\.block"),
        ({"name": "x", "stages": [{"block": "conv", "channels": []}]}, r"stages\.0\.channels"),
        ({"name": "x", "stages": [5]}, r"not valid: stages\.0: [^;]*\. Correct"),
        ({"name": "x", "stages": [{"block": "conv", "channels": 8}], "surprise": 1}, "surprise"),
    ],
)
def test_bad_spaces(source: str | dict[str, object], message: str) -> None:
    with pytest.raises(InvalidSpace, match=message):
        make(source)


def test_yaml_aliases_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text("a: &a [1, 1]\nb: [*a, *a]\n")
    with pytest.raises(InvalidSpace, match="aliases are not allowed"):
        make(str(path))


def test_two_choices_of_one_name_must_agree() -> None:
    stages = make("resnet").stages
    clash = stages[0].__class__("clash", (Choice("s1.depth", (1, 9)),), stages[0].build)
    with pytest.raises(InvalidSpace, match=r"Two choices are named 's1\.depth'"):
        SearchSpace("clash", 3, 4, Choice("resolution", (16,)), (*stages, clash))


def test_known_spaces_build_with_every_option() -> None:
    for known in KNOWN:
        for option, values in known.options.items():
            for value in values:
                assert make(f"{known.name}:{option}={value}").stages


def test_declarations_are_bounded() -> None:
    with pytest.raises(InvalidSpace, match="channels"):
        SpaceSpec.parse({"name": "x", "stages": [{"block": "conv", "channels": 10**9}]})
