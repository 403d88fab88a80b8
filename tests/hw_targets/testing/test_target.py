"""The contract of a target finds what is wrong. What keeps it runs it: `test_cpu.py`, `overlay/test_target.py`."""

from collections.abc import Iterator, Sequence

import pytest

from hw_targets.cpu import CpuTarget
from hw_targets.target import KernelSample, Sample, Support, TimingSample
from hw_targets.testing.networks import residual
from hw_targets.testing.target import TargetContract
from search_spaces.network import Layer, Network


class Anything(CpuTarget):
    """Supports every layer, and ignores the samples that it has."""

    def supports(self, layer: Layer) -> Support:
        return Support(True, "")

    def sample(self, networks: Sequence[Network], *, rounds: int, done: Sequence[Sample] = ()) -> Iterator[Sample]:
        for network in networks:
            yield KernelSample(network.id, ())
        for number in range(rounds):
            for network in networks:
                yield TimingSample(network.id, number, 1.0, 1.0, 1.0, 1)


def test_a_target_that_supports_everything_is_found() -> None:
    with pytest.raises(AssertionError):
        TargetContract().test_an_unsupported_layer_has_a_reason_and_is_not_lowered(Anything())


def test_a_target_that_forgets_what_was_done_is_found() -> None:
    networks = [residual(), residual(side=8)]
    samples = list(Anything().sample(networks, rounds=2))
    TargetContract().test_kernels_come_first_then_rounds_over_all_networks(samples, networks)
    with pytest.raises(AssertionError):
        TargetContract().test_a_measurement_resumes_after_any_sample(Anything, samples, networks)
    with pytest.raises(AssertionError):
        TargetContract().test_every_layer_has_its_kernels_and_no_other_has(samples, networks)
