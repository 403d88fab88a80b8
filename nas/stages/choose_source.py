"""Which trained network a job starts from, and the space that follows from it."""

from collections.abc import Mapping
from typing import Any, Final

from nas.data.facts import DataFacts
from nas.errors import SourceUnavailable
from nas.pretrained import SOURCES, Source, file_of, installed
from nas.spec import SearchSpec

AUTO, NONE = "auto", "none"
DEFAULT_SPACE: Final = "mobilenet"
PHOTO_SIZE: Final = 32
"""From this size on images are taken for photographs, which weights of ImageNet suit."""


def choose_source(spec: SearchSpec, data: DataFacts) -> Source | None:
    """The network to start from: of the spec's work, by its name, or by the data.

    Raises:
        SourceUnavailable: there is none of that name, its weights are not installed, or the space is another.
    """
    name = spec.start_from
    if name == AUTO and spec.work is not None:
        name = spec.work.start_from or NONE
    if name == AUTO:
        default = next(iter(SOURCES.values()))
        suits = data.resolution >= PHOTO_SIZE and spec.space in (AUTO, default.space) and installed(default)
        return default if suits else None
    if name == NONE:
        return None
    if name not in SOURCES:
        raise SourceUnavailable(
            f"There is no trained network {name!r}.",
            fix=f"Start from one of {', '.join(SOURCES)}, from auto, or from none.",
            facts={"known": list(SOURCES)},
        )
    source = SOURCES[name]
    if spec.space not in (AUTO, source.space):
        raise SourceUnavailable(
            f"{name} cannot start a search of another space than its own, {source.space}.",
            fix="Leave out the space, or start from none.",
            facts={"source": name, "space": source.space},
        )
    file_of(source)
    return source


def space_of(spec: SearchSpec, source: Source | None) -> str | Mapping[str, Any]:
    """The space of a spec, as it is requested of the registry."""
    if spec.space != AUTO:
        return spec.space
    return DEFAULT_SPACE if source is None else source.space
