"""Processor time in core-seconds: of this process, and of one stage over all processes that worked on it.

Not here: wall time (`StageRecord.seconds`), and the time of a GPU or of a remote device.
"""

import resource
import secrets
from collections.abc import Iterable
from typing import Final

from nas.journal import Journal

PROCESS: Final = secrets.token_hex(8)
"""Names this process among all that work for it."""
KEPT_EVERY: Final = 1.0
"""Core-seconds between two times that are kept while a stage runs."""


def core_seconds() -> float:
    """Of this process and its finished children so far, user and system."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def sum_known(times: Iterable[float | None]) -> float | None:
    """The sum of times; None where one of them is unknown."""
    known = list(times)
    return None if None in known else sum(time for time in known if time is not None)


class StageClock:
    """The core-seconds of an unfinished stage, kept beside its checkpoints, so that a resumed one counts what it cost before.

    Of a process that is killed, the work after the last time that was kept is not counted; most of it is done again.

    Args:
        journal: of this clock.
        resumed: whether the stage has checkpoints. If it has none of this clock then, an earlier version made them.
    """

    def __init__(self, journal: Journal, *, resumed: bool) -> None:
        self._journal = journal
        attempts: dict[str, float] = dict(journal.read_all())
        self._before = None if resumed and not attempts else sum(attempts.values())
        self._attempt, self._began, self._kept = secrets.token_hex(4), core_seconds(), 0.0
        self._others = 0.0
        if self._before is not None:
            self.save()

    def add(self, seconds: float) -> None:
        """Counts core-seconds of another process, which worked on a part of the stage."""
        self._others += seconds

    @property
    def total(self) -> float | None:
        """Of all attempts at the stage so far; None where an earlier version made some without counting."""
        return None if self._before is None else self._before + self._spent

    def save(self) -> None:
        """Keeps the time so far.

        Raises:
            OutOfSpace: the disk is full.
        """
        if self._before is not None:
            self._kept = self._spent
            self._journal.append([self._attempt, self._kept])

    def tick(self) -> None:
        """Keeps the time so far, if some has passed. Raises what `save` raises."""
        if self._spent - self._kept >= KEPT_EVERY:
            self.save()

    @property
    def _spent(self) -> float:
        return core_seconds() - self._began + self._others
