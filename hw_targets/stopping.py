"""Whether the work around has been asked to stop. Whatever takes long asks it, however deep below the one who knows.

A caller puts `stoppable` around work; loops and waits inside call `check_cancelled`, which raises what the caller's check raises.
So layers, targets and locks need no argument for it, nor do targets that others write. The check belongs to its thread. Not
here: what stopping means (`nas/stages/context.py`).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")


def _go_on() -> None:
    """Nobody has asked."""


_check: ContextVar[Callable[[], None]] = ContextVar("hwnas_check", default=_go_on)


@contextmanager
def stoppable(check: Callable[[], None]) -> Iterator[None]:
    """Work that `check` may end by raising."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def check_cancelled() -> None:
    """Ends the work if it has been asked to stop. Costs about a microsecond: between layers, rounds and polls of a lock.

    Raises:
        Whatever the check of `stoppable` around it raises; nothing without one.
    """
    _check.get()()


def one_by_one(items: Iterable[Item]) -> Iterator[Item]:
    """The items, with `check_cancelled` before each."""
    for item in items:
        check_cancelled()
        yield item
