"""Loads what other packages add through entry points: one that cannot be loaded is listed with the reason, so that it hides no other."""

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint
from typing import TypeVar

Entry = TypeVar("Entry")


def loaded(points: Iterable[EntryPoint], kind: type[Entry], broken: Callable[[str, str], Entry]) -> list[Entry]:
    """The entries of a group, by name.

    Args:
        points: of the group.
        kind: what each has to be.
        broken: (name, reason) to the entry in place of one that cannot be loaded.
    """
    found = []
    for point in sorted(points, key=lambda point: point.name):
        try:
            entry = point.load()
            reason = f"entry point {point.value} is {type(entry).__name__}, not {kind.__name__}"
        except Exception as error:  # noqa: BLE001 - another package's code may raise anything
            entry, reason = None, f"entry point {point.value} failed with {type(error).__name__}: {error}"
        found.append(entry if isinstance(entry, kind) else broken(point.name, reason))
    return found
