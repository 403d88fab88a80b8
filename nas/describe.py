"""One architecture in full, for display: its choices with their alternatives, its layers, and their costs on targets.

Loads no torch and touches no device, so that a server may call it. Not here: the search that found the architecture, and
any other network (`estimate.py`).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from hw_targets.registry import target as find_target
from hw_targets.target import Simulator
from latency_models.breakdown import shares
from latency_models.table import LatencyTable
from nas.frozen import FrozenModel
from nas.stages.restrict_space import SIMPLE
from search_spaces.cost import (
    layer_macs,
    layer_params,
    layer_weight_bytes,
    macs,
    params,
    peak_memory_bytes,
    weight_bytes,
)
from search_spaces.errors import HwnasError, InvalidArchitecture
from search_spaces.network import Layer, Network, Shape
from search_spaces.registry import declaration
from search_spaces.space import RESOLUTION, Architecture, Choice, SearchSpace, Value

INPUT_STAGE = "input"


class ChoiceDetail(FrozenModel):
    """One choice of an architecture."""

    name: str
    value: Value | None = Field(description="null where it is inactive: a block beyond the depth")
    alternatives: tuple[Value, ...] = Field(description="all values that the space offers, from the smallest")
    block: str | None = Field(description="the block that it is for; null where blocks share it")


class StageDetail(FrozenModel):
    """Blocks that belong together, with their choices."""

    name: str = Field(description="for example stem, s1, head; input for the resolution")
    blocks: tuple[str, ...] = Field(description="those that have layers, in order")
    choices: tuple[ChoiceDetail, ...]


class LayerDetail(FrozenModel):
    """One layer; batch norm is folded into it."""

    name: str
    stage: str
    block: str
    op: str = Field(description="for example conv, linear, add, mul, global_avg_pool")
    inputs: tuple[str, ...] = Field(description="the layers that it reads; input is the network's")
    in_shapes: tuple[Shape, ...] = Field(description="(channels, height, width) of each")
    out_shape: Shape
    kernel: tuple[int, int]
    stride: tuple[int, int]
    groups: int
    depthwise: bool
    activation: str | None
    macs: int
    params: int
    weight_bytes: int


class NetworkDetail(FrozenModel):
    """An architecture's network, INT8 at batch 1."""

    space: str
    input_shape: Shape = Field(description="(channels, height, width)")
    macs: int
    params: int
    weight_bytes: int = Field(description="INT8 weights and INT32 biases")
    peak_memory_bytes: int = Field(description="most bytes of live INT8 activations, layer by layer; estimated")
    stages: tuple[StageDetail, ...]
    layers: tuple[LayerDetail, ...] = Field(description="in the order in which they run")


class LatencyPart(FrozenModel):
    """One part of a prediction; the parts add up to it."""

    name: str = Field(description="of the layer; constant or input for parts of no layer")
    of: Literal["layer", "input", "constant"] = Field(
        description="input: kernels outside of all layers; constant: of a run besides its kernels"
    )
    latency_ms: float
    kind: Literal["predicted", "estimated"] = Field(description="estimated: the layer's key was never measured")
    profiled_ms: float | None = Field(description="of its kernels under the profiler, scaled")
    terms_ms: float | None = Field(description="added for each kernel, most often below 0: the profiler's own cost")
    correction_ms: float | None = Field(description="correction from whole networks; the three add up to latency_ms")
    simulated_ms: float | None = Field(
        description="of its group, where the target is simulated; with the first layer of it"
    )
    bound_by: str | None = Field(
        description="what binds its group on a simulated target: arithmetic, depthwise engine, pools and sums (pooling and add), weights, "
        "maps in, maps out (feature maps) or instruction overhead"
    )
    group: str | None = Field(description="name of the group that it is fused into on a simulated target")


class PredictionDetail(FrozenModel):
    """A target's latency table applied to a network."""

    device: str
    runtime: str
    kind: Literal["predicted", "estimated"] = Field(
        description="estimated: the keys of some layers were never measured"
    )
    latency_ms: float
    error: float = Field(description="relative error to expect, a fraction")
    simulated_ms: float | None = Field(description="this very network, where the target is simulated")
    parts: tuple[LatencyPart, ...] = Field(description="the constant, the input, then the layers in their order")


def find_space(
    source: str | Mapping[str, Any],
    architecture: str,
    architecture_id: str,
    *,
    resolution: int,
    channels: int,
    classes: int,
) -> tuple[SearchSpace, Architecture]:
    """The space that an architecture is of, and the architecture itself.

    The space is the one that a search requested, or the same with the activation that its targets needed
    (`stages/restrict_space.py`); the architecture's id decides.

    Raises:
        InvalidSpace: the space does not exist, is not valid, or cannot fit the resolution.
        InvalidArchitecture: the architecture is of none of them.
    """
    for space in _forms(source, resolution=resolution, channels=channels, classes=classes):
        try:
            found = space.parse(architecture)
        except InvalidArchitecture:
            continue
        if found.id == architecture_id:
            return space, found
    raise InvalidArchitecture(
        f"The architecture {architecture_id} is not of the space as this version builds it.", fix="Search again."
    )


