"""The largest network of a space at each of its ends, as one network with an output for each."""

from search_spaces.declarative import ENDS
from search_spaces.network import Layer, Network
from search_spaces.space import Architecture, SearchSpace


def exits(space: SearchSpace) -> tuple[Architecture, ...]:
    """The largest architecture at each end, the smallest end first; of a space with one end, the largest alone."""
    ends = next((choice.values for choice in space.choices if choice.name == ENDS), ())
    largest = {choice.name: choice.values[-1] for choice in space.choices}
    if not ends:
        return (space.largest(),)
    return tuple(space.architecture({**largest, ENDS: end}) for end in ends)


def exits_network(space: SearchSpace) -> Network:
    """One network that computes all `exits` of a space; its outputs are in their order.

    Layers of one name are the same in all of them.
    """
    networks = [space.network(architecture) for architecture in exits(space)]
    layers: dict[str, Layer] = {}
    for network in networks:
        for layer in network.layers:
            layers.setdefault(layer.name, layer)
    return Network(
        space.name, networks[-1].input_shape, tuple(layers.values()), tuple(network.outputs[0] for network in networks)
    )
