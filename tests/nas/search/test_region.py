"""Limits that leave next to nothing: exactly the fastest architecture, or spaces of one or two of them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from latency_models.additive import MACS, to_ms, whole_ticks
from latency_models.compiled import CompiledLatency, compile_cost
from nas.events import Event, FrontEvent
from nas.files import Files
from nas.journal import Journal
from nas.search.region import LimitedRegion
from nas.search.study import Candidate, SearchProblem, distinct, run
from search_spaces.builder import Graph, Tensor
from search_spaces.lattice import Lattice
from search_spaces.space import Architecture, Choice, SearchSpace, Stage, Value


def small_space(widths: tuple[int, ...], depths: tuple[int, ...]) -> SearchSpace:
    """Convolutions on 4x4 maps, `depth` of them: as many architectures as widths times depths."""

    def build(g: Graph, x: Tensor, read: Mapping[str, Value]) -> Tensor:
        for number in range(int(read["depth"])):
            x = g.conv(str(number), x, int(read["width"]))
        return g.linear("fc", g.global_avg_pool("gap", x), 2)

    stage = Stage("s", (Choice("width", widths), Choice("depth", depths)), build)
    return SearchSpace("small", 1, 2, Choice("resolution", (4,)), (stage,))


def compiled(space: SearchSpace) -> CompiledLatency:
    """A multiply-accumulate takes a tick."""
    cost = compile_cost(MACS, Lattice.of(space))
    return CompiledLatency(cost.lattice, cost.name, cost.base, cost.costs, unseen=())


def search(
    space: SearchSpace, latency: CompiledLatency, limit_ms: float, evaluations: int, journal: Path
) -> tuple[list[Candidate], list[Event]]:
    """Accuracy grows with the latency."""
    events: list[Event] = []

    def accuracy(architecture: Architecture) -> float:
        return 0.5 + to_ms(MACS.of(space.network(architecture)))

    problem = SearchProblem(space, LimitedRegion(latency, limit_ms), "cpu", limit_ms, evaluations, seed=0)
    found = run(problem, accuracy, Journal(Files.at(journal)), on_event=events.append, cancelled=lambda: False)
    return found, events


@pytest.mark.parametrize("budget", ["0%", 16 + 2 + 1e-9])
def test_a_budget_of_exactly_the_fastest_has_a_front(budget: str | float, tmp_path: Path) -> None:
    """One channel, one layer: 16 multiply-accumulates at 4x4, 2 in the classifier, so 18 ticks of 10 ns."""
    space = small_space((1, 2, 4), (1, 2))
    latency = compiled(space)
    limit_ms = latency.budget_ms(budget if isinstance(budget, str) else budget / 100_000)
    assert whole_ticks(limit_ms) == 18
    found, events = search(space, latency, limit_ms, 8, tmp_path / "j")
    assert {c.architecture for c in found} == {space.smallest()}
    last = [event for event in events if isinstance(event, FrontEvent)][-1]
    assert [point.latency_ms for point in last.points] == [0.00018]
    assert last.hypervolume == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(("widths", "depths"), [((1,), (1,)), ((1, 2), (1,)), ((1, 2), (1, 2)), ((1, 2, 3), (1, 2, 3))])
def test_as_many_queries_as_architectures_find_them_all(
    widths: tuple[int, ...], depths: tuple[int, ...], tmp_path: Path
) -> None:
    space = small_space(widths, depths)
    latency = compiled(space)
    size = len(widths) * len(depths)
    found, _ = search(space, latency, latency.reachable_ms[1], size, tmp_path / "j")
    assert len(distinct(found)) == size
