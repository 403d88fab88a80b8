"""A run's architectures, found by the beginning of their ids."""

from pathlib import Path

import pytest

from nas.errors import UnknownArchitecture, UnknownRun
from nas.events import FrontPoint
from nas.runs import keep, select_architecture
from tests.metrics import as_accuracy
from tests.nas.stages import jobs

SPEC = jobs.spec()


def points(*ids: str) -> list[FrontPoint]:
    return [
        FrontPoint(architecture=f"n={one}", architecture_id=one, metric=as_accuracy(0.5), latency_ms=1.0) for one in ids
    ]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    keep(tmp_path / "run", SPEC, {"cpu": points("ab12", "ab34", "cd56"), "cpu:threads=2": points("ab12")})
    return tmp_path / "run"


@pytest.mark.parametrize("named", ["ab1", "ab12"])
def test_an_architecture_is_named_by_the_beginning_of_its_id(run: Path, named: str) -> None:
    """Two targets that evaluated the same one do not make it two."""
    assert select_architecture(run, named) == (SPEC, "n=ab12")


def test_a_whole_architecture_needs_not_be_one_that_was_evaluated(run: Path) -> None:
    assert select_architecture(run, "n=other") == (SPEC, "n=other")


@pytest.mark.parametrize(("named", "known"), [("ab", ["ab12", "ab34"]), ("x", ["ab12", "ab34", "cd56"]), ("", None)])
def test_what_names_none_or_several_is_rejected_with_those_it_could_be(
    run: Path, named: str, known: list[str] | None
) -> None:
    with pytest.raises(UnknownArchitecture) as refused:
        select_architecture(run, named)
    assert refused.value.facts["known"] == (known or ["ab12", "ab34", "cd56"])


def test_a_run_that_is_absent_or_of_another_version_is_unknown(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownRun):
        select_architecture(tmp_path / "absent", "ab1")
    (run / "spec.json").write_text('{"colour": "red"}')
    with pytest.raises(UnknownRun):
        select_architecture(run, "ab1")
