"""Finds machines by id: `alveo-u55c`, `alveo-u55c:dwc,clock=250`, `my-board.toml:engines=2`. Not here: what a machine is.

Own boards: write a board file (and an overlay file beside it where none of the package's fits) and name its path in place of
the board's name, or put it into the folder that `HWNAS_OVERLAYS` names; then its name is enough.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hw_targets.errors import InvalidMachine
from hw_targets.overlay.machine import Board, Build, Machine
from hw_targets.overlay.machine_file import calibrations, overlay_of, own_boards, read_board

FOLDER_VARIABLE: Final = "HWNAS_OVERLAYS"

OPTIONS: Final = {
    "clock": "DPU clock in MHz; the build's nominal one when absent",
    "engines": "engines in use, one number, or one for each kernel joined by +",
    "tenants": "tenants that share the board, one number, or kernels of each joined by +",
}
"""What an id may state beside the build's name."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A board as a listing shows it.

    Attributes:
        name, title: of the board; of a file that cannot be read, its stem.
        builds: their names.
        problem: why it cannot be used, or an empty string.
    """

    name: str
    title: str
    builds: tuple[str, ...]
    problem: str = ""


def listed() -> tuple[Listed, ...]:
    """Every board of the package and of the user's folder; a file that cannot be read is listed with the reason, and hides no other."""
    good, bad = _boards()
    found = [Listed(c.name, c.title, tuple(b.name for b in c.builds)) for c, _ in good.values()]
    return (*found, *(Listed(name, name, (), error.detail) for name, error in bad.items() if name not in good))


def names() -> tuple[str, ...]:
    """Ids of every build of every known board, the default build first."""
    return tuple(f"{board.name}:{build.name}" for board, _ in _boards()[0].values() for build in board.builds)


def machine(machine_id: str) -> Machine:
    """The machine of an id.

    Raises:
        InvalidMachine: there is no such board or build, an option is unknown or out of range, or its file is malformed.
    """
    name, _, rest = machine_id.strip().partition(":")
    board, folder = _board(name)
    options, flags = _options(rest, machine_id)
    if len(flags) > 1:
        raise _invalid(machine_id, f"{' and '.join(flags)} name more than one build", "Name one build.")
    build = _build(board, flags[0] if flags else board.builds[0].name)
    kernels = _kernels(build, options, machine_id)
    clock = _number(options.get("clock"), build.clock_mhz, machine_id, "clock")
    if clock <= 0:
        raise _invalid(machine_id, "its clock is not above 0 MHz", "Give the clock in MHz.")
    if build.calibration not in calibrations():
        raise _invalid(
            machine_id, f"there is no calibration {build.calibration!r}", f"Use {', '.join(calibrations())}."
        )
    return Machine(
        _canonical(name, build, options), board, build, overlay_of(build.overlay, folder),
        calibrations()[build.calibration], kernels, clock, _tenants(len(kernels), options, machine_id),
    )  # fmt: skip


def published(table_name: str, *, clock_mhz: float | None = None, engines: int | None = None) -> Machine:
    """The machine that published tables call by a platform and a DPU, such as `U50LV DPUCAHX8H-DWC`.

    Raises:
        InvalidMachine: no build is published under that name.
    """
    for board, _ in _boards()[0].values():
        for build in board.builds:
            if table_name in build.published:
                options = [build.name]
                options += [f"clock={clock_mhz:g}"] if clock_mhz else []
                options += [f"engines={engines}"] if engines and engines != sum(build.kernels) else []
                return machine(f"{board.name}:{','.join(options)}")
    raise InvalidMachine(
        f"No build is published as {table_name!r}.",
        fix="Add that name to the `published` list of a build in a board file.",
        facts={"published": table_name},
    )


def _boards() -> tuple[dict[str, tuple[Board, Path | None]], dict[str, InvalidMachine]]:
    """The boards by name, with the folder of the user's own; and files of that folder that cannot be read."""
    found: dict[str, tuple[Board, Path | None]] = {name: (board, None) for name, board in own_boards().items()}
    unreadable: dict[str, InvalidMachine] = {}
    folder = os.environ.get(FOLDER_VARIABLE)
    for path in sorted(Path(folder).glob("*.toml")) if folder else []:
        if "builds" not in path.read_text(encoding="utf-8", errors="replace"):
            continue  # an overlay file that boards name
        try:
            board = read_board(path)
        except InvalidMachine as error:
            unreadable[path.stem] = error
        else:
            found.setdefault(board.name, (board, path.parent))
    return found, unreadable


