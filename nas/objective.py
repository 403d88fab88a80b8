"""What a search is after within its limits: the front of metric and latency, the best metric alone, or MnasNet's reward."""

from typing import Final, Literal

Objective = Literal["front", "metric", "reward"]

EXPONENT: Final = -0.07
"""Of MnasNet's reward (Tan et al. 2019, equation 2 with equal exponents on both sides of the target)."""


def objectives(objective: Objective, metric: float, latency_ms: float, limit_ms: float) -> list[float]:
    """What a study is told of an evaluation: the first to be maximised; of a front, the second to be minimised.

    The reward is `metric * (latency / limit) ** -0.07`: half the latency is worth 5 % of the metric.

    >>> objectives("front", 0.9, 2.0, 4.0), objectives("metric", 0.9, 2.0, 4.0)
    ([0.9, 2.0], [0.9])
    >>> [round(value, 4) for value in objectives("reward", 0.9, 2.0, 4.0)]
    [0.9447]
    """
    if objective == "front":
        return [metric, latency_ms]
    return [metric * (latency_ms / limit_ms) ** EXPONENT if objective == "reward" else metric]