def _forms(source: str | Mapping[str, Any], **size: int) -> Iterator[SearchSpace]:
    made = declaration(source, **size)
    if isinstance(made, SearchSpace):
        yield made
        return
    yield made.build(**size)
    for activation in SIMPLE:
        yield made.with_activation(activation).build(**size)


def describe(space: SearchSpace, architecture: Architecture) -> NetworkDetail:
    """The network of an architecture, by its stages."""
    network = space.network(architecture)
    links = [stage.name for stage in space.stages]
    layers = tuple(_layer(layer, links) for layer in network.layers)
    return NetworkDetail(
        space=space.name,
        input_shape=network.input_shape,
        macs=macs(network),
        params=params(network),
        weight_bytes=weight_bytes(network),
        peak_memory_bytes=peak_memory_bytes(network),
        stages=_stages(space, dict(architecture.values), {layer.block for layer in layers}),
        layers=layers,
    )


def _stages(space: SearchSpace, values: Mapping[str, Value], built_blocks: set[str]) -> tuple[StageDetail, ...]:
    readers: dict[str, list[str]] = {RESOLUTION: []}
    for link in space.stages:
        for choice in link.choices:
            readers.setdefault(choice.name, []).append(link.name)
    blocks: dict[str, list[str]] = {INPUT_STAGE: []}
    for link in space.stages:
        blocks.setdefault(_stage_of(link.name), []).append(link.name)
    choices: dict[str, list[ChoiceDetail]] = {stage: [] for stage in blocks}
    for choice in space.choices:
        links = readers[choice.name]
        stage = _stage_of(links[0]) if links else INPUT_STAGE
        choices[stage].append(_choice(choice, values, links[0] if len(links) == 1 else None))
    return tuple(
        StageDetail(name=stage, blocks=tuple(b for b in names if b in built_blocks), choices=tuple(choices[stage]))
        for stage, names in blocks.items()
    )


def _choice(choice: Choice, values: Mapping[str, Value], block: str | None) -> ChoiceDetail:
    return ChoiceDetail(name=choice.name, value=values.get(choice.name), alternatives=choice.values, block=block)


def _stage_of(block: str) -> str:
    return block.partition(".")[0]


def _layer(layer: Layer, links: list[str]) -> LayerDetail:
    block = next(name for name in links if layer.name.startswith(f"{name}."))
    return LayerDetail(
        name=layer.name, stage=_stage_of(block), block=block, op=layer.op, inputs=layer.inputs, in_shapes=layer.in_shapes,
        out_shape=layer.out_shape, kernel=layer.kernel, stride=layer.stride, groups=layer.groups,
        depthwise=layer.is_depthwise, activation=layer.activation, macs=layer_macs(layer), params=layer_params(layer),
        weight_bytes=layer_weight_bytes(layer),
    )  # fmt: skip


def predict(network: Network, table: LatencyTable) -> PredictionDetail:
    """A table's prediction of a network, part by part; of a simulated target that is known here, also what binds each layer."""
    prediction = table.predict(network)
    simulated_ms, bound = _simulated(network, table.info.id)
    parts = []
    for share in shares(table, network):
        group, took, by = bound.get(share.name, (None, None, None)) if share.of == "layer" else (None, None, None)
        parts.append(
            LatencyPart(
                name=share.name, of=share.of, latency_ms=share.latency_ms, kind=share.kind, profiled_ms=share.profiled_ms,
                terms_ms=share.terms_ms, correction_ms=share.correction_ms, simulated_ms=took, bound_by=by, group=group,
            )
        )  # fmt: skip
    return PredictionDetail(
        device=table.info.device, runtime=table.info.runtime, kind=prediction.kind,
        latency_ms=prediction.latency_ms, error=prediction.error,
        simulated_ms=simulated_ms, parts=tuple(parts),
    )  # fmt: skip


_Bound = tuple[str | None, float | None, str | None]
"""Of a layer: its group, the group's milliseconds with its first layer, and what binds the group."""


def _simulated(network: Network, target_id: str) -> tuple[float | None, dict[str, _Bound]]:
    try:
        target = find_target(target_id)
        if not isinstance(target, Simulator):
            return None, {}
        found = target.simulate(network)
    except HwnasError:  # a board or package that is not installed here, or a network that it no longer supports
        return None, {}
    per_cycle = found["latency_ms"] / found["cycles"]
    bound: dict[str, _Bound] = {}
    for group in found["groups"]:
        for name in group["layers"]:
            took = group["cycles"] * per_cycle if name == group["layers"][0] else None
            bound[name] = (group["name"], took, group["bound_by"])
    return float(found["latency_ms"]), bound
