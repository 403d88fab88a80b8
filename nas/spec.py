"""The search spec, typed and bounded: the same value for the command line, Python, YAML and (by ids only) REST."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from latency_models.cost_limit import CostLimit
from nas.frozen import FrozenModel
from nas.limits import Limits
from nas.metric import MetricValue
from nas.objective import Objective
from nas.work import EFFORT_S, Effort, Work
from search_spaces.validation import field_problems, number

if TYPE_CHECKING:
    from hw_targets.target import Target

MetricName = Literal["accuracy", "balanced_accuracy", "macro_f1"]
Fit = Literal["stretch", "crop", "pad"]
AugmentName = Literal["auto", "none", "light", "photo"]
ClassWeights = Literal["auto", "none"]
BudgetOn = Literal["quiet", "p50", "p95"]
Method = Literal["auto", "search", "prune"]

METRIC_NAMES: Final[dict[MetricName, str]] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
}
"""Display names."""


def metric_title(metric: MetricValue) -> str:
    """A metric's display name."""
    return next((title for name, title in METRIC_NAMES.items() if name == metric.name), metric.name.replace("_", " "))


_LATENCY = re.compile(r"(?P<number>([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?)(?P<percent>%?)")


def _number_or_text(value: Any) -> Any:
    """Rejects what pydantic would turn into a number or a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a latency is a number of milliseconds, or a text such as 40%")
    return value


def _latency(value: str | float) -> str | float:
    """A positive number of milliseconds, or `"40%"`: that point of the reachable range."""
    if isinstance(value, str):
        match = _LATENCY.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"{value!r} is neither milliseconds (0.1) nor a point of the reachable range (40%)")
        number = float(match["number"])
        if match["percent"]:
            if number > 100:
                raise ValueError(f"{value!r} is beyond the reachable range: use 0% to 100%")
            return f"{number:g}%"
        value = number
    if not 0 < value < 1e6:
        raise ValueError(f"{value} ms is not between 0 and 1,000,000")
    return float(value)


Latency = Annotated[str | float, BeforeValidator(_number_or_text), AfterValidator(_latency)]


Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:[0-9]{1,3})?)$")]


Searcher = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""The name of a searcher; whether it is installed is checked with the job."""


class TargetBudget(FrozenModel):
    """One target with its latency budget."""

    target: str = Field(
        min_length=1, max_length=200, description="target id with options, such as cpu or cpu:threads=2"
    )
    latency_ms: Latency = Field(description="milliseconds at batch 1 in INT8, or a point of the reachable range (40%)")


