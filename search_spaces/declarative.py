"""A space as a declaration: stages of blocks with choices, from YAML, JSON or Python, bounded and validated.

Wherever a list stands for a number, the search selects from it. Kernel and expansion are selected for each block, width,
depth and squeeze-and-excite for each stage, the resolution for the whole network. This is also how the package's own
spaces are written. Not here: spaces written as Python functions (`space.py`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from search_spaces.blocks import BLOCKS
from search_spaces.builder import Graph, Tensor
from search_spaces.errors import InvalidSpace
from search_spaces.space import RESOLUTION, Build, Choice, SearchSpace, Stage, Value
from search_spaces.validation import NUMBER, field_problems
from search_spaces.yaml_file import read_yaml

T = TypeVar("T", int, float, bool)

ENDS: Final = "stages"
"""The choice of how many stages a network has."""


def _ascending(value: Any) -> Any:
    """One value or a list of distinct ones, as an ascending tuple."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    if len({type(one) is bool for one in values}) == 2:
        return tuple(values)  # true and 1 are equal, but not the same
    try:
        return tuple(sorted(set(values)))
    except TypeError:
        return tuple(values)


_SORTED = BeforeValidator(_ascending)

Channels = Annotated[
    tuple[Annotated[int, Field(ge=1, le=4096), NUMBER], ...], _SORTED, Field(min_length=1, max_length=16)
]
Depths = Annotated[tuple[Annotated[int, Field(ge=1, le=32), NUMBER], ...], _SORTED, Field(min_length=1, max_length=32)]
Kernels = Annotated[tuple[Annotated[Literal[1, 3, 5, 7], NUMBER], ...], _SORTED, Field(min_length=1, max_length=4)]
Expansions = Annotated[
    tuple[Annotated[float, Field(ge=0.125, le=16), NUMBER], ...], _SORTED, Field(min_length=1, max_length=16)
]
Flags = Annotated[tuple[Annotated[bool, Field(strict=True)], ...], _SORTED, Field(min_length=1, max_length=2)]
Strides = Annotated[tuple[Annotated[Literal[1, 2, 4], NUMBER], ...], _SORTED, Field(min_length=1, max_length=3)]
Sides = Annotated[tuple[Annotated[int, Field(ge=4, le=512), NUMBER], ...], _SORTED, Field(min_length=1, max_length=32)]


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StemSpec(_Spec):
    """The first convolution."""

    channels: Channels = (16,)
    kernel: Kernels = (3,)
    stride: Strides = (1,)


class StageSpec(_Spec):
    """Blocks of one kind, one after another; the first of them strides."""

    block: Literal["inverted_residual", "fused_inverted_residual", "basic", "bottleneck", "conv"]
    channels: Channels
    depth: Depths = (1,)
    kernel: Kernels = (3,)
    expansion: Expansions = (1.0,)
    stride: Annotated[Literal[1, 2], NUMBER] = 1
    squeeze_excite: Flags = (False,)


class HeadSpec(_Spec):
    """A 1x1 convolution before pooling and the classifier; absent when `channels` is."""

    channels: Channels | None = None


