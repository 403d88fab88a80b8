"""The one reader of YAML files: what it reads, and what it rejects with the field, what was read and how to write it."""

import os
from pathlib import Path

import pytest

from search_spaces.declarative import SpaceSpec
from search_spaces.errors import InvalidSpace
from search_spaces.yaml_file import MAX_DEPTH, MAX_FILE_BYTES, read_yaml


def read(tmp_path: Path, content: str | bytes) -> object:
    """What a file of this content holds."""
    path = tmp_path / "file.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_yaml(path, "a space", InvalidSpace)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-1", 0.1), ("1E2", 100.0), ("2.5e+1", 25.0), ("5", 5), ("-3", -3), ("0", 0), ("0.5", 0.5), (".5", 0.5), ("5.", 5.0),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("40%", "40%"), ("cpu:threads=2", "cpu:threads=2"),
        ('"yes"', "yes"), ("'1:30'", "1:30"), ('"010"', "010"), ("1:75", "1:75"), ("photos/2024", "photos/2024"), ("1.2.3", "1.2.3"),
        ("y", "y"), ("[1, 2.5]", [1, 2.5]), ("{b: [true]}", {"b": [True]}), ("<<", "<<"), ("=", "="), ("café", "café"),
    ],
)  # fmt: skip
def test_a_plain_value_is_what_it_looks_like(tmp_path: Path, text: str, value: object) -> None:
    found = read(tmp_path, f"a: {text}\n")
    assert found == {"a": value} and isinstance(found, dict) and type(found["a"]) is type(value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1:30", "is 90 in YAML 1.1, to base 60"), ("-1:30.5", "is -90.5 "), ("190:20:30", "is 685230 "),
        ("yes", "write true"), ("No", "write false"), ("ON", "write true"), ("off", "write false"),
        ("010", "base 8"), ("-007", "base 8"), ("0o17", "another base"), ("0x1F", "another base"), ("0b11", "another base"),
        ("08", "zeros"), ("01.5", "zeros"), ("1_000", "without"), ("1_0.5", "without"), ("2024-01-31", "date"),
        ("2024-01-31T12:00:00Z", "date"), (".inf", "finite"), ("-.Inf", "finite"), (".NaN", "finite"), ("1e999", "too large"),
        ("9" * 5000, "too large"),
    ],
)  # fmt: skip
def test_what_readers_take_differently_is_rejected(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InvalidSpace) as caught:
        read(tmp_path, f"a:\n  - b: 1\n  - {{c: {text}}}\n")
    lines = caught.value.facts["fields"]
    assert isinstance(lines, list) and len(lines) == 1
    line = str(lines[0])
    assert line.startswith(f"a.1.c: {text[:40]} ") and problem in line


def test_every_wrong_value_is_named_and_names_are_given_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpace) as caught:
        read(tmp_path, "a: yes\nb: {c: 010, c: 1}\n? [1, 2]\n: 3\n")
    lines = caught.value.facts["fields"]
    assert isinstance(lines, list)
    assert [line.split(":")[0] for line in lines] == ["a", "b.c", "b.c", "the document"]
    assert "named twice" in lines[2] and "sequence" in lines[3]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a: &a [1, 1]\nb: [*a, *a]\n", "aliases are not allowed (line 2, column 5)"),
        ("a: !!float 1\n", "tags are not allowed"),
        ("a: !!python/object/apply:os.system [ls]\n", "tags are not allowed"),
        ("[" * 100_000, "nested more than"),
        ("- " * 100_000 + "1\n", "nested more than"),
        ("{a: " * 5000 + "1" + "}" * 5000, "nested more than"),
        ("#" * (MAX_FILE_BYTES + 1), "larger than 256 KiB"),
        ("a: 1\n---\nb: 2\n", "Cannot read"),
        ("a: [", "Cannot read"),
        (b"a: \xff\xfe\x00", "Cannot read"),
        (b"a: \x00", "Cannot read"),
    ],
)
def test_what_could_grow_or_act_is_rejected(tmp_path: Path, content: str | bytes, problem: str) -> None:
    with pytest.raises(InvalidSpace) as caught:
        read(tmp_path, content)
    assert problem in caught.value.detail and len(caught.value.detail) < 1000


def test_files_are_read_by_their_content_and_not_by_their_size(tmp_path: Path) -> None:
    nested = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert read(tmp_path, f"a: {nested[1:-1]}\n") is not None
    assert read(tmp_path, "a: é\n".encode("utf-16")) == read(tmp_path, "\ufeffa: é\n") == {"a": "é"}
    for path in (tmp_path, tmp_path / "none.yaml", Path(os.devnull).with_name("zero")):
        with pytest.raises(InvalidSpace):
            read_yaml(path, "a space", InvalidSpace)


@pytest.mark.parametrize(
    "stage", ["channels: true", "channels: [true, 16]", 'channels: "16"', "channels: 8, stride: true"]
)
def test_a_truth_value_or_a_text_is_no_number_of_a_space(tmp_path: Path, stage: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: mine\nstages: [{{block: conv, {stage}}}]\n")
    with pytest.raises(InvalidSpace, match="should be a number"):
        SpaceSpec.load(path)


def test_a_space_may_write_its_numbers_with_exponents(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nstages: [{block: conv, channels: [1.6e1, 8], expansion: 1e0}]\n")
    assert (SpaceSpec.load(path).stages[0].channels, SpaceSpec.load(path).stages[0].expansion) == ((8, 16), (1.0,))
