"""What a search cost, and how far its scores can be trusted, as parts of its result. Not here: how both are computed."""

from typing import Literal

from pydantic import Field

from nas.frozen import FrozenModel

TrustVerdict = Literal["better", "not shown", "no better", "undefined", "too few", "no scores"]
"""Of the search's scores against multiply-accumulates; `no better` and `not shown` both mean that counting them may do as well."""


class SearchCost(FrozenModel):
    """What a search cost for one target, as measured whenever its stages ran; null where an earlier version did not count.

    Core-seconds are of the processor: user and system time of the process and its children. The time of a GPU or of a remote
    device is not among them.
    """

    evaluations: int = Field(description="architectures that the search evaluated, each counted once")
    images: int | None = Field(description="validation images of these evaluations")
    core_seconds: float | None = Field(description="of all that is not the training of the exported network")
    parts: dict[str, float | None] = Field(description="core_seconds by stage; what targets share is part of each")
    training_core_seconds: float | None = Field(
        description="of training, quantising and evaluating the exported network, in all rounds"
    )
    trainings: float | None = Field(description="core_seconds as a multiple of training_core_seconds")


class RankCorrelation(FrozenModel):
    """Kendall's tau-b with an interval of 95 %."""

    tau: float
    low: float
    high: float


class ComparedNetwork(FrozenModel):
    """A finalist of which the search knew a score before it was trained."""

    architecture_id: str
    score: float = Field(description="the search's metric before fine-tuning, in INT8 on the validation set")
    macs: int = Field(description="multiply-accumulates of one image")
    reached: float = Field(description="the metric after the first round of fine-tuning, in INT8 on the validation set")


class TrustScore(FrozenModel):
    """How well a search's scores rank networks as they are after fine-tuning, beside their multiply-accumulates."""

    verdict: TrustVerdict
    note: str = Field(description="the verdict in words")
    networks: tuple[ComparedNetwork, ...] = ()
    scores: RankCorrelation | None = Field(None, description="of the scores with what the networks reached")
    macs: RankCorrelation | None = Field(None, description="of multiply-accumulates with what the networks reached")
    p_value: float | None = Field(
        None, description="probability of such an advantage over multiply-accumulates if both ranked equally well"
    )
