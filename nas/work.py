"""The amount of work of a search: the numbers that its time is resolved to. Not here: what they cost, and how they are set
(`stages/plan.py`).

They are in the spec of a finished run, so that it repeats on another machine of any speed.
"""

from typing import Any, Final, Literal

from pydantic import Field, model_validator

from nas.frozen import FrozenModel

Effort = Literal["quick", "standard", "thorough"]

EFFORT_S: Final[dict[Effort, float]] = {"quick": 5 * 60.0, "standard": 45 * 60.0, "thorough": 8 * 3600.0}
"""About how long each effort takes, whatever the machine."""

CALIBRATION: Final = 256
"""Training images that a candidate's batch norm is recalibrated and its ranges are observed on."""
VALIDATION: Final = 1000
"""Most validation images that a candidate is evaluated on; finalists are evaluated on all."""
RETRAINED: Final = 1 / 8
"""INT8 retraining of the winner, as a share of the images that it saw."""


class ProfileWork(FrozenModel):
    """The size of a latency table's measurement."""

    networks: int = Field(ge=1, le=10_000, description="fitted in the table")
    held_out: int = Field(ge=1, le=10_000, description="measured in addition, for the accuracy report")
    rounds: int = Field(ge=1, le=1_000, description="of end-to-end timing")


class Work(FrozenModel):
    """The size of every stage after the latency tables."""

    profile: ProfileWork
    start_from: str | None = Field(
        None, max_length=200, description="trained network that the job starts from; none when absent"
    )
    adapt_images: int = Field(0, ge=0, description="that the trained network sees first, at all of its ends")
    supernet_images: int = Field(
        ge=0, description="that the supernet sees, four networks a step; 0 trains a few networks without a supernet"
    )
    evaluations: int = Field(
        ge=0,
        description="whole evaluations of the search for each target; more architectures where some are dropped after few images",
    )
    finalists: int = Field(
        ge=1, le=64, description="networks that are fine-tuned by successive halving, for each target"
    )
    probe_images: int = Field(
        0,
        ge=0,
        description="training images of the check whether mirroring does harm; 0 disables check and mirroring",
    )
    tune_images: int = Field(ge=1, description="that the winner sees in fine-tuning; INT8 retraining adds an eighth")
    resolution: int | None = Field(
        None, ge=4, le=512, description="size of the images in pixels; when absent, that of the spec or of the data"
    )

    @model_validator(mode="before")
    @classmethod
    def _former_name(cls, given: Any) -> Any:
        """Names what a field of earlier builds is called now."""
        if isinstance(given, dict) and "queries" in given:
            raise ValueError("`queries` is now called `evaluations`")
        return given


PROFILES: Final[dict[Effort, ProfileWork]] = {
    "quick": ProfileWork(networks=48, held_out=16, rounds=8),
    "standard": ProfileWork(networks=100, held_out=30, rounds=10),
    "thorough": ProfileWork(networks=200, held_out=40, rounds=12),
}


def profile_work(seconds: float) -> ProfileWork:
    """The latency table of a job of this length: that of the largest effort that takes no longer, or else the quick one."""
    fitting = [effort for effort, takes in EFFORT_S.items() if takes <= seconds]
    return PROFILES[fitting[-1] if fitting else "quick"]
