"""How much work each effort stands for, in numbers that do not depend on the machine, so that results repeat."""

from dataclasses import asdict, dataclass, replace
from typing import Final

from nas.spec import Effort

VALIDATION: Final = 4000
"""Validation images that a candidate is judged by, at the most."""


@dataclass(frozen=True, slots=True)
class Work:
    """The size of every stage.

    Attributes:
        profile_networks: fitted in a latency table; `profile_held_out` more are measured for its report card.
        profile_rounds: of end-to-end timing.
        train_images: that the supernet sees (each step trains four networks on one batch).
        queries: architectures evaluated by the search, per target.
        tune_images: that a chosen network sees in fine-tuning; a quarter more in quantisation-aware training.
    """

    profile_networks: int
    profile_held_out: int
    profile_rounds: int
    train_images: int
    queries: int
    tune_images: int

    def to_json(self) -> dict[str, int]:
        """All of it as JSON values."""
        return asdict(self)

    def scaled(self, factor: float) -> "Work":
        """The same with `factor` times the training, tuning and queries (profiles are what they are)."""
        return replace(
            self,
            train_images=max(4_096, int(self.train_images * factor)),
            queries=max(24, int(self.queries * min(factor, 8.0))),
            tune_images=max(2_048, int(self.tune_images * factor)),
        )


WORK: Final[dict[Effort, Work]] = {
    "quick": Work(48, 16, 8, 60_000, 60, 40_000),
    "standard": Work(100, 30, 10, 400_000, 150, 240_000),
    "thorough": Work(200, 40, 12, 2_000_000, 400, 1_000_000),
}
