"""What a layer and a network cost on paper: multiply-accumulates, parameters, bytes. Not measured, not of any target."""

from search_spaces.network import INPUT, Layer, Network, Shape, readers


def layer_macs(layer: Layer) -> int:
    """Multiply-accumulates of one image (not FLOPs): of convolutions and linear layers; everything else counts 0."""
    if not layer.has_weights:
        return 0
    filters, per_filter, height, width = layer.weight_shape
    return filters * per_filter * height * width * layer.out_shape[1] * layer.out_shape[2]


def layer_params(layer: Layer) -> int:
    """Weights and biases of one layer, as deployed (batch norm folded)."""
    if not layer.has_weights:
        return 0
    filters, per_filter, height, width = layer.weight_shape
    return filters * (per_filter * height * width + 1)


def layer_weight_bytes(layer: Layer) -> int:
    """Bytes of its INT8 weight and INT32 bias."""
    return layer_params(layer) + 3 * layer.out_shape[0] if layer.has_weights else 0


def elements(shape: Shape) -> int:
    """Number of values of one image's tensor."""
    return shape[0] * shape[1] * shape[2]


def macs(network: Network) -> int:
    """Multiply-accumulates of one image."""
    return sum(map(layer_macs, network.layers))


def params(network: Network) -> int:
    """Weights and biases, as deployed."""
    return sum(map(layer_params, network.layers))


def weight_bytes(network: Network) -> int:
    """Bytes of all INT8 weights and INT32 biases."""
    return sum(map(layer_weight_bytes, network.layers))


def peak_memory_bytes(network: Network) -> int:
    """Most bytes of live INT8 activations at batch 1, when layers run in their order and a tensor dies with its last reader."""
    last = {name: users[-1].name for name, users in readers(network.layers).items()}
    live = {INPUT: elements(network.input_shape)}
    peak = 0
    for layer in network.layers:
        live[layer.name] = elements(layer.out_shape)
        peak = max(peak, sum(live.values()))
        for source in set(layer.inputs):
            if last[source] == layer.name and source not in network.outputs:
                del live[source]
    return peak
