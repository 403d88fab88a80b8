"""The rate limit of keys, on a clock of its own."""

import pytest

from api.errors import TooManyRequests
from api.rate_limiter import RateLimiter


def test_a_bucket_of_tokens_fills_again_up_to_its_burst() -> None:
    now = [0.0]
    limiter = RateLimiter(2.0, burst=3, clock=lambda: now[0])
    left = [limiter.acquire("a")["RateLimit"] for _ in range(3)]
    assert left == ['"key";r=2', '"key";r=1', '"key";r=0']
    with pytest.raises(TooManyRequests) as rejected:
        limiter.acquire("a")
    assert rejected.value.facts == {"retry_after_s": 1}
    assert limiter.acquire("b")["RateLimit-Policy"] == '"key";q=3;w=2'
    now[0] = 0.5
    assert limiter.acquire("a")["RateLimit"] == '"key";r=0'
    with pytest.raises(TooManyRequests):
        limiter.acquire("a")
    now[0] = 1000.0
    assert limiter.acquire("a")["RateLimit"] == '"key";r=2'  # three at most, however long nobody asked