def _board(name: str) -> tuple[Board, Path | None]:
    if name.endswith(".toml"):
        path = Path(name)
        return read_board(path), path.parent
    boards, unreadable = _boards()
    if name in unreadable:
        raise unreadable[name]
    if name not in boards:
        raise InvalidMachine(
            f"There is no board {name!r}.",
            fix=f"Use one of {', '.join(sorted(boards))}, or the path of a board file.",
            facts={"board": name, "known": sorted(boards)},
        )
    return boards[name]


def _build(board: Board, name: str) -> Build:
    for build in board.builds:
        if build.name == name:
            return build
    known = ", ".join(build.name for build in board.builds)
    raise InvalidMachine(
        f"{board.name} has no build or option {name!r}.",
        fix=f"Its builds are {known}; options are {', '.join(f'{o}=...' for o in OPTIONS)}.",
        facts={"board": board.name, "build": name},
    )


def _options(text: str, machine_id: str) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    flags: list[str] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals:
            flags.append(key)
        elif key not in OPTIONS or key in options:
            raise _invalid(machine_id, f"{key!r} is no option, or is given twice", f"Options are {', '.join(OPTIONS)}.")
        else:
            options[key] = value
    return options, flags


def _number(text: str | None, otherwise: float, machine_id: str, name: str) -> float:
    try:
        value = otherwise if text is None else float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value < 1e6:
        raise _invalid(machine_id, f"{name}={text} is no number in range", f"Give {name} as a number.")
    return value


def _whole(text: str, machine_id: str, name: str) -> tuple[int, ...]:
    parts = text.split("+")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise _invalid(machine_id, f"{name}={text} is no list of numbers", f"Write {name}=4, or {name}=3+4+4.")
    return tuple(int(part) for part in parts)


def _kernels(build: Build, options: Mapping[str, str], machine_id: str) -> tuple[int, ...]:
    """Engines of each kernel; a single number removes them from the largest kernels first."""
    if "engines" not in options:
        return build.kernels
    numbers = _whole(options["engines"], machine_id, "engines")
    if len(numbers) > 1:
        fits = len(numbers) <= len(build.kernels) and all(
            a <= b for a, b in zip(sorted(numbers, reverse=True), sorted(build.kernels, reverse=True), strict=False)
        )
        if not fits:
            raise _invalid(machine_id, "it has fewer engines than requested", f"Its kernels are {build.kernels}.")
        return numbers
    left = list(build.kernels)
    if numbers[0] > sum(left):
        raise _invalid(machine_id, "it has fewer engines than requested", f"Its kernels are {build.kernels}.")
    while sum(left) > numbers[0]:
        left[left.index(max(left))] -= 1
    return tuple(engines for engines in left if engines)


def _tenants(kernels: int, options: Mapping[str, str], machine_id: str) -> tuple[int, ...]:
    """Kernels of each tenant; a single number shares them out as evenly as whole kernels allow."""
    numbers = _whole(options.get("tenants", "1"), machine_id, "tenants")
    if len(numbers) == 1:
        count = numbers[0]
        numbers = tuple(kernels // count + (i < kernels % count) for i in range(count)) if count <= kernels else (0,)
    if 0 in numbers or sum(numbers) > kernels:
        raise _invalid(
            machine_id, f"{kernels} kernels cannot be shared like that", "Tenants get whole kernels, each at least one."
        )
    return numbers


def _canonical(name: str, build: Build, options: Mapping[str, str]) -> str:
    return f"{name}:" + ",".join([build.name, *(f"{key}={options[key]}" for key in OPTIONS if key in options)])


def _invalid(machine_id: str, why: str, fix: str) -> InvalidMachine:
    return InvalidMachine(f"{machine_id!r} is no machine: {why}.", fix=fix, facts={"machine": machine_id})
