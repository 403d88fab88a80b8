"""Entries of layer keys from in-situ profiles: the kernels and their time as the profiler reports it.

Gathers and averages only. These times still include the profiler's own cost; `calibration.py` removes it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hw_targets.target import Profile
from search_spaces.network import Layer, Network, Shape

Kernels = tuple[tuple[str, int], ...]
"""How many of each kernel type, sorted by type."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One layer key under the profiler.

    Attributes:
        raw_ms: mean time of its kernels over all observations (those far from their median left out).
        kernels: the kernels that it is lowered to most often.
        count: how many observations there were; a network that holds the key twice gives two.
        spread: relative spread of the observations (scaled median absolute deviation), a fraction.
    """

    raw_ms: float
    kernels: Kernels
    count: int
    spread: float


def input_key(shape: Shape) -> str:
    """The key of kernels that belong to no layer, such as a change of the input's layout: one for each input shape."""
    return f"input {'x'.join(map(str, shape))}"


def network_keys(network: Network) -> list[str]:
    """Keys of all its layers, in order."""
    return [layer.key for layer in network.layers]


def observe(profiles: Sequence[Profile]) -> dict[str, Entry]:
    """One entry for each key that the profiles hold, by key in sorted order."""
    times: dict[str, list[float]] = {}
    kernels: dict[str, Counter[Kernels]] = {}
    for profile in profiles:
        for key, kinds, milliseconds in _observations(profile):
            times.setdefault(key, []).append(milliseconds)
            kernels.setdefault(key, Counter())[kinds] += 1
    return {key: _entry(times[key], kernels[key]) for key in sorted(times)}


def layers_by_key(profiles: Sequence[Profile]) -> dict[str, Layer]:
    """One layer for each key that the profiles' networks hold."""
    return {layer.key: layer for profile in profiles for layer in profile.network.layers}


def _observations(profile: Profile) -> Iterator[tuple[str, Kernels, float]]:
    """(key, kernels, ms) of each layer, and of all kernels outside of layers together."""
    by_name = profile.network.by_name
    outside: Counter[str] = Counter()
    outside_ms = 0.0
    timed: set[str] = set()
    for time in profile.layers:
        layer = by_name.get(time.layer)
        if layer is None:
            outside.update(dict(time.kernels))
            outside_ms += time.latency_ms
        else:
            timed.add(layer.name)
            yield layer.key, time.kernels, time.latency_ms
    for layer in profile.network.layers:
        if layer.name not in timed:
            yield layer.key, (), 0.0
    if outside:
        yield input_key(profile.network.input_shape), tuple(sorted(outside.items())), outside_ms


def _entry(times: Sequence[float], kernels: Mapping[Kernels, int]) -> Entry:
    values = np.asarray(times, dtype=np.float64)
    centre = float(np.median(values))
    deviation = 1.4826 * float(np.median(np.abs(values - centre)))
    near = values[np.abs(values - centre) <= 3 * deviation + 1e-12]
    usual = min(kernels, key=lambda kinds: (-kernels[kinds], kinds))
    return Entry(
        raw_ms=float(near.mean()),
        kernels=usual,
        count=len(values),
        spread=deviation / centre if centre > 0 else 0.0,
    )
