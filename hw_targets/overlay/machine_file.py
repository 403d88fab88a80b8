"""Reads overlay, card and calibration files (TOML) into the values of `machine.py`, or says which field of which file is wrong."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from hw_targets.errors import InvalidMachine
from hw_targets.overlay.machine import Calibration, Card, Overlay

FOLDER: Final = Path(__file__).parent
T = TypeVar("T")


def read(kind: type[T], path: Path) -> T:
    """Reads a file into any kind of value. Raises `InvalidMachine` as the others here do."""
    return _validated(kind, _toml(path), path)


def read_overlay(path: Path) -> Overlay:
    """An overlay file.

    Raises:
        InvalidMachine: it is absent or malformed; names the file, the field and the fix.
    """
    overlay = read(Overlay, path)
    widths = (overlay.convolution.input_channels, overlay.convolution.output_channels, overlay.convolution.pixels,
              overlay.ports.load_bytes, overlay.ports.save_bytes, overlay.ports.weight_bytes,
              overlay.banks.feature_bytes, overlay.banks.weight_bytes, overlay.miscellaneous.pool_channels,
              overlay.miscellaneous.pool_pixels, overlay.miscellaneous.element_channels,
              overlay.miscellaneous.element_pixels)  # fmt: skip
    if min(widths) < 1:
        raise _wrong(path, "a width", "is less than 1", "Give every width and size as a positive number.")
    return overlay


def read_card(path: Path) -> Card:
    """A card file. Raises `InvalidMachine` as `read_overlay` does."""
    card = read(Card, path)
    if not card.builds:
        raise _wrong(path, "builds", "is empty", "Add a [[builds]] table.")
    for number, build in enumerate(card.builds):
        if not build.kernels or min(build.kernels) < 1:
            raise _wrong(path, f"builds.{number}.kernels", "has no engines", "List the engines of each kernel.")
        if build.clock_mhz <= 0:
            raise _wrong(path, f"builds.{number}.clock_mhz", "is not above 0", "Give the clock in MHz.")
    if card.memory.gb_per_s <= 0 or card.memory.bytes <= 0:
        raise _wrong(path, "memory", "has no bandwidth or no size", "Give gb_per_s and bytes as positive numbers.")
    return card


@cache
def calibrations() -> dict[str, Calibration]:
    """The fitted parameters of the package, by name."""
    path = FOLDER / "calibration.toml"
    return _validated(dict[str, Calibration], _toml(path), path)


@cache
def own_overlay(name: str) -> Overlay:
    """An overlay of the package."""
    return read_overlay(FOLDER / "overlays" / f"{name}.toml")


@cache
def own_cards() -> dict[str, Card]:
    """The cards of the package, by name."""
    cards = [read_card(path) for path in sorted((FOLDER / "cards").glob("*.toml"))]
    return {card.name: card for card in cards}


def overlay_of(name: str, beside: Path | None) -> Overlay:
    """The overlay that a card file names: a file beside it, or one of the package.

    Raises:
        InvalidMachine: there is none of that name.
    """
    if beside is not None and (beside / name).is_file():
        return read_overlay(beside / name)
    known = sorted(path.stem for path in (FOLDER / "overlays").glob("*.toml"))
    if name not in known:
        raise InvalidMachine(
            f"There is no overlay {name!r}.", fix=f"Use one of {', '.join(known)}, or a file beside the card's.",
            facts={"overlay": name, "known": known},
        )  # fmt: skip
    return own_overlay(name)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidMachine(f"{path} cannot be read: {error.strerror}.", fix="Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidMachine(f"{path} is no TOML file: {error}.", fix="Fix it at that place.") from error


def _validated(kind: type[T], document: dict[str, Any], path: Path) -> T:
    try:
        return TypeAdapter(kind).validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise _wrong(
            path, where, f"is wrong: {first['msg'].rstrip('.').lower()}", "Compare the files of the package."
        ) from error


def _wrong(path: Path, field: str, what: str, fix: str) -> InvalidMachine:
    return InvalidMachine(f"{path}: {field} {what}.", fix=fix, facts={"file": str(path), "field": field})
