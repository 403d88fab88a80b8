"""What a host does in the middle of a network, for layers that an overlay does not run: which layers, and for how long.

A layer whose activation alone is unknown stays on the overlay, and the host applies the activation, as the vendor's compiler
divides networks. The cost is an assumption; no published number validates it. Not here: what ends a network
(`support.host_tail`), which is left out.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from hw_targets.overlay.fusion import FREE
from hw_targets.overlay.machine import Machine
from hw_targets.overlay.support import supports
from search_spaces.cost import elements
from search_spaces.network import INPUT, Layer, Network

BOUNDARY_MS: Final = 0.1
"""Of a hand-over to the host, and again of the return."""

GB_PER_S: Final = 1.0
"""At which the host reads, processes and returns feature maps."""


def split_activations(network: Network, machine: Machine) -> Network:
    """The network with an unsupported activation as a layer of its own, `NAME/ACTIVATION`, where the machine runs the rest."""
    layers: list[Layer] = []
    renamed: dict[str, str] = {}
    for layer in network.layers:
        own = replace(layer, inputs=tuple(renamed.get(name, name) for name in layer.inputs))
        bare = replace(own, activation=None)
        divided = layer.activation is not None and layer.op != "activation" and not supports(own, machine).ok
        if not divided or not supports(bare, machine).ok:
            layers.append(own)
            continue
        name = f"{layer.name}/{layer.activation}"
        renamed[layer.name] = name
        shape = layer.out_shape
        layers += [bare, Layer(name, "activation", (layer.name,), (shape,), shape, activation=layer.activation)]
    if not renamed:
        return network
    outputs = tuple(renamed.get(name, name) for name in network.outputs)
    return replace(network, layers=tuple(layers), outputs=outputs)


def host_ms(network: Network, host: Mapping[str, str]) -> float:
    """What the host takes for its layers (by name, with the reasons), milliseconds.

    Each feature map that it reads or writes is moved once, however many layers read it; a concatenation is none of its own.
    Layers that need no result of the overlay in between are handed over together.
    """
    sizes = {INPUT: elements(network.input_shape)}
    sources: dict[str, frozenset[str]] = {INPUT: frozenset({INPUT})}
    visit = {INPUT: 0}  # hand-overs to the host until a feature map is computed
    touched: set[str] = set()
    visits: set[int] = set()
    for layer in network.layers:
        sizes[layer.name] = elements(layer.out_shape)
        read = frozenset[str]().union(*(sources[name] for name in layer.inputs))
        if layer.name in host:
            visit[layer.name] = max((visit[name] + (name not in host) for name in read), default=1)
            visits.add(visit[layer.name])
            touched |= read | {layer.name}
        else:
            visit[layer.name] = max((visit[name] for name in read), default=0)
        free = layer.op in FREE and layer.name not in host
        sources[layer.name] = read if free else frozenset({layer.name})
    return 2 * BOUNDARY_MS * len(visits) + sum(sizes[name] for name in touched) / GB_PER_S / 1e6
