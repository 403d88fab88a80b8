"""Restricts a space to targets before anything is measured: one activation that all of them run, and the part that each of them runs.

Each target is searched in its own part of the space. The supernet is trained in the smallest space that has all the parts, those of
targets of other searches that share it, too. Their architectures are architectures of it with the same layers, so all targets share
its weights. An activation is set for a space, not searched, so it is common to all: the space's own where every target runs it, else
ReLU, else ReLU6.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from hw_targets.target import Target
from nas.stages.context import Context
from search_spaces.declarative import SpaceSpec
from search_spaces.errors import UnsupportedSpace
from search_spaces.lattice import Lattice
from search_spaces.network import Layer
from search_spaces.registry import declaration
from search_spaces.restrict import RestrictedSpace, UnsupportedReason, restrict, union
from search_spaces.space import SearchSpace

SIMPLE: Final[tuple[Literal["relu", "relu6"], ...]] = ("relu", "relu6")
"""Replacements of an activation that a target does not run, the preferred first."""


@dataclass(frozen=True)
class TargetSpaces:
    """A space for targets.

    Attributes:
        space: of the supernet.
        restricted: the part that each target runs, in the order of the targets.
    """

    space: SearchSpace
    restricted: tuple[RestrictedSpace, ...]


def restrict_space(
    context: Context,
    source: str | Mapping[str, Any],
    targets: Sequence[Target],
    *,
    resolution: int,
    channels: int,
    classes: int,
    sharing: Sequence[Target] = (),
) -> TargetSpaces:
    """The requested space, restricted to what the targets run. Emits which options were removed and why.

    Args:
        context: of the job.
        source: the requested space.
        targets: of the search.
        resolution, channels, classes: of the data.
        sharing: other targets, of searches with the same supernet: its space has their parts, too.

    Raises:
        InvalidSpace: the space does not exist, is not valid, or cannot fit the resolution.
        UnsupportedSpace: a target runs none of its networks, with any activation.
    """
    size = {"resolution": resolution, "channels": channels, "classes": classes}
    requested = declaration(source, **size)
    if isinstance(requested, SearchSpace):
        return _report_removed(context, _parts(requested, targets, sharing), targets)
    try:
        return _report_removed(context, _parts(requested.build(**size), targets, sharing), targets)
    except UnsupportedSpace as error:
        spec, spaces = _with_another(requested, targets, sharing, size)
        context.warn(
            f"The space {requested.name} is searched with {spec.activation} in place of {requested.activation}"
            f"{', for all targets' if len(targets) + len(sharing) > 1 else ''}, since {error.detail}"
        )
        return _report_removed(context, spaces, targets)


def _with_another(
    requested: SpaceSpec, targets: Sequence[Target], sharing: Sequence[Target], size: Mapping[str, int]
) -> tuple[SpaceSpec, TargetSpaces]:
    """The space with the first possible replacement; raises the preferred one's error where there is none."""
    first: UnsupportedSpace | None = None
    for activation in SIMPLE:
        spec = requested.with_activation(activation)
        try:
            return spec, _parts(spec.build(**size), targets, sharing)
        except UnsupportedSpace as error:
            first = first or error
    assert first is not None
    raise first


def _parts(whole: SearchSpace, targets: Sequence[Target], sharing: Sequence[Target]) -> TargetSpaces:
    parts = [restrict(whole, _unsupported_reason(target), who=target.info.id) for target in (*targets, *sharing)]
    return TargetSpaces(union(whole, [one.space for one in parts]), tuple(parts[: len(targets)]))


def _unsupported_reason(target: Target) -> UnsupportedReason:
    """Why a layer must not be searched for a target: it does not run it, or its INT8 scheme does not suit it."""

    def unsupported_reason(layer: Layer) -> str:
        support = target.supports(layer)
        return target.scheme.unsupported_reason(layer) if support.ok else support.reason

    return unsupported_reason


def _report_removed(context: Context, spaces: TargetSpaces, targets: Sequence[Target]) -> TargetSpaces:
    for target, restricted in zip(targets, spaces.restricted, strict=True):
        if restricted.removed:
            left = Lattice.of(restricted.space).size
            context.info(
                f"{target.info.id} does not run all of the space {restricted.space.name}, which is restricted to {left:,} architectures: "
                f"{restricted.describe()}."
            )
    return spaces
