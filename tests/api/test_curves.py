"""Downsampling a curve: its ends and extremes stay."""

from hypothesis import given
from hypothesis import strategies as st

from api.jobs.curves import downsample


def test_downsampling_by_hand() -> None:
    # The ends, and of the middle its lowest (1, at 2) and its highest (9, at 3); of equal ones the first.
    assert downsample([0, 5, 1, 9, 2, 3], 4) == [0, 2, 3, 5]
    assert downsample([1, 1, 1, 1, 1], 4) == [0, 1, 4]
    assert downsample([3, 2, 1], 4) == [0, 1, 2]


@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=300),
    points=st.integers(4, 40),
)
def test_downsampling_keeps_the_ends_and_the_extremes(values: list[float], points: int) -> None:
    kept = downsample(values, points)
    assert len(kept) <= points and kept == sorted(set(kept)) == downsample(values, points)
    assert kept[0] == 0 and kept[-1] == len(values) - 1
    shown = [values[i] for i in kept]
    assert (min(shown), max(shown)) == (min(values), max(values))
    if len(values) <= points:
        assert shown == values
    else:
        assert len(kept) >= 2 + (points - 2) // 2  # at least one of each bucket, so that the curve keeps its shape
