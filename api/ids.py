"""Identifiers: typed by a prefix and sortable by the time they were made, such as `job_01jd3z...`."""

import secrets
import time
from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letter that reads like a digit."""

ID_BODY: Final = "[0-9a-hjkmnp-tv-z]{26}"


def new_id(prefix: str) -> str:
    """A fresh identifier: 48 bits of milliseconds, then 80 random bits, in 26 characters after the prefix."""
    value = (int(time.time() * 1000) << 80) | secrets.randbits(80)
    return f"{prefix}_" + "".join(ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))


def id_pattern(prefix: str) -> str:
    """The regular expression of identifiers with a prefix."""
    return f"^{prefix}_{ID_BODY}$"
