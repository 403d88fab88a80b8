"""Little work, for tests that run whole jobs. No tests."""

from pathlib import Path
from typing import Final

from hw_targets.registry import target as find_target
from nas.events import ignore
from nas.stages.context import Context
from nas.stages.profile import profile
from nas.stages.restrict_space import restrict_space
from nas.store import Store
from nas.work import ProfileWork, Work

LITTLE: Final = Work(
    profile=ProfileWork(networks=12, held_out=6, rounds=3),
    supernet_images=2_000,
    evaluations=8,
    finalists=2,
    tune_images=1_000,
)


def profile_digits(store: Path, work: ProfileWork, *, target: str = "cpu", space: str = "resnet") -> None:
    """Puts the latency table of a space of the digits into a store, measured with a given amount of work."""
    context, device = Context(Store(store), ignore, lambda: False), find_target(target)
    fitted = restrict_space(context, space, [device], resolution=8, channels=1, classes=10)
    profile(context, device, fitted.space, work)
