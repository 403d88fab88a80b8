"""Cancelling long work from deep inside it: loops and waits check whether the caller has requested a stop.

A caller wraps work in `stoppable`; loops and waits inside call `check_cancelled`, which raises what the caller's check raises.
So layers, targets and locks, third-party targets included, need no argument for it. The check belongs to its thread. Not
here: what happens on a stop (`nas/stages/context.py`).
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")


def never() -> bool:
    """For a caller that does not cancel."""
    return False


def _no_check() -> None:
    """Outside of `stoppable`: nothing to check."""


_check: ContextVar[Callable[[], None]] = ContextVar("hwnas_check", default=_no_check)


@contextmanager
def stoppable(check: Callable[[], None]) -> Iterator[None]:
    """Work that `check` may end by raising."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def check_cancelled() -> None:
    """Ends the work where a stop is requested. Costs about a microsecond; called between layers, rounds and polls of a lock.

    Raises:
        Whatever the check of `stoppable` around it raises; nothing without one.
    """
    _check.get()()


def one_by_one(items: Iterable[Item]) -> Iterator[Item]:
    """The items, with `check_cancelled` before each."""
    for item in items:
        check_cancelled()
        yield item
