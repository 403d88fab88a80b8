"""Spaces of one to nine architectures: profiled whole, their tables checked on the networks to spare, and searched completely."""

from pathlib import Path
from typing import Any

import pytest

from nas import pipeline
from nas.spec import SearchSpec
from nas.stages.profile import networks
from search_spaces.registry import space
from tests.nas import boards
from tests.work import LITTLE


@pytest.fixture(autouse=True)
def _boards(monkeypatch: pytest.MonkeyPatch) -> None:
    boards.install(monkeypatch)


def write(folder: Path, widths: list[int], depths: list[int], kernels: list[int]) -> str:
    """A space of widths x depths architectures of plain convolutions; each convolution has a kernel of its own."""
    path = folder / "tiny.yaml"
    path.write_text(
        f"name: tiny\nactivation: relu\nstem: {{channels: 8, stride: 2}}\nstages:\n"
        f"  - {{block: conv, channels: {widths}, depth: {depths}, kernel: {kernels}, stride: 2}}\nhead: {{channels: 16}}\n"
    )
    return str(path)


@pytest.mark.parametrize(
    ("widths", "depths", "kernels", "size", "method", "tested"),
    [
        ([8], [1], [3], 1, "fitted", 1),
        ([8, 16], [1], [3], 2, "fitted", 2),  # nothing but the stem is in both
        ([8], [1, 2], [3], 2, "cross_validated", 1),  # the shorter one's layers are in the longer one
        ([8, 16], [1, 2], [3], 4, "cross_validated", 2),
        ([8, 16, 24], [1], [3, 5, 7], 9, "fitted", 9),  # each kernel and width is in one alone
    ],
)
def test_a_tiny_space_is_profiled(
    tmp_path: Path, widths: list[int], depths: list[int], kernels: list[int], size: int, method: str, tested: int
) -> None:
    named = write(tmp_path, widths, depths, kernels)
    fitted, held_out = networks(space(named, resolution=32, channels=3, classes=10), LITTLE.profile, 0)
    assert (len({n.id for n in fitted}), held_out) == (size, [])
    made = pipeline.profile("board", named, resolution=32, channels=3, classes=10, effort="quick", store=tmp_path)
    assert made.architectures == str(size)
    assert (made.accuracy_report.fitted, made.accuracy_report.method, made.accuracy_report.tested) == (
        size,
        method,
        tested,
    )
    assert made.accuracy_report.mape < 0.05


def test_a_space_that_can_spare_networks_holds_them_out(tmp_path: Path) -> None:
    """Of 27 architectures, 6 are held out and 12 of the others fitted."""
    named = write(tmp_path, [8, 16, 24], [1, 2], [3, 5, 7])
    fitted, held_out = networks(space(named, resolution=32, channels=3, classes=10), LITTLE.profile, 0)
    assert (len(fitted), len(held_out)) == (12, 6)
    assert not {n.id for n in fitted} & {n.id for n in held_out}


@pytest.mark.parametrize(("widths", "budget"), [([8], "0%"), ([8, 16], "0%"), ([8, 16], "100%")])
def test_a_tiny_space_is_searched_to_the_end(tmp_path: Path, widths: list[int], budget: str) -> None:
    given: dict[str, Any] = {"data": "digits", "space": write(tmp_path, widths, [1, 2], [3]), "work": LITTLE}
    target = {"target": "board", "latency_ms": budget}
    result = pipeline.search(SearchSpec.model_validate({**given, "threads": 1, "targets": [target]}), out=tmp_path)
    within = int(result.models["board"].budget.architectures_within)
    assert 1 <= within < 2 * len(widths) if budget == "0%" else within == 2 * len(widths)
    assert 1 <= len(result.front) <= within
    assert result.models["board"].latency_ms.predicted <= result.models["board"].latency_ms.budget
