"""The contract of a searcher, which is an Optuna sampler. Authors of a sampler subclass it and create the sampler in a fixture:

    import pytest

    from my_package.evolution import EvolutionSampler
    from nas.testing.sampler import CreateSampler, SamplerContract


    class TestEvolution(SamplerContract):
        @pytest.fixture
        def create(self) -> CreateSampler:
            return lambda region, trials, seed: EvolutionSampler(region, seed=seed)

A sampler with state that a rebuilt study does not have sets `resumes_exactly = False`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import optuna
import pytest
from optuna.samplers import BaseSampler

from latency_models.additive import MACS, to_ms
from latency_models.compiled import CompiledLatency, compile_cost
from nas.events import ignore
from nas.files import Files
from nas.journal import Journal
from nas.search.candidate import Candidate, on_all_images
from nas.search.limited_study import LimitedStudy
from nas.search.problem import SearchProblem
from nas.search.region import LimitedRegion
from nas.search.sampler import Region
from nas.search.study import run
from nas.search.study_journal import read_lines
from nas.search.table_region import TableRegion
from search_spaces.builder import Graph, Tensor
from search_spaces.cost import macs
from search_spaces.lattice import Lattice
from search_spaces.space import RESOLUTION, Architecture, Choice, SearchSpace, Stage, Value

CreateSampler = Callable[[Region, int, int], BaseSampler]
"""(region, number of trials of the whole search, seed) to the sampler."""

TRIALS = 24


@dataclass
class Searched:
    """A search on an artificial problem: a multiply-accumulate takes 10 ns, and more of them in deeper networks are better."""

    space: SearchSpace
    create: CreateSampler
    limit: float = 0.5
    evaluated: list[Architecture] = field(default_factory=list)

    @property
    def latency(self) -> CompiledLatency:
        """Of the whole space."""
        cost = compile_cost(MACS, Lattice.of(self.space))
        return CompiledLatency(cost.lattice, cost.name, cost.base, cost.costs, unseen=())

    @property
    def limit_ms(self) -> float:
        """A point between the fastest and the slowest architecture."""
        fastest, slowest = self.latency.reachable_ms
        return fastest + self.limit * (slowest - fastest)

    def accuracy(self, architecture: Architecture) -> float:
        """Artificial, 0-1."""
        self.evaluated.append(architecture)
        share = macs(self.space.network(architecture)) / macs(self.space.network(self.space.largest()))
        return 0.3 + 0.5 * share + 0.1 * (int(dict(architecture.values)["depth"]) > 1)

    def run(self, journal: Path, trials: int = TRIALS, seed: int = 3, at_once: int = 1) -> list[Candidate]:
        """The evaluated candidates, in order; a journal that already has trials is resumed."""
        region = LimitedRegion(self.latency, self.limit_ms)
        problem = SearchProblem(self.space, region, "made-up", self.limit_ms, trials, seed=seed, at_once=at_once)
        return run(
            problem,
            on_all_images(self.accuracy),
            Journal(Files.at(journal)),
            on_event=ignore,
            cancelled=lambda: False,
            sampler=self.create(region, trials, seed),
        )


class SamplerContract:
    """What holds for every sampler of `nas.search.study.run`."""

    resumes_exactly: ClassVar[bool] = True
    """Whether an interrupted search gives the same result as an uninterrupted one."""
    trials: ClassVar[int] = TRIALS
    """Evaluations of a search; a slow sampler may take fewer."""

    @pytest.fixture
    def create(self) -> CreateSampler:
        """Creates the sampler under test. To be overridden."""
        raise NotImplementedError("override the fixture `create`")

    def test_every_suggestion_meets_the_limit(self, create: CreateSampler, tmp_path: Path) -> None:
        searched = Searched(small_space((2, 3, 4, 6, 8), (1, 2, 3)), create)
        found = searched.run(tmp_path / "j", self.trials)
        assert len(found) == self.trials
        assert max(candidate.latency_ms for candidate in found) <= searched.limit_ms
        assert len({candidate.architecture for candidate in found}) == self.trials, (
            "an architecture was evaluated twice"
        )

    @pytest.mark.parametrize("front", [True, False])
    def test_it_works_in_any_study_of_optuna(self, create: CreateSampler, front: bool) -> None:
        """With all choices suggested at once, with a front or the metric alone, and beside trials that still run."""
        region = TableRegion.of_choices(
            {"a": (1, 2, 3), "b": ("x", "y"), "c": (0.5, 1.0)}, lambda v: v["a"] * v["c"], 2.0
        )
        study = optuna.create_study(
            directions=["maximize", "minimize"] if front else ["maximize"], sampler=create(region, 6, 1)
        )
        for _ in range(6):
            trials = [study.ask() for _ in range(2)]
            for trial in trials:
                chosen = {c.name: trial.suggest_categorical(c.name, c.values) for c in region.choices}
                assert chosen["b"] in ("x", "y")
            for trial in trials:
                study.tell(trial, [float(trial.number), 1.0] if front else [float(trial.number)])

    def test_a_batch_has_different_architectures(self, create: CreateSampler) -> None:
        region = TableRegion.of_choices({"a": (1, 2, 3, 4), "b": (1, 2, 3)}, lambda v: v["a"] * v["b"], 6.0)
        limited = LimitedStudy(region, create(region, 9, 2), evaluations=9)
        for _ in range(3):
            batch = limited.ask_batch(3)
            assert len({code.tobytes() for _, code in batch}) == 3
            for trial, code in batch:
                limited.tell(trial, float(code.sum()))
        assert limited.exhausted  # nine architectures are within the limit

    def test_one_seed_gives_one_search(self, create: CreateSampler, tmp_path: Path) -> None:
        space = small_space((2, 3, 4, 6, 8), (1, 2, 3))
        first, again = (Searched(space, create).run(tmp_path / name, self.trials) for name in "ab")
        assert first == again

    @pytest.mark.parametrize(("kept", "at_once"), [(1, 1), (9, 1), (-1, 1), (1, 4)])
    def test_an_interrupted_search_is_resumed(
        self, create: CreateSampler, tmp_path: Path, kept: int, at_once: int
    ) -> None:
        """`kept` batches of `at_once` architectures are in the journal."""
        searched = Searched(small_space((2, 3, 4, 6, 8), (1, 2, 3)), create)
        whole = searched.run(tmp_path / "whole", self.trials, at_once=at_once)
        batches: list[Any] = Journal(Files.at(tmp_path / "whole")).read()
        cut = Journal(Files.at(tmp_path / "cut"))
        for batch in batches[:kept]:
            cut.append(batch)
        known = len(read_lines(cut))
        searched.evaluated.clear()
        resumed = searched.run(tmp_path / "cut", self.trials, at_once=at_once)
        assert resumed[:known] == whole[:known] and len(resumed) == self.trials
        assert not {candidate.architecture for candidate in whole[:known]} & set(searched.evaluated), "evaluated again"
        if self.resumes_exactly:
            assert resumed == whole

    def test_a_limit_that_one_architecture_meets(self, create: CreateSampler, tmp_path: Path) -> None:
        searched = Searched(small_space((1, 2, 4), (1, 2)), create, limit=0.0)
        found = searched.run(tmp_path / "j", trials=4)
        assert {candidate.architecture for candidate in found} == {searched.space.smallest()}
        assert found[0].latency_ms == to_ms(MACS.of(searched.space.network(searched.space.smallest())))

    def test_a_space_of_one_architecture(self, create: CreateSampler, tmp_path: Path) -> None:
        found = Searched(small_space((4,), (1,)), create).run(tmp_path / "j", trials=4)
        assert len(found) == 4 and len({candidate.architecture for candidate in found}) == 1


def small_space(widths: tuple[int, ...], depths: tuple[int, ...], kernels: tuple[int, ...] = (1, 3)) -> SearchSpace:
    """Convolutions on 4x4 feature maps, `depth` of them, each of a kernel of its own from the second on: kernels may be inactive."""

    def build(g: Graph, x: Tensor, read: Mapping[str, Value]) -> Tensor:
        for number in range(int(read["depth"])):
            kernel = int(read[f"{number}.kernel"]) if number else 1
            x = g.conv(str(number), x, int(read["width"]), kernel=kernel)
        return g.linear("fc", g.global_avg_pool("gap", x), 2)

    own = tuple(Choice(f"{number}.kernel", kernels) for number in range(1, max(depths)))
    stage = Stage("s", (Choice("width", widths), Choice("depth", depths), *own), build)
    return SearchSpace("small", 1, 2, Choice(RESOLUTION, (4,)), (stage,))
