"""The contract of a target. A package that adds a target subclasses it in its tests and creates the target in a fixture:

    import pytest

    from hw_targets.testing.target import CreateTarget, TargetContract
    from my_package.roofline import Roofline


    class TestRoofline(TargetContract):
        @pytest.fixture
        def create(self) -> CreateTarget:
            return Roofline

A target that does not run every default network overrides the fixture `networks`, too.
"""

import math
from collections.abc import Callable, Sequence

import onnx
import pytest

from hw_targets.errors import UnsupportedLayer
from hw_targets.random_weights import random_weights
from hw_targets.target import KernelSample, Sample, Target, TimingSample
from hw_targets.testing.networks import inverted_residuals, residual
from hw_targets.timing import profiles
from search_spaces.network import INPUT, Layer, Network

CreateTarget = Callable[[], Target]

ROUNDS = 2
_samples: dict[type, list[Sample]] = {}


class TargetContract:
    """What holds for every `hw_targets.target.Target`. It is measured once for the whole class."""

    @pytest.fixture
    def create(self) -> CreateTarget:
        """Creates the target under test. To be overridden."""
        raise NotImplementedError("override the fixture `create`")

    @pytest.fixture
    def networks(self) -> Sequence[Network]:
        """Networks that it supports."""
        return [inverted_residuals("relu6"), residual(), inverted_residuals("relu", side=8)]

    @pytest.fixture
    def target(self, create: CreateTarget) -> Target:
        """The target under test."""
        return create()

    @pytest.fixture
    def samples(self, target: Target, networks: Sequence[Network]) -> list[Sample]:
        """One whole measurement, shared by the tests of a class."""
        if type(self) not in _samples:
            _samples[type(self)] = list(target.sample(networks, rounds=ROUNDS))
        return _samples[type(self)]

    def test_info_is_stable_and_complete(self, create: CreateTarget) -> None:
        info = create().info
        assert info == create().info
        assert info.kind in ("measured", "simulated")
        assert all((info.id, info.precision, info.runtime, info.device, info.fingerprint))

    def test_an_unsupported_layer_has_a_reason_and_is_not_lowered(self, target: Target) -> None:
        odd = Layer("odd", "onnx:LSTM", (INPUT,), ((1, 4, 4),), (1, 4, 4))
        network = Network("odd", (1, 4, 4), (odd,))
        support = target.supports(odd)
        assert not support.ok and support.reason
        with pytest.raises(UnsupportedLayer) as rejected:
            target.lower(network, random_weights(network, scheme=target.scheme))
        assert rejected.value.facts["layer"] == "odd"

    def test_it_lowers_what_it_supports(self, target: Target, networks: Sequence[Network]) -> None:
        for network in networks:
            assert all(target.supports(layer).ok for layer in network.layers)
            model = onnx.load_from_string(target.lower(network, random_weights(network, scheme=target.scheme)))
            onnx.checker.check_model(model, full_check=True)

    def test_kernels_come_first_then_rounds_over_all_networks(
        self, samples: list[Sample], networks: Sequence[Network]
    ) -> None:
        ids = {n.id for n in networks}
        head, tail = samples[: len(ids)], samples[len(ids) :]
        assert {s.network for s in head if isinstance(s, KernelSample)} == ids
        assert all(isinstance(s, TimingSample) for s in tail)
        rounds = [(s.round, s.network) for s in tail if isinstance(s, TimingSample)]
        assert sorted(rounds) == sorted((r, i) for r in range(ROUNDS) for i in ids)
        assert [r for r, _ in rounds] == sorted(r for r, _ in rounds)

    def test_times_are_times(self, samples: list[Sample]) -> None:
        for sample in samples:
            if isinstance(sample, TimingSample):
                assert 0 < sample.q25_ms <= sample.p50_ms <= sample.p95_ms < math.inf
                assert sample.runs > 0

    def test_every_layer_has_its_kernels_and_no_other_has(
        self, samples: list[Sample], networks: Sequence[Network]
    ) -> None:
        by_id = {n.id: n for n in networks}
        for sample in samples:
            if isinstance(sample, KernelSample):
                names = [k.layer for k in sample.kernels]
                order = [layer.name for layer in by_id[sample.network].layers]
                assert names == [name for name in order if name in names]
                assert all(k.latency_ms >= 0 and sum(n for _, n in k.kernels) > 0 for k in sample.kernels)
                weighty = {layer.name for layer in by_id[sample.network].layers if layer.has_weights}
                assert weighty <= set(names)

    def test_a_measurement_resumes_after_any_sample(
        self, create: CreateTarget, samples: list[Sample], networks: Sequence[Network]
    ) -> None:
        for kept in (2, len(samples) - 2):
            rest = list(create().sample(networks, rounds=ROUNDS, done=samples[:kept]))
            assert [_identity(s) for s in rest] == [_identity(s) for s in samples[kept:]]
        assert list(create().sample(networks, rounds=ROUNDS, done=samples)) == []

    def test_samples_fold_into_profiles(self, samples: list[Sample], networks: Sequence[Network]) -> None:
        found = profiles(networks, samples)
        assert [p.network for p in found] == list(networks)
        for profile in found:
            assert 0 < profile.latency_ms <= profile.p50_ms
            assert profile.noise >= 0
            assert sum(k.latency_ms for k in profile.layers) == pytest.approx(profile.latency_ms)

    def test_a_file_is_measured_as_it_is(self, target: Target, networks: Sequence[Network]) -> None:
        model = target.lower(networks[0], random_weights(networks[0], scheme=target.scheme))
        taken = list(target.sample_file(model, rounds=2))
        assert [s.round for s in taken] == [0, 1] and len({s.network for s in taken}) == 1


def _identity(sample: Sample) -> tuple[str, int]:
    return (sample.network, sample.round if isinstance(sample, TimingSample) else -1)
