"""One number that networks are compared by, for events and documents. Not here: how it is computed (`metrics.py`)."""

from pydantic import Field

from nas.frozen import FrozenModel


class MetricValue(FrozenModel):
    """A metric with its value and its direction, so that two can be compared without knowing the metric."""

    name: str = Field(description="for example accuracy, balanced_accuracy or macro_f1")
    value: float
    higher_is_better: bool = True
