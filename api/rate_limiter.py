"""A rate limit for each key, in this process; not shared between servers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.errors import TooManyRequests


@dataclass(slots=True)
class _TokenBucket:
    tokens: float
    at: float


class RateLimiter:
    """A token bucket for each key, in this process. Only the event loop touches them, so they need no lock."""

    def __init__(self, rate_per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, _TokenBucket] = {}

    def acquire(self, key_id: str) -> dict[str, str]:
        """Takes one token of a key's bucket; the headers that say what is left.

        Raises:
            TooManyRequests: there is no token left.
        """
        now = self._clock()
        bucket = self._buckets.get(key_id)
        if bucket is None:
            if len(self._buckets) > 100_000:
                self._buckets.clear()
            bucket = self._buckets[key_id] = _TokenBucket(float(self._burst), now)
        bucket.tokens = min(float(self._burst), bucket.tokens + (now - bucket.at) * self._rate_per_s)
        bucket.at = now
        headers: dict[str, Any] = {
            "RateLimit-Policy": f'"key";q={self._burst};w={max(1, round(self._burst / self._rate_per_s))}'
        }
        if bucket.tokens < 1:
            wait = max(1, round((1 - bucket.tokens) / self._rate_per_s + 0.5))
            raise TooManyRequests(
                f"More than {self._rate_per_s:g} requests a second.",
                fix=f"Go on after {wait} s.",
                facts={"retry_after_s": wait},
            )
        bucket.tokens -= 1
        return {**headers, "RateLimit": f'"key";r={int(bucket.tokens)}'}
