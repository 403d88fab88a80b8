"""Reads overlay, board and calibration files (TOML) into the values of `machine.py`, or says which field of which file is wrong."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from hw_targets.errors import InvalidMachine
from hw_targets.overlay.machine import Board, Calibration, Overlay

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


def read_board(path: Path) -> Board:
    """A board file. Raises `InvalidMachine` as `read_overlay` does."""
    document = _toml(path)
    if "board" in document:
        raise _wrong(path, "board", "is now called power", "Rename [board] to [power].")
    board = _validated(Board, document, path)
    if not board.builds:
        raise _wrong(path, "builds", "is empty", "Add a [[builds]] table.")
    for number, build in enumerate(board.builds):
        if not build.kernels or min(build.kernels) < 1:
            raise _wrong(path, f"builds.{number}.kernels", "has no engines", "List the engines of each kernel.")
        if build.clock_mhz <= 0:
            raise _wrong(path, f"builds.{number}.clock_mhz", "is not above 0", "Give the clock in MHz.")
    if board.memory.gb_per_s <= 0 or board.memory.bytes <= 0:
        raise _wrong(path, "memory", "has no bandwidth or no size", "Give gb_per_s and bytes as positive numbers.")
    return board


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
def own_boards() -> dict[str, Board]:
    """The boards of the package, by name."""
    boards = [read_board(path) for path in sorted((FOLDER / "boards").glob("*.toml"))]
    return {board.name: board for board in boards}


def overlay_of(name: str, beside: Path | None) -> Overlay:
    """The overlay that a board file names: a file beside it, or one of the package.

    Raises:
        InvalidMachine: there is none of that name.
    """
    if beside is not None and (beside / name).is_file():
        return read_overlay(beside / name)
    known = sorted(path.stem for path in (FOLDER / "overlays").glob("*.toml"))
    if name not in known:
        raise InvalidMachine(
            f"There is no overlay {name!r}.", fix=f"Use one of {', '.join(known)}, or a file beside the board's.",
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
