"""How fast is a whole front of a space from a predictor and a compiled latency table, and how good, beside Optuna's and pymoo's NSGA-II?

The target is simulated, so that its table takes seconds. The predictors are fitted to architectures whose metric is a formula with noise:
what is compared is the search over predictions, not the predictions. No limit is set, so that the rivals lose nothing to it. Rivals search
for as many core-seconds as hwnas's NSGA-II took; `hwnas_at_equal_candidates` is its front after as many candidates as the rival scored.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import optuna

from benchmarks import common, pymoo_search
from hw_targets.registry import target as find_target
from hw_targets.target import Target
from hw_targets.timing import profiles
from latency_models.compiled import CompiledLatency, compile_table
from latency_models.table import fit
from nas.search.additive_predictor import AdditivePredictor
from nas.search.front import hypervolume
from nas.search.predicted_front import PredictedFront, evolved_front, exact_front
from nas.search.predictor import Encoding, Posterior, fit_kernel, normal_scores
from nas.search.region import LimitedRegion
from nas.search.sampler import FloatArray, IntArray
from nas.stages.profile import networks
from nas.work import ProfileWork
from search_spaces.cost import macs
from search_spaces.lattice import Lattice
from search_spaces.network import Layer
from search_spaces.registry import space as find_space
from search_spaces.restrict import restrict

NAME: Final = "search_throughput"
NOISE: Final = 0.05
"""Standard deviation of the noise of the metric, where that of its part by choices is about 0.3."""
POPULATIONS: Final = (100, 1000)
"""Of pymoo: its default, and one that is scored in larger parts."""

Score = Callable[[IntArray], FloatArray]


def measure(options: argparse.Namespace) -> common.Outcome:
    """Every predictor, each with every searcher."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    latency = _latency(options)
    region = LimitedRegion(latency, latency.reachable_ms[1])
    started = time.perf_counter()
    codes, metric = _evaluations(region, options.evaluations)
    additive = AdditivePredictor.fit(latency.lattice, codes, metric)
    common.progress(f"additive predictor: {time.perf_counter() - started:.1f} s")
    rows: list[dict[str, Any]] = []
    summary: dict[str, float | int | None] = {"architectures": float(latency.lattice.size)}
    scores: dict[str, Score] = {"additive": additive.predict, "gp": _gp(region, codes, metric)}
    for predictor in options.predictors:
        exact = additive if predictor == "additive" else None
        searches = [
            _Search(region, predictor, scores[predictor], options.candidates, seed) for seed in range(options.seeds)
        ]
        rows += _means([search.rows(list(search.runs(exact))) for search in searches])
        ours = next(row for row in rows if row["predictor"] == predictor and row["searcher"] == "hwnas nsga2")
        for name in ("seconds", "candidates_a_second", "hypervolume"):
            summary[f"{predictor}_nsga2_{name}"] = ours[name]
        if exact is not None:
            summary["additive_exact_seconds"] = rows[0]["seconds"]
            summary["additive_exact_points"] = rows[0]["points"]
    return common.Outcome(summary, rows)


