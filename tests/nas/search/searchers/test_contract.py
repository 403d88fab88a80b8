"""Every searcher that comes with the package: the contract of a sampler, and Optuna's own tests."""

from collections.abc import Callable

import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase, MultiObjectiveSamplerTestCase

from nas.search.searchers.registry import BUILT_IN, searcher
from nas.search.table_region import TableRegion
from nas.testing.sampler import CreateSampler, SamplerContract

OWN = [entry.name for entry in BUILT_IN if entry.resumes_exactly]
"""The samplers that Optuna ships pass its tests there."""


class Named(SamplerContract):
    NAME = "hwnas"

    @pytest.fixture
    def create(self) -> CreateSampler:
        return searcher(self.NAME).create


class TestHwnas(Named):
    pass


class TestRegularisedEvolution(Named):
    NAME = "regularised_evolution"


class TestLocalSearch(Named):
    NAME = "local_search"


class TestRandom(Named):
    NAME = "random"


class TestNsga2(Named):
    NAME = "nsga2"


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
class TestTpe(Named):
    NAME = "tpe"
    resumes_exactly = False


class TestGp(Named):
    NAME = "gp"
    resumes_exactly = False
    trials = 13  # it fits a model from the eleventh on


def test_every_one_that_comes_along_is_tested_here() -> None:
    assert {one.NAME for one in Named.__subclasses__()} == {entry.name for entry in BUILT_IN}


@pytest.mark.parametrize("name", OWN)
class TestOptunasOwn(BasicSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self, name: str) -> Callable[[], BaseSampler]:
        region = TableRegion.of_choices({"category": (1, 2, 3), "other": (4, 5)})
        return lambda: searcher(name).create(region, 20, 0)
