"""The contract of a sampler finds what is wrong. What keeps it runs it: `search/test_sampler.py`."""

from pathlib import Path

import pytest
from optuna.samplers import BaseSampler, RandomSampler

from nas.search.sampler import BandSampler, Region
from nas.testing.sampler import SamplerContract


def anywhere(region: Region, trials: int, seed: int) -> BaseSampler:
    """Knows of no limit, and remembers how many numbers it drew."""
    return RandomSampler(seed=seed)


def test_a_sampler_that_knows_no_limit_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        SamplerContract().test_every_suggestion_meets_the_limit(anywhere, tmp_path)


def test_a_sampler_that_does_not_resume_is_found(tmp_path: Path) -> None:
    SamplerContract().test_one_seed_gives_one_search(anywhere, tmp_path)
    with pytest.raises(AssertionError):
        SamplerContract().test_an_interrupted_search_is_resumed(anywhere, tmp_path / "a", 9)

    class Remembers(SamplerContract):
        resumes_exactly = False

    Remembers().test_an_interrupted_search_is_resumed(anywhere, tmp_path / "b", 9)


def test_a_sampler_without_a_seed_is_found(tmp_path: Path) -> None:
    seeds = iter(range(99))
    with pytest.raises(AssertionError):
        SamplerContract().test_one_seed_gives_one_search(
            lambda region, trials, seed: BandSampler(region, evaluations=trials, seed=next(seeds)), tmp_path
        )
