"""The contract of a sampler finds what is wrong. What keeps it runs it: `search/searchers/`."""

from pathlib import Path

import numpy as np
import pytest
from optuna.samplers import BaseSampler

from nas.search.sampler import Evaluated, IntArray, Region
from nas.search.searchers.random import UniformSampler
from nas.testing.sampler import SamplerContract


class Counting(UniformSampler):
    """Remembers how many architectures it suggested."""

    def suggest(self, known: Evaluated, rng: np.random.Generator) -> IntArray:
        self.count = getattr(self, "count", 0) + 1
        return self.uniform(known, np.random.default_rng(self.count))


def counting(region: Region, trials: int, seed: int) -> BaseSampler:
    return Counting(region, evaluations=trials, seed=seed)


def test_a_sampler_that_does_not_resume_is_found(tmp_path: Path) -> None:
    SamplerContract().test_one_seed_gives_one_search(counting, tmp_path)
    with pytest.raises(AssertionError):
        SamplerContract().test_an_interrupted_search_is_resumed(counting, tmp_path / "a", 9, 1)

    class Remembers(SamplerContract):
        resumes_exactly = False

    Remembers().test_an_interrupted_search_is_resumed(counting, tmp_path / "b", 9, 1)


def test_a_sampler_without_a_seed_is_found(tmp_path: Path) -> None:
    seeds = iter(range(99))
    with pytest.raises(AssertionError):
        SamplerContract().test_one_seed_gives_one_search(
            lambda region, trials, seed: UniformSampler(region, evaluations=trials, seed=next(seeds)), tmp_path
        )
