"""What a layer and a network cost on paper: multiply-accumulates, parameters, bytes. Not measured, not of any target."""

from search_spaces.network import INPUT, Layer, Network, Shape, readers


def layer_macs(layer: Layer) -> int:
    """Multiply-accumulates of one image (not FLOPs).

    Of convolutions, linear layers, products of two feature maps and recurrent layers; everything else counts 0, and so does what
    cannot be counted (`Layer.counted`). A transposed convolution counts each weight once for each pixel that it reads.
    """
    if layer.macs is not None:
        return layer.macs
    if layer.op == "onnx:ConvTranspose":
        return _transposed_weights(layer) * layer.in_shapes[0][1] * layer.in_shapes[0][2]
    if not layer.has_weights:
        return 0
    filters, per_filter, height, width = layer.weight_shape
    return filters * per_filter * height * width * layer.out_shape[1] * layer.out_shape[2]


def layer_params(layer: Layer) -> int:
    """Parameters that one layer owns, as deployed: weights and biases (batch norm folded), scales and shifts of norms.

    A weight that several layers use belongs to the first of them.
    """
    if layer.params is not None:
        return layer.params
    if layer.op == "onnx:ConvTranspose":
        return _transposed_weights(layer) + layer.out_shape[0]
    if not layer.has_weights:
        return 0
    filters, per_filter, height, width = layer.weight_shape
    return filters * (per_filter * height * width + 1)


def _transposed_weights(layer: Layer) -> int:
    return layer.in_shapes[0][0] * layer.out_shape[0] // layer.groups * layer.kernel[0] * layer.kernel[1]


def layer_weight_bytes(layer: Layer) -> int:
    """Bytes of its INT8 weight and INT32 bias."""
    owned = layer_params(layer)
    biased = layer.has_weights or layer.op == "onnx:ConvTranspose"
    return owned + 3 * min(owned, layer.out_shape[0]) if biased else owned


def uncounted(network: Network) -> tuple[str, ...]:
    """Operators of a network whose multiply-accumulates cannot be counted, so that its total is a lower bound."""
    return tuple(sorted({layer.op.removeprefix("onnx:") for layer in network.layers if not layer.counted}))


def elements(shape: Shape) -> int:
    """Number of values of one image's tensor."""
    return shape[0] * shape[1] * shape[2]


def layer_values(network: Network) -> int:
    """Activations of all layers for one image: what training stores and moves."""
    return sum(elements(layer.out_shape) for layer in network.layers)


def macs(network: Network) -> int:
    """Multiply-accumulates of one image: a lower bound where there are `uncounted` operators."""
    return sum(map(layer_macs, network.layers))


def params(network: Network) -> int:
    """Weights and biases, as deployed; those that several layers use are counted once."""
    return sum(map(layer_params, network.layers))


def weight_bytes(network: Network) -> int:
    """Bytes of all INT8 weights and INT32 biases."""
    return sum(map(layer_weight_bytes, network.layers))


def peak_memory_bytes(network: Network) -> int:
    """Most bytes of live INT8 activations at batch 1, when layers run in their order and a tensor dies with its last reader."""
    return _peak(elements(network.input_shape), network.layers, network.outputs)


def block_peak_bytes(layers: tuple[Layer, ...]) -> int:
    """The same of one stage's layers, which read the stage's input as `INPUT`; 0 of a stage without layers.

    A stage hands on one tensor, so that a network's peak is the highest of its stages'.
    """
    if not layers:
        return 0
    reading = next(layer for layer in layers if INPUT in layer.inputs)
    return _peak(elements(reading.in_shapes[reading.inputs.index(INPUT)]), layers, (layers[-1].name,))


def _peak(input_bytes: int, layers: tuple[Layer, ...], outputs: tuple[str, ...]) -> int:
    last = {name: users[-1].name for name, users in readers(layers).items()}
    live = {INPUT: input_bytes}
    peak = 0
    for layer in layers:
        live[layer.name] = elements(layer.out_shape)
        peak = max(peak, sum(live.values()))
        for source in set(layer.inputs):
            if last[source] == layer.name and source not in outputs:
                del live[source]
    return peak
