"""Spaces by what a user calls them: known names with options, YAML and Python files, declarations; and what is no space."""

from pathlib import Path

import pytest

from search_spaces.errors import InvalidSpace
from search_spaces.registry import KNOWN, space
from search_spaces.space import SearchSpace


def make(source: str | dict[str, object], resolution: int = 16) -> SearchSpace:
    return space(source, resolution=resolution, channels=3, classes=4)


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


def test_yaml_aliases_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text("a: &a [1, 1]\nb: [*a, *a]\n")
    with pytest.raises(InvalidSpace, match="aliases are not allowed"):
        make(str(path))


def test_known_spaces_build_with_every_option() -> None:
    for known in KNOWN:
        for option, values in known.options.items():
            for value in values:
                assert make(f"{known.name}:{option}={value}", resolution=32).stages
