"""What an overlay can run: each operator against the machine's limits, with the reason when not. Not here: what it costs."""

from dataclasses import dataclass
from typing import Final

from hw_targets.overlay.fusion import FREE
from hw_targets.overlay.machine import Machine, Range
from search_spaces.network import Layer, Network, readers

HOST_TAIL: Final = frozenset({"onnx:Softmax", "onnx:LogSoftmax", "onnx:ArgMax", "onnx:Sigmoid", "onnx:TopK"})
"""Operators that the host runs on results where no later layer runs on the overlay; everything after them is the host's."""


@dataclass(frozen=True, slots=True)
class Support:
    """Whether a machine runs a layer; `reason` says why not, `unvalidated` which part no published number validates."""

    ok: bool
    reason: str = ""
    unvalidated: str = ""


_YES: Final = Support(True)


def supports(layer: Layer, machine: Machine) -> Support:
    """Whether a machine can run a layer.

    A depthwise convolution on an overlay without an engine for it is a dense one with a diagonal of blocks: possible, but
    unvalidated; so is a deconvolution.
    """
    match layer.op:
        case "conv":
            return _depthwise(layer, machine) if layer.is_depthwise else _convolution(layer, machine)
        case "linear":
            return _activation(layer, machine.overlay.convolution.activations)
        case "onnx:ConvTranspose":
            return _deconvolution(layer, machine)
        case "max_pool" | "avg_pool" | "global_avg_pool":
            steps = pool_steps(layer, machine)
            kernel = "x".join(map(str, pool_kernel(layer)))
            most = machine.overlay.miscellaneous.pool_kernel[1]
            return _YES if steps else Support(False, f"a pool of {kernel} cannot be made of pools of at most {most}")
        case "add" | "mul":
            return _element(layer, machine)
        case "activation":
            return _activation(layer, machine.overlay.convolution.activations)
        case operator:
            return _YES if operator in FREE else Support(False, f"it has no operator {operator}")


def host_tail(network: Network, machine: Machine) -> frozenset[str]:
    """Layers at the end that the host runs: what the machine cannot, and all that follow, if it reads none of their results.

    Empty unless the tail begins with a softmax or the like, or consists of free operators only.
    """
    users = readers(network.layers)
    tail: set[str] = set()
    for layer in reversed(network.layers):
        after = users.get(layer.name, [])
        if all(user.name in tail for user in after) and (layer.op in HOST_TAIL or (after and layer.op in FREE)):
            tail.add(layer.name)
    if len(tail) == len(network.layers):
        return frozenset()
    return frozenset(tail)


def unsupported_layers(network: Network, machine: Machine) -> dict[str, str]:
    """The layers that a machine cannot run, with the reasons."""
    tail = host_tail(network, machine)
    found = ((layer.name, supports(layer, machine)) for layer in network.layers if layer.name not in tail)
    return {name: support.reason for name, support in found if not support.ok}


def pool_kernel(layer: Layer) -> tuple[int, int]:
    """The window of a pool; the whole feature map of a global one."""
    return layer.in_shapes[0][1:] if layer.op == "global_avg_pool" else layer.kernel


