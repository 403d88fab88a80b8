"""Little work, for tests that run whole jobs. No tests."""

from typing import Final

from nas.work import ProfileWork, Work

LITTLE: Final = Work(
    profile=ProfileWork(networks=12, held_out=6, rounds=3),
    supernet_images=2_000,
    evaluations=8,
    finalists=2,
    tune_images=1_000,
)