class SpaceSpec(_Spec):
    """A whole space.

    Example (YAML):
        name: tiny
        stem: {channels: 16}
        stages:
          - {block: inverted_residual, channels: [16, 24], depth: [1, 2], kernel: [3, 5], expansion: [3, 6], stride: 2}
        head: {channels: 64}
    """

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_.:=,\-]{0,63}$")
    resolution: Sides | None = Field(None, description="input sizes in pixels; the data's own when absent")
    activation: Literal["relu", "relu6", "hard_swish"] = "relu6"
    stem: StemSpec = StemSpec()
    stages: tuple[StageSpec, ...] = Field(min_length=1, max_length=16)
    ends: Depths | None = Field(
        None, description="how many stages a network may have, a choice; each end has a head of its own"
    )
    head: HeadSpec = HeadSpec()

    @model_validator(mode="after")
    def _ends_are_stages(self) -> "SpaceSpec":
        if self.ends is not None and self.ends[-1] != len(self.stages):
            raise ValueError(f"ends: the last is the number of stages, {len(self.stages)}, not {self.ends[-1]}")
        return self

    def build(self, *, resolution: int, channels: int, classes: int) -> SearchSpace:
        """The space for square images of size `resolution` (used where the spec has none).

        Raises:
            InvalidSpace: a stage cannot fit one of the resolutions.
        """
        ends = self.ends or (len(self.stages),)
        stages = [_stem(self.stem, self.activation)]
        for position, stage in enumerate(self.stages, start=1):
            slots = _slots(f"s{position}", stage, self.activation)
            stages.extend(slots if position <= ends[0] else (_ending(slot, position, ends) for slot in slots))
        stages.append(_head(self.head, self.activation, classes, ends))
        sizes = self.resolution or (resolution,)
        space = SearchSpace(self.name, channels, classes, Choice(RESOLUTION, tuple(sizes)), tuple(stages))
        self._check_fit(min(sizes))
        return space

    def with_activation(self, activation: Literal["relu", "relu6"]) -> "SpaceSpec":
        """The same space with another activation, also in its name."""
        base, _, options = self.name.partition(":")
        other_options = [option for option in options.split(",") if option and not option.startswith("activation=")]
        name = f"{base}:{','.join([*other_options, f'activation={activation}'])}"
        return self.model_copy(update={"name": name, "activation": activation})

    def _check_fit(self, size: int) -> None:
        left = -(-size // max(self.stem.stride))
        for position, stage in enumerate(self.stages, start=1):
            if stage.stride > left:
                raise InvalidSpace(
                    f"Stage {position} of the space {self.name!r} strides by {stage.stride}, but at resolution {size} its "
                    f"input is only {left}x{left} pixels.",
                    fix=f"Remove a stride before it, or use a resolution of at least {size * 2}.",
                    facts={"stage": position, "resolution": size},
                )
            left = -(-left // stage.stride)

    @staticmethod
    def parse(document: Any) -> "SpaceSpec":
        """Validates a declaration.

        Raises:
            InvalidSpace: with one line for each wrong field.
        """
        try:
            return SpaceSpec.model_validate(document)
        except ValidationError as error:
            problems = field_problems(error.errors(), "space")
            raise InvalidSpace(
                "The space is not valid: " + "; ".join(problems) + ".",
                fix="Correct these fields.",
                facts={"fields": list(problems)},
            ) from error

    @staticmethod
    def load(path: Path) -> "SpaceSpec":
        """Reads a YAML file.

        Raises:
            InvalidSpace: it is missing, too large, no YAML, or no valid space.
        """
        return SpaceSpec.parse(read_yaml(path, "a space", InvalidSpace))


def _choice(name: str, values: tuple[Value, ...]) -> tuple[Choice, ...]:
    """A choice, unless there is a single value."""
    return (Choice(name, values),) if len(values) > 1 else ()


def _pick(read: Mapping[str, Value], name: str, values: tuple[T, ...]) -> T:
    return cast(T, read[name]) if len(values) > 1 else values[0]


def _stem(stem: StemSpec, activation: str) -> Stage:
    strides: tuple[int, ...] = tuple(reversed(stem.stride))  # the larger stride makes the smaller network

    def build(g: Graph, x: Tensor, read: Mapping[str, Value]) -> Tensor:
        width = _pick(read, "stem.width", stem.channels)
        kernel = _pick(read, "stem.kernel", stem.kernel)
        return g.conv(
            "conv", x, width, kernel=kernel, stride=_pick(read, "stem.stride", strides), activation=activation
        )

    choices = (
        *_choice("stem.width", stem.channels),
        *_choice("stem.kernel", stem.kernel),
        *_choice("stem.stride", strides),
    )
    return Stage("stem", choices, build)


def _head(head: HeadSpec, activation: str, classes: int, ends: tuple[int, ...]) -> Stage:
    """A head for each end: what it reads has other channels, so that no weights are shared."""
    widths = head.channels or ()

    def build(g: Graph, x: Tensor, read: Mapping[str, Value]) -> Tensor:
        end = _pick(read, ENDS, ends)
        suffix = "" if end == ends[-1] else str(end)
        if widths:
            x = g.conv(f"conv{suffix}", x, _pick(read, "head.width", widths), activation=activation)
        return g.linear(f"classifier{suffix}", g.global_avg_pool(f"pool{suffix}", x), classes)

    return Stage("head", (*_choice(ENDS, ends), *_choice("head.width", widths)), build)


def _ending(stage: Stage, position: int, ends: tuple[int, ...]) -> Stage:
    """A link that is skipped where the network ends before it."""

    def build(g: Graph, x: Tensor, read: Mapping[str, Value]) -> Tensor:
        return x if _pick(read, ENDS, ends) < position else stage.build(g, x, read)

    return Stage(stage.name, (*_choice(ENDS, ends), *stage.choices), build)


def _slots(name: str, stage: StageSpec, activation: str) -> list[Stage]:
    """One link of the chain for each block that the stage may have: the chain's links stay small that way."""
    shared = (
        *_choice(f"{name}.depth", stage.depth),
        *_choice(f"{name}.width", stage.channels),
        *_choice(f"{name}.se", stage.squeeze_excite),
    )
    return [
        Stage(
            f"{name}.b{slot}",
            (
                *shared,
                *_choice(f"{name}.b{slot}.kernel", stage.kernel),
                *_choice(f"{name}.b{slot}.expansion", stage.expansion),
            ),
            _slot(name, slot, stage, activation),
        )
        for slot in range(max(stage.depth))
    ]


def _slot(name: str, slot: int, stage: StageSpec, activation: str) -> Build:
    always = slot < min(stage.depth)

    def build(g: Graph, x: Tensor, read: Mapping[str, Value]) -> Tensor:
        if not always and _pick(read, f"{name}.depth", stage.depth) <= slot:
            return x
        return BLOCKS[stage.block](
            g,
            x,
            channels=_pick(read, f"{name}.width", stage.channels),
            kernel=_pick(read, f"{name}.b{slot}.kernel", stage.kernel),
            expansion=_pick(read, f"{name}.b{slot}.expansion", stage.expansion),
            stride=stage.stride if slot == 0 else 1,
            activation=activation,
            se=_pick(read, f"{name}.se", stage.squeeze_excite),
        )

    return build
