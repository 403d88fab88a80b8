"""A network cut into links: between two of them a single tensor is alive, so that they can be a space's stages.

Not here: which choices a link has (`derived.py`).
"""

from search_spaces.network import INPUT, Layer, Network


def links(network: Network) -> tuple[tuple[Layer, ...], ...]:
    """The layers of a network of one output, cut wherever all that follows reads nothing but the last layer's result.

    >>> from search_spaces.builder import Graph
    >>> g = Graph((3, 8, 8))
    >>> x = g.conv("stem", g.input, 8)
    >>> y = g.add("sum", x, g.conv("branch", x, 8))
    >>> [[layer.name for layer in link] for link in links(g.network("small"))]
    [['stem'], ['branch', 'sum']]
    """
    position = {layer.name: index for index, layer in enumerate(network.layers)} | {INPUT: -1}
    last_read = dict.fromkeys(position, -1)
    for index, layer in enumerate(network.layers):
        for source in layer.inputs:
            last_read[source] = index
    found: list[tuple[Layer, ...]] = []
    start, reach = 0, last_read[INPUT]
    for index, layer in enumerate(network.layers):
        if reach <= index:
            found.append(network.layers[start : index + 1])
            start = index + 1
        reach = max(reach, last_read[layer.name])
    return tuple(found)