def _means(runs: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The mean of each row over the seeds."""
    return [
        {
            name: value if value is None or isinstance(value, str) else float(np.mean([row[name] for row in same]))
            for name, value in same[0].items()
        }
        for same in zip(*runs, strict=True)
    ]


def _latency(options: argparse.Namespace) -> CompiledLatency:
    """The compiled table of the space, restricted to what the target supports."""
    target = find_target(options.target)
    whole = find_space(options.space, resolution=options.resolution, channels=3, classes=1000)
    space = restrict(whole, lambda layer: _reason(target, layer), who=target.info.id).space
    fitted, held_out = networks(space, ProfileWork(networks=options.networks, held_out=10, rounds=1), seed=0)
    found = profiles([*fitted, *held_out], target.sample([*fitted, *held_out], rounds=1))
    table = fit(found[: len(fitted)], target.info, held_out=found[len(fitted) :])
    common.progress(f"table: mean error {table.accuracy_report.mape:.1%} on {len(held_out)} other networks")
    return compile_table(table, Lattice.of(space))


def _reason(target: Target, layer: Layer) -> str:
    support = target.supports(layer)
    return "" if support.ok else support.reason


def _evaluations(region: LimitedRegion, count: int) -> tuple[IntArray, FloatArray]:
    """Uniform architectures, and a metric that rises with the logarithm of multiply-accumulates and depends on pairs of values."""
    rng = np.random.default_rng(0)
    codes = region.canonical(region.draw(*region.range_ms, count, rng))
    lattice = region.latency.lattice
    size = np.array([np.log(macs(lattice.space.network(one))) for one in lattice.decode(codes)])
    pairs = rng.normal(scale=0.05, size=(codes.shape[1] - 1, 8, 8))
    of_pairs = pairs[np.arange(codes.shape[1] - 1), codes[:, :-1], codes[:, 1:]].sum(axis=1)
    return codes, size + of_pairs + rng.normal(scale=NOISE, size=count)


def _gp(region: LimitedRegion, codes: IntArray, metric: FloatArray) -> Score:
    """The mean of the predictor that guides the search."""
    encoding, scores = Encoding(region.choices), normal_scores(metric)
    return Posterior(encoding, fit_kernel(encoding, codes, scores), codes, scores).mean


@dataclass(frozen=True)
class _Run:
    """The (N,) scores and latencies that a searcher's front has, and what they cost."""

    searcher: str
    score: FloatArray
    latency_ms: FloatArray
    scored: int
    seconds: float
    core_seconds: float
    same: "PredictedFront | None" = None


@dataclass(frozen=True)
class _Search:
    """All searchers over one predictor."""

    region: LimitedRegion
    predictor: str
    score: Score
    candidates: int
    seed: int

    def costs(self, codes: IntArray) -> FloatArray:
        """(N, 2) minus the score, and latency."""
        return np.stack([-self.score(codes), self.region.predict_ms(codes)], axis=1)

    def runs(self, additive: AdditivePredictor | None) -> Iterator[_Run]:
        """hwnas first, then the rivals with its core-seconds."""
        if additive is not None:
            latency = self.region.latency
            yield _timed(
                "hwnas exact", lambda: exact_front(latency, additive.scores, np.inf, constant=additive.constant)
            )
        ours = _timed(
            "hwnas nsga2", lambda: evolved_front(self.region, self.score, candidates=self.candidates, seed=self.seed)
        )
        yield ours
        yield self.rival("optuna nsga2", ours.core_seconds, self.optuna)
        if not pymoo_search.installed():
            common.progress("  pymoo is not installed: no row of it (pip install pymoo)")
            return
        sizes = [len(choice.values) for choice in self.region.choices]
        for population in POPULATIONS:

            def search(go_on: Callable[[], bool], population: int = population) -> tuple[FloatArray, int]:
                return pymoo_search.searched(sizes, self.costs, population, self.seed, go_on)

            yield self.rival(f"pymoo nsga2, population {population}", ours.core_seconds, search)

    def rival(
        self, name: str, core_seconds: float, search: Callable[[Callable[[], bool]], tuple[FloatArray, int]]
    ) -> _Run:
        """A rival's front within core-seconds, and hwnas's after as many candidates."""
        started, before = time.perf_counter(), common.core_seconds()
        costs, scored = search(lambda: common.core_seconds() - before < core_seconds)
        seconds, cores = time.perf_counter() - started, common.core_seconds() - before
        same = evolved_front(self.region, self.score, candidates=scored, seed=self.seed)
        return _Run(name, -costs[:, 0], costs[:, 1], scored, seconds, cores, same)

    def optuna(self, go_on: Callable[[], bool]) -> tuple[FloatArray, int]:
        """The costs of the best trials of a study, and how many trials it has."""
        sampler = optuna.samplers.NSGAIISampler(seed=self.seed)
        study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
        choices = self.region.choices
        while go_on():
            trial = study.ask()
            code = [trial.suggest_categorical(c.name, list(range(len(c.values)))) for c in choices]
            study.tell(trial, self.costs(np.array([code], np.int64))[0].tolist())
        return np.array([t.values for t in study.best_trials]), len(study.trials)

    def rows(self, runs: Sequence[_Run]) -> list[dict[str, Any]]:
        """A row of each; hypervolumes are shares of that of all fronts together."""
        fronts = [(one.score, one.latency_ms) for one in runs]
        fronts += [(one.same.score, one.same.latency_ms) for one in runs if one.same is not None]
        everything = tuple(np.concatenate(part) for part in zip(*fronts, strict=True))
        lowest, limit = float(min(score.min() for score, _ in fronts)), self.region.range_ms[1]

        def area(score: FloatArray, latency_ms: FloatArray) -> float:
            return hypervolume((score - lowest).tolist(), latency_ms.tolist(), limit=limit)

        whole = area(*everything)
        return [
            {
                "predictor": self.predictor, "searcher": one.searcher, "candidates": one.scored, "points": len(one.score),
                "seconds": one.seconds, "core_seconds": one.core_seconds,
                "candidates_a_second": one.scored / one.seconds if one.scored else None,
                "hypervolume": area(one.score, one.latency_ms) / whole,
                "hwnas_at_equal_candidates": area(one.same.score, one.same.latency_ms) / whole if one.same else None,
            }
            for one in runs
        ]  # fmt: skip


def _timed(name: str, search: Callable[[], PredictedFront]) -> _Run:
    started, before = time.perf_counter(), common.core_seconds()
    front = search()
    seconds, cores = time.perf_counter() - started, common.core_seconds() - before
    common.progress(f"{name}: {len(front.score)} points, {seconds:.2f} s")
    return _Run(name, front.score, front.latency_ms, front.scored, seconds, cores)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = common.parser(
        NAME, "A whole front from a predictor and a compiled latency table, beside Optuna and pymoo."
    )
    parser.add_argument("--space", default="mobilenet")
    parser.add_argument("--resolution", type=int, default=224, metavar="PIXELS")
    parser.add_argument("--target", default="zcu104", help="a simulated one: its table is measured first")
    parser.add_argument("--networks", type=int, default=120, metavar="N", help="profiled for the table")
    parser.add_argument("--evaluations", type=int, default=200, metavar="N", help="to which predictors are fitted")
    parser.add_argument("--candidates", type=int, default=1_000_000, metavar="N", help="scored by hwnas's NSGA-II")
    parser.add_argument("--predictors", nargs="+", choices=("additive", "gp"), default=["additive", "gp"])
    return common.run(NAME, parser.parse_args(arguments), measure)


if __name__ == "__main__":
    raise SystemExit(main())
