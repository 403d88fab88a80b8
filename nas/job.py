"""A job as a value: everything that is decided before anything is trained. Not here: how it is decided (`prepare_job.py`).

A job holds no open store, no device and no images, so that it can be sent to another process.
"""

from dataclasses import dataclass

from hw_targets.target import TargetInfo
from nas.compute import Compute
from nas.data.augment import NO_AUGMENT, Augment
from nas.data.facts import DataFacts
from nas.own_source import OwnSource
from nas.source import Source
from nas.spec import SearchSpec
from nas.target_plan import TargetPlan
from nas.work import Work
from search_spaces.restrict import RestrictedSpace
from search_spaces.space import SearchSpace


@dataclass(frozen=True)
class Job:
    """A search whose data, space and budgets are known.

    Attributes:
        space: of the supernet.
        targets: in the order of the spec.
        restricted: the part of the space that each target runs.
        target_plans: each target with its latency table and its budget; empty until the tables are known.
        compute: where its networks are trained and evaluated.
        source: the trained network that the job starts from; none starts from scratch.
        teacher: a network of the user's that finalists learn from, in place of the source or the supernet.
        augment: random changes of training images.
    """

    spec: SearchSpec
    work: Work
    data: DataFacts
    space: SearchSpace
    targets: tuple[TargetInfo, ...]
    restricted: tuple[RestrictedSpace, ...]
    target_plans: tuple[TargetPlan, ...]
    compute: Compute
    source: Source | None = None
    teacher: OwnSource | None = None
    augment: Augment = NO_AUGMENT
