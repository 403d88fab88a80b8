"""The part of a space that a target runs, and what becomes of its activation."""

from pathlib import Path
from typing import Any

import pytest

from nas.pipeline import run_name
from nas.prepare_job import resolve_spec
from nas.spec import SearchSpec
from search_spaces.errors import UnsupportedSpace
from tests.nas import boards
from tests.nas.stages import jobs


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    boards.install(monkeypatch)


def dpu(**fields: Any) -> SearchSpec:
    return jobs.spec(**{"space": "mobilenet", "targets": [{"target": "dpu", "latency_ms": "60%"}], **fields})


PYTHON_SPACE = """
from search_spaces.space import Choice, SearchSpace, Stage

def space(resolution, channels, classes):
    def build(g, x, read):
        x = g.conv("c", x, 8, kernel=read["kernel"], activation="{activation}")
        return g.linear("classifier", g.global_avg_pool("pool", x), classes)

    return SearchSpace("mine", channels, classes, Choice("resolution", (resolution,)),
                       (Stage("only", (Choice("kernel", (3, 5, 7)),), build),))
"""


def test_one_target_alone_trains_a_supernet_of_its_own_part(tmp_path: Path) -> None:
    job = resolve_spec(jobs.context(tmp_path), dpu())
    assert job.space.fingerprint == job.restricted[0].space.fingerprint
    assert all(boards.Dpu().supports(layer).ok for layer in job.space.network(job.space.largest()).layers)


def test_a_hard_swish_space_is_searched_with_relu(tmp_path: Path) -> None:
    context = jobs.context(tmp_path)
    job = resolve_spec(context, dpu(space="mobilenet:activation=hard_swish"))
    assert job.space.name == "mobilenet:activation=relu"
    assert "no hard_swish" in context.warnings[0]


@pytest.mark.parametrize(("activation", "fits"), [("relu", True), ("relu6", False), ("hard_swish", False)])
def test_a_space_in_python_keeps_its_activation_or_is_rejected(tmp_path: Path, activation: str, fits: bool) -> None:
    path = tmp_path / "mine.py"
    path.write_text(PYTHON_SPACE.replace("{activation}", activation))
    if fits:
        job = resolve_spec(jobs.context(tmp_path), dpu(space=str(path)))
        assert [(one.choice, one.value) for one in job.restricted[0].removed] == [("kernel", 7)]
        return
    with pytest.raises(UnsupportedSpace, match=activation) as caught:
        resolve_spec(jobs.context(tmp_path), dpu(space=str(path)))
    assert "without these layers" in caught.value.fix


def test_searches_that_share_a_supernet_have_the_space_of_a_search_for_all_of_their_targets(tmp_path: Path) -> None:
    context, names = jobs.context(tmp_path), ("board", "dpu")
    both = resolve_spec(context, dpu(targets=[{"target": name, "latency_ms": "60%"} for name in names]))
    for number, name in enumerate(names):
        alone = resolve_spec(context, dpu(targets=[{"target": name, "latency_ms": "60%"}], supernet_targets=names))
        assert alone.space.fingerprint == both.space.fingerprint
        assert [one.id for one in alone.targets] == [name]
        assert alone.restricted[0].space.fingerprint == both.restricted[number].space.fingerprint
    assert resolve_spec(context, dpu()).space.fingerprint != both.space.fingerprint


def test_which_targets_share_the_supernet_does_not_name_a_run() -> None:
    assert run_name(dpu()) == run_name(dpu(supernet_targets=["board"]))
    assert (
        "supernet_targets" in dpu().without_effect
        and "supernet_targets" not in dpu(supernet_targets=["dpu"]).without_effect
    )
