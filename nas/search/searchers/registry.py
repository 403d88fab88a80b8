"""Finds searchers by name: those that come with the package, and those of other packages.

Other packages add searchers through the entry-point group `hwnas.searchers`, whose entries are `SearcherEntry` values. A name and its
version are part of what a search's result depends on. Not here: any searcher.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from hw_targets.plugins import loaded
from nas.errors import UnknownSearcher

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from nas.search.sampler import Region

GROUP: Final = "hwnas.searchers"
DEFAULT: Final = "hwnas"

CreateSearcher = Callable[["Region", int, int], "BaseSampler"]
"""(region, number of evaluations in the whole search, seed) to the sampler."""


@dataclass(frozen=True, slots=True)
class SearcherEntry:
    """A searcher that users can name.

    Attributes:
        name: what they write.
        summary: one line.
        version: of its code; a change that gives other suggestions increases it.
        create: builds the sampler. Raises `UnknownSearcher` where it cannot be loaded.
        resumes_exactly: whether an interrupted search gives the same result as an uninterrupted one.
    """

    name: str
    summary: str
    version: str
    create: CreateSearcher
    resumes_exactly: bool = True


def _hwnas(region: "Region", evaluations: int, seed: int) -> "BaseSampler":
    from nas.search.searchers.hwnas import HwnasSampler

    return HwnasSampler(region, evaluations=evaluations, seed=seed)


def _regularised_evolution(region: "Region", evaluations: int, seed: int) -> "BaseSampler":
    from nas.search.searchers.regularised_evolution import EvolutionSampler

    return EvolutionSampler(region, evaluations=evaluations, seed=seed)


def _local_search(region: "Region", evaluations: int, seed: int) -> "BaseSampler":
    from nas.search.searchers.local_search import LocalSampler

    return LocalSampler(region, evaluations=evaluations, seed=seed)


def _random(region: "Region", evaluations: int, seed: int) -> "BaseSampler":
    from nas.search.searchers.random import UniformSampler

    return UniformSampler(region, evaluations=evaluations, seed=seed)


def _nsga2(region: "Region", evaluations: int, seed: int) -> "BaseSampler":
    from nas.search.searchers.nsga2 import Nsga2Sampler

    return Nsga2Sampler(region, evaluations=evaluations, seed=seed)


def _tpe(_region: "Region", _evaluations: int, seed: int) -> "BaseSampler":
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed)


def _gp(_region: "Region", _evaluations: int, seed: int) -> "BaseSampler":
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import GPSampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return GPSampler(seed=seed, warn_independent_sampling=False)


BUILT_IN: Final = (
    SearcherEntry(DEFAULT, "a Gaussian process over architectures, expected improvement", "3", _hwnas),
    SearcherEntry("nsga2", "NSGA-II in its steady-state form", "1", _nsga2),
    SearcherEntry("regularised_evolution", "changes the best of the young in one choice", "1", _regularised_evolution),
    SearcherEntry("local_search", "climbs from neighbour to neighbour, with restarts", "1", _local_search),
    SearcherEntry("random", "uniform within the limit", "1", _random),
    SearcherEntry("tpe", "Optuna's tree-structured Parzen estimator", "1", _tpe, resumes_exactly=False),
    SearcherEntry("gp", "Optuna's Gaussian process", "1", _gp, resumes_exactly=False),
)
"""The default first."""


def searchers() -> tuple[SearcherEntry, ...]:
    """Every searcher that is installed; one that comes with the package is never replaced."""
    own = {entry.name for entry in BUILT_IN}
    added = loaded(entry_points(group=GROUP), SearcherEntry, _broken)
    return (*BUILT_IN, *(entry for entry in added if entry.name not in own))


def searcher(name: str) -> SearcherEntry:
    """The searcher of a name.

    Raises:
        UnknownSearcher: none of that name is installed.
    """
    known = {entry.name: entry for entry in searchers()}
    if name not in known:
        raise UnknownSearcher(
            f"There is no searcher {name!r}.",
            fix=f"Use one of {', '.join(known)}.",
            facts={"searcher": name, "known": list(known)},
        )
    return known[name]


def _broken(name: str, reason: str) -> SearcherEntry:
    def create(_region: "Region", _evaluations: int, _seed: int) -> "BaseSampler":
        raise UnknownSearcher(
            f"The searcher {name!r} cannot be loaded: {reason}.", fix="Fix or remove the package that provides it."
        )

    return SearcherEntry(name, f"cannot be loaded: {reason}", "0", create)
