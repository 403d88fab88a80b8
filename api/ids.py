"""Identifiers: typed by a prefix and sortable by the time they were made, such as `job_01jd3z...`."""

import secrets
import threading
import time
from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letter that reads like a digit."""

ID_BODY: Final = "[0-9a-hjkmnp-tv-z]{26}"


class _Ascending:
    """Numbers of the clock and of chance, each above the one before: those of one millisecond keep their order, too."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        """48 bits of milliseconds, then 80 random bits."""
        with self._lock:
            self._last = max((int(time.time() * 1000) << 80) | secrets.randbits(80), self._last + 1)
            return self._last


_ascending = _Ascending()


def new_id(prefix: str) -> str:
    """A fresh identifier of 26 characters after the prefix; those of one process sort in the order in which they were made."""
    value = _ascending.next()
    return f"{prefix}_" + "".join(ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def id_pattern(prefix: str) -> str:
    """The regular expression of identifiers with a prefix."""
    return f"^{prefix}_{ID_BODY}$"