class SearchSpec(FrozenModel):
    """A whole search. `data` and `space` may name files of this machine; the service's wire spec cannot.

    Example:
        >>> SearchSpec(data="digits", targets=[{"target": "cpu", "latency_ms": "40%"}]).space
        'auto'
    """

    data: str = Field(min_length=1, description="`digits`, a folder of class folders, or an .npz file")
    space: str | dict[str, Any] = Field(
        "auto",
        description="a known space, a .yaml, .py (`path.py:function`) or .onnx file, or a declaration inline; auto is the space "
        "around the network that the search starts from, else mobilenet",
    )
    start_from: str = Field(
        "auto",
        max_length=4096,
        description="trained network to start from: a published one such as efficientnet_lite0, an ONNX file, the folder of a delivered "
        "model, or none; auto starts from efficientnet_lite0 for photographs where its weights are installed",
    )
    method: Method = Field(
        "auto",
        description="where the search starts from a trained network: prune cuts networks out of it, search trains a supernet "
        "from it first; auto decides by the time",
    )
    teacher: str | None = Field(
        None,
        max_length=4096,
        description="trained network of the same classes whose outputs the finalists learn from: an ONNX file, or the folder of a "
        "delivered model; when absent, the network that the search starts from, or the supernet's largest",
    )
    targets: tuple[TargetBudget, ...] = Field(min_length=1, max_length=16)
    effort: Effort = "standard"
    minutes: float | None = Field(
        None, gt=0, le=100_000, description="a limit on the whole job, in place of the effort's time"
    )
    resolution: int | None = Field(
        None, ge=4, le=512, description="largest input size in pixels; when absent, selected by the data and the time"
    )
    seed: int = Field(0, ge=0, lt=2**31)
    threads: int | None = Field(
        None,
        ge=1,
        le=256,
        description="threads of training; all cores when absent. Results repeat at equal counts only",
    )
    device: Device = Field(
        "auto",
        description="where networks are trained and evaluated: cpu, cuda or cuda:N (an NVIDIA GPU), or auto, the GPU where there is one",
    )
    fit: Fit = Field(
        "stretch",
        description="how images become square: stretch (aspect not kept), crop (the middle), pad (black bars)",
    )
    augment: AugmentName = Field(
        "auto", description="random changes of training images; auto decides by the kind of data"
    )
    metric: MetricName = Field("accuracy", description="metric that networks are compared by on the validation set")
    class_weights: ClassWeights = Field(
        "auto", description="auto gives rare classes more weight in training where the metric is not plain accuracy"
    )
    budget_on: BudgetOn = Field(
        "quiet",
        description="which latency is compared with the budget: the quiet statistic, or the median or 95th percentile of a run",
    )

    searcher: Searcher = Field(
        "hwnas",
        description="which searcher suggests the architectures to evaluate: hwnas, nsga2, regularised_evolution, local_search, random, "
        "Optuna's tpe or gp, or one of another package",
    )

    limits: Limits | None = Field(
        None,
        description="the most that the network of each target may have of other costs than latency: macs, params, weight_bytes, "
        "peak_memory_bytes; numbers, or texts such as 300k",
    )

    objective: Objective = Field(
        "front",
        description="what the search is after within the limits: the front of metric and latency, the best metric alone, or MnasNet's "
        "reward, the metric times (latency / limit)^-0.07",
    )

    at_once: int = Field(
        1,
        ge=1,
        le=64,
        description="architectures that the searcher suggests before it sees how the first of them does, so that they are evaluated at "
        "the same time; the result depends on it, and not on how many workers there are",
    )

    supernet_targets: tuple[str, ...] = Field(
        (),
        max_length=1000,
        description="further targets that the supernet is for: its space has what each of them runs, too, so that their searches share "
        "it; set for the searches of a batch",
    )

    work: Work | None = Field(
        None, description="the numbers that the time was resolved to; a finished run has them, and they make it repeat"
    )

    _numbers = field_validator("minutes", "resolution", "seed", "threads", "at_once", mode="before")(number)

    @property
    def seconds(self) -> float:
        """How long the whole job may take."""
        return EFFORT_S[self.effort] if self.minutes is None else self.minutes * 60

    @property
    def cost_limits(self) -> tuple[CostLimit, ...]:
        """The limits that are given."""
        return () if self.limits is None else self.limits.listed

    @property
    def without_effect(self) -> set[str]:
        """Fields that change nothing: they are no part of names and keys, so that these are as before there were such fields."""
        usual = {
            "limits": not self.cost_limits,
            "objective": self.objective == "front",
            "at_once": self.at_once == 1,
            "supernet_targets": not self.supernet_targets,
        }
        return {name for name, so in usual.items() if so}

    @field_validator("limits")
    @classmethod
    def _some(cls, limits: Limits | None) -> Limits | None:
        """None for an empty one: the two mean the same."""
        return limits if limits is not None and limits.listed else None

    @field_validator("targets")
    @classmethod
    def _distinct(cls, targets: tuple[TargetBudget, ...]) -> tuple[TargetBudget, ...]:
        names = [t.target for t in targets]
        if len(set(names)) != len(names):
            raise ValueError("a target is named twice; give each target one budget")
        return targets

    @staticmethod
    def from_yaml(path: Path) -> "SearchSpec":
        """Reads a spec file.

        Raises:
            InvalidSpec: the file cannot be read, is no YAML mapping, or has unknown or wrong fields.
        """
        from pydantic import ValidationError

        from nas.errors import InvalidSpec
        from search_spaces.yaml_file import read_yaml

        try:
            return SearchSpec.model_validate(read_yaml(path, "a search spec", InvalidSpec))
        except ValidationError as error:
            raise invalid_spec(error) from error


def invalid_spec(error: Any) -> Exception:
    """A pydantic `ValidationError` as the engine's own error, with one line for each wrong field."""
    from nas.errors import InvalidSpec

    problems = field_problems(error.errors(), "spec")
    return InvalidSpec(
        "The search spec is not valid: " + "; ".join(problems) + ".",
        fix="Correct these fields.",
        facts={"fields": problems},
    )


def reject_floats(targets: Sequence["Target"]) -> None:
    """Rejects targets that run no INT8, or more than one image at a time: a search's accuracy and receipt are of INT8 at batch 1.

    Raises:
        InvalidSpec: there is one.
    """
    from nas.errors import InvalidSpec

    for info in (target.info for target in targets):
        if info.precision != "int8" or info.batch != 1:
            raise InvalidSpec(
                f"{info.id} runs {info.precision.upper()} at batch {info.batch}: it has latency tables and estimates only, and a search "
                "finds INT8 networks for one image at a time.",
                fix="Search for another target; for this one use `hwnas profile` and `hwnas estimate`.",
                facts={"target": info.id, "precision": info.precision, "batch": info.batch},
            )


def targets_named(names: Sequence[str]) -> tuple["Target", ...]:
    """The targets of a spec.

    Raises:
        UnknownTarget, TargetUnavailable: as the registry.
        InvalidSpec: two names are one target's, as `cpu` and `cpu:threads=1` are; results are named by its id.
    """
    from hw_targets.registry import target
    from nas.errors import InvalidSpec

    found = {name: target(name) for name in names}
    ids: dict[str, str] = {}
    for name, one in found.items():
        other = ids.setdefault(one.info.id, name)
        if other != name:
            raise InvalidSpec(
                f"{other} and {name} are the same target.",
                fix="Give each target one budget.",
                facts={"targets": [other, name]},
            )
    return tuple(found.values())
