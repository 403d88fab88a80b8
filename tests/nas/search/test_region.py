"""Limits that leave next to nothing: exactly the fastest architecture, or spaces of one or two of them; and several limits at once."""

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from latency_models.additive import MACS, AdditiveCost, to_ms, whole_ticks
from latency_models.compiled import CompiledLatency, compile_cost
from latency_models.cost_limit import CostLimit
from latency_models.joint_sampling import Count
from latency_models.limits import CompiledLimits
from nas.events import Event, FrontEvent
from nas.files import Files
from nas.journal import Journal
from nas.search.candidate import Candidate, distinct, on_all_images
from nas.search.limited_study import LimitedStudy
from nas.search.problem import SearchProblem
from nas.search.region import LimitedRegion
from nas.search.study import run
from search_spaces.builder import Graph, Tensor
from search_spaces.cost import layer_macs, layer_weight_bytes, macs, params, peak_memory_bytes, weight_bytes
from search_spaces.lattice import Lattice
from search_spaces.registry import space as find_space
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
    found = run(
        problem, on_all_images(accuracy), Journal(Files.at(journal)), on_event=events.append, cancelled=lambda: False
    )
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


def limited(space: SearchSpace, shares: Mapping[str, float], budget: float = 0.4) -> LimitedRegion:
    """Limits at points of the ranges of costs; latency is in multiply-accumulates and one tick for each weight byte."""
    lattice = Lattice.of(space)
    both = AdditiveCost("ticks", lambda layer: layer_macs(layer) + layer_weight_bytes(layer))
    cost = compile_cost(both, lattice)
    latency = CompiledLatency(cost.lattice, cost.name, cost.base, cost.costs, unseen=())
    low, high = latency.reachable_ms
    limits = []
    for name, share in shares.items():
        compiled = CompiledLimits(lattice, (CostLimit(name, 0),))
        least, most = compiled.ends(0)
        limits.append(CostLimit(name, least + int((most - least) * share)))
    return LimitedRegion(latency, low + budget * (high - low), tuple(limits))


SETS: list[Mapping[str, float]] = [
    {"weight_bytes": 0.2},
    {"peak_memory_bytes": 0.3},
    {"macs": 0.05, "weight_bytes": 0.1, "peak_memory_bytes": 0.5},
    {"params": 0.0},
]


@pytest.mark.parametrize("shares", SETS)
@pytest.mark.parametrize("name", ["resnet", "mobilenet"])
def test_every_architecture_of_a_region_meets_all_limits(name: str, shares: Mapping[str, float]) -> None:
    space = find_space(name, resolution=8 if name == "resnet" else 32, channels=3, classes=10)
    region = limited(space, shares)
    low, high = region.range_ms
    codes = region.draw(low, high, 400, np.random.default_rng(0))
    assert len(codes) == 400 and region.limited
    assert np.array_equal(region.canonical(codes), codes) and region.meet(codes).all()
    for architecture in region.latency.lattice.decode(codes[:40]):
        network = space.network(architecture)
        costs = {"macs": macs(network), "params": params(network), "weight_bytes": weight_bytes(network)}
        costs["peak_memory_bytes"] = peak_memory_bytes(network)
        assert all(costs[limit.cost] <= limit.most for limit in region.limits)
    assert low <= region.predict_ms(codes).min() and region.predict_ms(codes).max() <= min(high, region.limit_ms)
    assert max(excess.max() for excess in region.constraints(codes).values()) <= 0
    anything = region.latency.lattice.codes() if name == "resnet" else codes
    assert np.array_equal(region.admitted(anything), anything[region.meet(anything)])


def test_a_listed_region_is_counted_and_drawn_evenly() -> None:
    region = limited(find_space("resnet", resolution=8, channels=3, classes=10), {"macs": 0.15, "weight_bytes": 0.05})
    listed = region.enumerated
    assert listed is not None and region.count() == Count.exactly(len(listed))
    assert 100 < len(listed) < 2000
    assert region.range_ms[0] == region.predict_ms(listed).min()
    assert region.range_ms[1] >= region.predict_ms(listed).max()
    drawn = region.draw(*region.range_ms, 20 * len(listed), np.random.default_rng(0))
    counts = Counter(row.tobytes() for row in drawn)
    assert set(counts) == {row.tobytes() for row in listed}
    assert max(counts.values()) < 20 + 8 * 4.5  # each 20 times on average, with a standard deviation of 4.5


def test_the_slowest_within_one_limit_is_exact() -> None:
    region = limited(find_space("resnet", resolution=8, channels=3, classes=10), {"weight_bytes": 0.02}, budget=1.0)
    listed = region.enumerated
    assert listed is not None and region.range_ms[1] == region.predict_ms(listed).max() < region.limit_ms


def test_a_band_without_architectures_gives_none() -> None:
    region = limited(find_space("resnet", resolution=8, channels=3, classes=10), {"weight_bytes": 0.2})
    low, high = region.range_ms
    assert len(region.draw(low / 2, low - 1e-5, 5, np.random.default_rng(0))) == 0
    assert len(region.draw(high, low, 5, np.random.default_rng(0))) == 0


def test_where_samples_are_rejected_the_region_is_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    region = limited(find_space("resnet", resolution=8, channels=3, classes=10), {"weight_bytes": 0.2, "macs": 0.1})
    nothing = np.zeros((0, len(region.choices)), np.int64)
    monkeypatch.setattr(sys.modules[LimitedRegion.__module__], "sample_within", lambda *_: nothing)
    codes = region.draw(*region.range_ms, 300, np.random.default_rng(0))
    assert len(codes) == 300 and region.meet(codes).all()
    assert len({row.tobytes() for row in codes}) > 100


def test_limits_are_kept_and_told_to_searchers_that_know_of_none() -> None:
    region = limited(find_space("resnet", resolution=8, channels=3, classes=10), {"weight_bytes": 0.1})
    study = LimitedStudy(region, "tpe", evaluations=20, seed=1)
    for _ in range(20):
        trial, code = study.ask()
        assert region.meet(code[None]).all()
        study.tell(trial, 0.5)
    assert study.counts.infeasible > 0
    beyond = [t for t in study.study.trials if t.constraints and t.constraints["weight_bytes"] > 0]
    assert len(beyond) > 0
