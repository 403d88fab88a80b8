"""The sampler that hwnas searches with: the contract of a sampler."""

import pytest

from nas.search.sampler import BandSampler
from nas.testing.sampler import CreateSampler, SamplerContract


class TestBandSampler(SamplerContract):
    @pytest.fixture
    def create(self) -> CreateSampler:
        return lambda region, trials, seed: BandSampler(region, evaluations=trials, seed=seed)
