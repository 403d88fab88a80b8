"""Finds a space by what a user calls it: a known name with options, a YAML or Python file, or a declaration inline."""

import importlib.util
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from search_spaces.declarative import SpaceSpec
from search_spaces.errors import HwnasError, InvalidSpace
from search_spaces.space import SearchSpace


@dataclass(frozen=True, slots=True)
class KnownSpace:
    """A space that comes with the package.

    Attributes:
        name: what a user calls it.
        summary: one line.
        options: each option's values, the default first; written `name:option=value,option=value`.
    """

    name: str
    summary: str
    options: Mapping[str, tuple[str, ...]]


KNOWN: Final = (
    KnownSpace(
        "mobilenet",
        "inverted residuals: kernel 3/5/7, expansion 3/4/6, depth, width, squeeze-and-excite, resolution",
        {"activation": ("relu6", "relu", "hard_swish")},
    ),
    KnownSpace(
        "resnet",
        "residual blocks: depth, width, expansion, resolution",
        {"block": ("basic", "bottleneck"), "activation": ("relu", "relu6")},
    ),
    KnownSpace(
        "efficientnet_lite",
        "EfficientNet-Lite, elastic: kernel 3/5, expansion 2/3/4/6, depth, width, number of stages, resolution",
        {"variant": ("lite0", "lite1", "lite2")},
    ),
)


def known_space(text: str, *, resolution: int) -> SpaceSpec:
    """The declaration of a known space, such as `mobilenet:activation=hard_swish`, for images of a size.

    Raises:
        InvalidSpace: there is no such space, option or value.
    """
    name, _, rest = text.partition(":")
    known = {space.name: space for space in KNOWN}
    if name not in known:
        raise InvalidSpace(
            f"There is no space {name!r}.",
            fix=f"Use one of {', '.join(known)}, or a .yaml or .py file.",
            facts={"known": list(known)},
        )
    options = dict(item.partition("=")[::2] for item in rest.split(",")) if rest else {}
    for option, value in options.items():
        offered = known[name].options.get(option)
        if offered is None or value not in offered:
            raise InvalidSpace(
                f"The space {name!r} has no option {option}={value}.",
                fix="Its options are " + "; ".join(f"{o}={'|'.join(v)}" for o, v in known[name].options.items()) + ".",
            )
    from search_spaces.efficientnet_lite import efficientnet_lite
    from search_spaces.mobilenet import mobilenet
    from search_spaces.resnet import resnet

    makers: dict[str, Any] = {"mobilenet": mobilenet, "resnet": resnet, "efficientnet_lite": efficientnet_lite}
    spec: SpaceSpec = makers[name](resolution, **options)
    return spec


def space(source: str | Mapping[str, Any], *, resolution: int, channels: int, classes: int) -> SearchSpace:
    """The requested space for a user's images; `declaration` documents the arguments and the errors."""
    made = declaration(source, resolution=resolution, channels=channels, classes=classes)
    if isinstance(made, SearchSpace):
        return made
    return made.build(resolution=resolution, channels=channels, classes=classes)


def declaration(
    source: str | Mapping[str, Any], *, resolution: int, channels: int, classes: int
) -> SpaceSpec | SearchSpace:
    """The requested space as it is written: a declaration, or the return value of a Python function.

    Args:
        source: `mobilenet`, `resnet` (with options), a `.yaml` file, a `.py` file (`path.py:function`, the function
            called with resolution, channels and classes; `space` when not named), an `.onnx` file of a classifier, from
            which a space is derived, or a declaration as a mapping.
        resolution: size of the data's images in pixels.
        channels: of the images, 1 or 3.
        classes: how many there are.

    Raises:
        InvalidSpace: it does not exist, is not valid, or cannot fit the resolution.
    """
    if not isinstance(source, str):
        return SpaceSpec.parse(dict(source))
    path, _, function = source.rpartition(":") if ".py:" in source else (source, "", "space")
    if path.endswith(".py"):
        return _from_python(Path(path), function, resolution, channels, classes)
    if source.endswith((".yaml", ".yml")):
        return SpaceSpec.load(Path(source))
    if source.endswith(".onnx"):
        from search_spaces.derived import derive, title

        derived = derive(Path(source), side=resolution)
        return derived.space(title(Path(source)), resolution=resolution, channels=channels, classes=classes)
    return known_space(source, resolution=resolution)


def _from_python(path: Path, function: str, resolution: int, channels: int, classes: int) -> SpaceSpec | SearchSpace:
    """Runs the user's own file: only for a path typed on this machine, never for one from the network."""
    module_spec = importlib.util.spec_from_file_location(f"hwnas_space_{path.stem}", path)
    if not path.is_file() or module_spec is None or module_spec.loader is None:
        raise InvalidSpace(f"There is no file {path}.", fix="Give a Python file that defines the space.")
    module = importlib.util.module_from_spec(module_spec)
    try:
        module_spec.loader.exec_module(module)
        made = getattr(module, function)(resolution=resolution, channels=channels, classes=classes)
    except HwnasError:
        raise
    except Exception as error:
        raise InvalidSpace(
            f"{path}:{function} failed with {type(error).__name__}: {error}.",
            fix="Let it be a function of resolution, channels and classes that returns a SearchSpace or a SpaceSpec.",
        ) from error
    if not isinstance(made, SpaceSpec | SearchSpace):
        raise InvalidSpace(
            f"{path}:{function} returned {inspect.getmodule(type(made))}.", fix="Return a SearchSpace or a SpaceSpec."
        )
    return made
