"""How much work a search puts in: the numbers that its time was resolved to. Not here: what they cost, and how they are chosen
(`stages/plan.py`).

They stand in the spec of a finished run, so that it repeats on another machine, whatever that machine's speed.
"""

from typing import Final, Literal

from pydantic import Field

from nas.frozen import FrozenModel

Effort = Literal["quick", "standard", "thorough"]

EFFORT_S: Final[dict[Effort, float]] = {"quick": 5 * 60.0, "standard": 45 * 60.0, "thorough": 8 * 3600.0}
"""About how long each effort takes, whatever the machine."""

CALIBRATION: Final = 256
"""Training images that a candidate's batch norm is recalibrated and its ranges are observed on."""
VALIDATION: Final = 1000
"""Validation images that a candidate is judged by, at the most; finalists are judged by all."""
RETRAINED: Final = 1 / 8
"""INT8 retraining of the winner, as a share of the images that it saw."""


class ProfileWork(FrozenModel):
    """The size of a latency table's measurement."""

    networks: int = Field(ge=1, le=10_000, description="fitted in the table")
    held_out: int = Field(ge=1, le=10_000, description="measured besides, to judge the table by")
    rounds: int = Field(ge=1, le=1_000, description="of end-to-end timing")


class Work(FrozenModel):
    """The size of every stage after the latency tables."""

    profile: ProfileWork
    supernet_images: int = Field(
        ge=0, description="that the supernet sees, four networks a step; 0 trains a few networks without a supernet"
    )
    evaluations: int = Field(ge=0, description="architectures that the search evaluates for each target")
    finalists: int = Field(
        ge=1, le=64, description="networks that are fine-tuned by successive halving, for each target"
    )
    probe_images: int = Field(
        0,
        ge=0,
        description="that the check trains on whether mirroring does harm; 0 checks nothing and mirrors nothing",
    )
    tune_images: int = Field(ge=1, description="that the winner sees in fine-tuning; INT8 retraining adds an eighth")
    resolution: int | None = Field(
        None, ge=4, le=512, description="side of the images in pixels; when absent, that of the spec or of the data"
    )


PROFILES: Final[dict[Effort, ProfileWork]] = {
    "quick": ProfileWork(networks=48, held_out=16, rounds=8),
    "standard": ProfileWork(networks=100, held_out=30, rounds=10),
    "thorough": ProfileWork(networks=200, held_out=40, rounds=12),
}


def profile_work(seconds: float) -> ProfileWork:
    """The latency table of a job that takes so long: that of the largest effort that takes no longer, or else the quick one."""
    fitting = [effort for effort, takes in EFFORT_S.items() if takes <= seconds]
    return PROFILES[fitting[-1] if fitting else "quick"]
