"""Metrics as events have them, for tests. No tests."""

from nas.metric import MetricValue


def as_accuracy(value: float) -> MetricValue:
    """An accuracy, 0-1."""
    return MetricValue(name="accuracy", value=value)