def pool_steps(layer: Layer, machine: Machine) -> tuple[tuple[int, int, int, int], ...]:
    """The pools that a pool is made of, as (kernel height, kernel width, output height, output width); none if impossible.

    A stride-1 max pool is a chain (k1 + k2 - 1 = k); a pool whose stride is its kernel, or over the whole feature map, goes in
    steps (k1 x k2 = k).
    """
    most = machine.overlay.miscellaneous.pool_kernel[1]
    kernel, (_, height, width) = pool_kernel(layer), layer.out_shape
    if max(kernel) <= most:
        return ((*kernel, height, width),)
    if layer.op == "max_pool" and layer.stride == (1, 1):
        chains = [_chain(size, most) for size in kernel]
        count = max(map(len, chains))
        filled = [chain + [1] * (count - len(chain)) for chain in chains]
        return tuple((filled[0][i], filled[1][i], height, width) for i in range(count))
    whole = (height, width) == (1, 1) and not any(layer.padding)
    if not whole and layer.stride != kernel:
        return ()
    factors = [_factors(size, most) for size in kernel]
    if not all(factors):
        return ()
    count = max(map(len, factors))
    rows, columns = (f + [1] * (count - len(f)) for f in factors)
    steps, sides = [], [height * kernel[0], width * kernel[1]]
    for i in range(count):
        sides = [sides[0] // rows[i], sides[1] // columns[i]]
        steps.append((rows[i], columns[i], sides[0], sides[1]))
    return tuple(steps)


def _chain(size: int, most: int) -> list[int]:
    chain = []
    while size > most:
        chain.append(most)
        size -= most - 1
    return [*chain, size]


def _factors(size: int, most: int) -> list[int]:
    """The fewest large factors, or none when a prime is too large."""
    found = []
    while size > 1:
        factor = next((f for f in range(min(most, size), 1, -1) if size % f == 0), 0)
        if not factor:
            return []
        found.append(factor)
        size //= factor
    return found or [1]


def _convolution(layer: Layer, machine: Machine) -> Support:
    array = machine.overlay.convolution
    channels = layer.in_shapes[0][0]
    words = layer.kernel[0] * layer.kernel[1] * -(-(channels // layer.groups) // array.input_channels)
    dilated = max(layer.dilation) * channels
    if (reason := _window(layer, array.kernel, array.stride)) != "":
        return Support(False, reason)
    if array.window_words is not None and words > array.window_words:
        return Support(False, f"kernel area x input channel groups is {words}, at most {array.window_words}")
    if array.most_output_channels is not None and layer.out_shape[0] > array.most_output_channels:
        return Support(False, f"{layer.out_shape[0]} output channels, at most {array.most_output_channels}")
    if array.most_dilated_channels is not None and max(layer.dilation) > 1 and dilated > array.most_dilated_channels:
        return Support(False, f"dilation x input channels is {dilated}, at most {array.most_dilated_channels}")
    return _activation(layer, array.activations)


def _depthwise(layer: Layer, machine: Machine) -> Support:
    engine = machine.overlay.depthwise
    if engine is None:
        found = _convolution(layer, machine)
        return Support(found.ok, found.reason, "depthwise convolution without an engine for it") if found.ok else found
    if any(size not in engine.kernels for size in layer.kernel):
        return Support(
            False, f"a depthwise kernel of {_by(layer.kernel)}; it has {', '.join(map(str, engine.kernels))}"
        )
    if any(not engine.stride[0] <= size <= engine.stride[1] for size in layer.stride):
        return Support(False, f"a depthwise stride of {_by(layer.stride)}, at most {engine.stride[1]}")
    return _activation(layer, engine.activations)


def _deconvolution(layer: Layer, machine: Machine) -> Support:
    limit = machine.overlay.convolution.deconvolution
    if limit is None:
        return Support(False, "it has no deconvolution")
    reason = _window(layer, limit, limit)
    return Support(not reason, reason, "" if reason else "deconvolution")


def _element(layer: Layer, machine: Machine) -> Support:
    if layer.op not in machine.overlay.miscellaneous.element_operators:
        return Support(False, f"it has no element-wise {'multiplication' if layer.op == 'mul' else layer.op}")
    if len(set(layer.in_shapes)) > 1:
        return Support(False, "element-wise operators need feature maps of one shape")
    return _activation(layer, machine.overlay.convolution.activations)


def _activation(layer: Layer, known: tuple[str, ...]) -> Support:
    if layer.activation is None or layer.activation in known:
        return _YES
    return Support(False, f"it has no {layer.activation} here, only {', '.join(known)}")


def _window(layer: Layer, kernel: Range, stride: Range) -> str:
    if any(not kernel[0] <= size <= kernel[1] for size in layer.kernel):
        return f"a kernel of {_by(layer.kernel)}, at most {kernel[1]}"
    if any(not stride[0] <= size <= stride[1] for size in layer.stride):
        return f"a stride of {_by(layer.stride)}, at most {stride[1]}"
    return ""


def _by(pair: tuple[int, int]) -> str:
    return f"{pair[0]}x{pair[1]}"
