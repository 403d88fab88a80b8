"""Networks, and a made-up target whose true latencies are known, for the tests beside this file."""

import random

from hw_targets.target import KernelTime, Profile, TargetInfo
from latency_models.regression import features
from search_spaces.builder import Graph
from search_spaces.network import Layer, Network

INFO = TargetInfo("toy", "measured", "int8", "toy 1.0", "a toy", "f00d")
CONSTANT_MS = 0.012
PROFILER_MS = 0.0015


def draw(rng: random.Random, blocks: int = 3) -> Network:
    """A small network of inverted residuals."""
    g = Graph((3, 32, 32))
    x = g.conv("stem", g.input, 16, kernel=3, stride=2, activation="relu6")
    for stage, (channels, stride) in enumerate([(16, 1), (24, 2), (40, 2)]):
        for block in range(rng.randint(1, blocks)):
            name, start, hidden = f"{stage}.{block}", x, x.shape[0] * rng.choice([3, 4, 6])
            kernel = rng.choice([3, 5, 7])
            y = g.conv(f"{name}.e", x, hidden, activation="relu6")
            step = stride if block == 0 else 1
            y = g.conv(f"{name}.d", y, hidden, kernel=kernel, stride=step, groups=hidden, activation="relu6")
            x = g.conv(f"{name}.p", y, channels)
            if x.shape == start.shape:
                x = g.add(f"{name}.a", x, start)
    g.linear("fc", g.global_avg_pool("gap", x), 10)
    return g.network("toy")


def true_ms(layer: Layer) -> float:
    """What a layer really costs: linear in its features, with a quirk of its own of up to 40 %."""
    _, macs, inputs, outputs, weights = features(layer)
    quirk = random.Random(layer.key).uniform(0.6, 1.4)
    return (0.002 + 2e-8 * macs + 5e-8 * (inputs + outputs) + 2e-8 * weights) * quirk


def profile(network: Network, rng: random.Random, *, noise: float = 0.0, kernel_noise: float = 0.0) -> Profile:
    """Kernels carry the profiler's own cost; the end-to-end latency has a constant and relative noise."""
    times = [(layer, true_ms(layer)) for layer in network.layers]
    latency = (CONSTANT_MS + sum(ms for _, ms in times)) * rng.gauss(1, noise)
    kernels = tuple(
        KernelTime(layer.name, ((layer.op, 1),), (ms + PROFILER_MS) * rng.gauss(1, kernel_noise)) for layer, ms in times
    )
    return Profile(network, latency, latency, latency, noise, kernels)
