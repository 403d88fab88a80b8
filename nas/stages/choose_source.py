"""Which trained network a job starts from, and the space that follows from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nas.data.facts import DataFacts
from nas.errors import SourceUnavailable
from nas.own_source import FOREIGN, SUFFIX, OwnSource
from nas.pretrained import SOURCES, file_of, installed
from nas.source import Source
from nas.spec import SearchSpec

AUTO, NONE = "auto", "none"
DEFAULT_SPACE: Final = "mobilenet"
PHOTO_SIZE: Final = 32
"""From this size on images are taken for photographs, which weights of ImageNet suit."""


def choose_source(spec: SearchSpec, data: DataFacts) -> Source | None:
    """The network to start from: of the spec's work, by its name, or by the data.

    Raises:
        SourceUnavailable: there is none of that name, its weights are not installed, or the space is another.
        UnreadableModel, InvalidSpace: the user's own network cannot be read, or cannot be searched.
    """
    name = spec.start_from
    if name == AUTO and spec.work is not None:
        name = spec.work.start_from or NONE
    return find_source(name, spec.space, data.resolution)


def find_source(name: str, space: str | Mapping[str, Any], resolution: int) -> Source | None:
    """The network of a name, for a requested space and images of a size in pixels; raises as `choose_source`."""
    if name == AUTO:
        default = next(iter(SOURCES.values()))
        suits = resolution >= PHOTO_SIZE and space in (AUTO, default.space) and installed(default)
        return default if suits else None
    if name == NONE:
        return None
    source: Source
    if name in SOURCES:
        source = SOURCES[name]
        file_of(source)
    elif is_path(name):
        source = own_source(name)
    else:
        raise SourceUnavailable(
            f"There is no trained network {name!r}.",
            fix=f"Start from one of {', '.join(SOURCES)}, from an ONNX file, from auto, or from none.",
            facts={"known": list(SOURCES)},
        )
    if space not in (AUTO, source.space):
        raise SourceUnavailable(
            f"{source.name} cannot start a search of another space than its own, {source.space}.",
            fix="Leave out the space, or start from none.",
            facts={"source": source.name, "space": source.space},
        )
    return source


def is_path(name: str) -> bool:
    """Whether a name of a network to start from is the path of a user's own."""
    return Path(name).suffix.lower() in (SUFFIX, *FOREIGN) or Path(name).is_dir()


def own_source(path: str) -> OwnSource:
    """A user's own network by its path; raises as `OwnSource.of`."""
    return OwnSource.of(Path(path))


def space_of(spec: SearchSpec, source: Source | None) -> str | Mapping[str, Any]:
    """The space of a spec, as it is requested of the registry."""
    if spec.space != AUTO:
        return spec.space
    return DEFAULT_SPACE if source is None else source.space
