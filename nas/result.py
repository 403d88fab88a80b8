"""The result of a search or an export: the document behind `--json`, the Python return value and the service's job result."""

from typing import Literal

from pydantic import Field

from latency_models.accuracy_report import AccuracyReport
from nas.events import FrontPoint, LatencyKind
from nas.frozen import FrozenModel
from nas.metric import MetricValue
from nas.search_report import SearchCost, TrustScore
from nas.spec import BudgetOn, MetricName

CostName = Literal["macs", "params", "weight_bytes", "peak_memory_bytes"]
Verdict = Literal["met", "met when quiet", "exceeded"]


class LatencyOutcome(FrozenModel):
    """Latency of one exported model, milliseconds, batch 1, INT8."""

    budget: float
    budget_on: BudgetOn = Field("quiet", description="which latency is compared with the budget")
    predicted: float
    predicted_error: float = Field(description="mean absolute error of the table on networks never fitted, a fraction")
    measured: float | None = Field(description="the one latency statistic: minimum over rounds of the 25th percentile")
    measured_p50: float | None
    measured_p95: float | None
    simulated: float | None = Field(
        None, description="this very network on a simulated target; nothing is measured there"
    )
    kind: Literal["measured", "simulated"]

    @property
    def final_ms(self) -> float:
        """The best available value of the exported file's quiet latency: measured, else simulated, else predicted."""
        known = (self.measured, self.simulated, self.predicted)
        return next(value for value in known if value is not None)

    @property
    def held_ms(self) -> float:
        """The latency that is compared with the budget."""
        of = {"p50": self.measured_p50, "p95": self.measured_p95}.get(self.budget_on)
        return self.final_ms if of is None else of

    @property
    def verdict(self) -> Verdict:
        """Whether the budget is met; on a quiet machine only, where the median run on this one takes longer."""
        if self.held_ms > self.budget:
            return "exceeded"
        return "met when quiet" if (self.measured_p50 or 0.0) > self.budget else "met"


class PrecisionMetrics(FrozenModel):
    """The search's metric on the test set, of the two files."""

    fp32: MetricValue
    int8: MetricValue


class ClassOutcome(FrozenModel):
    """The INT8 model's predictions of one class on the test set."""

    name: str
    images: int
    precision: float | None = Field(
        description="share of its predictions that are right; null where it is never predicted"
    )
    recall: float | None = Field(description="share of its images that are classified right; null where there are none")


class TestOutcome(FrozenModel):
    """The INT8 model on the test set, as ONNX Runtime computes it."""

    metrics: tuple[MetricValue, ...] = Field(
        description="the metric that the search compared networks by, then the others"
    )
    classes: tuple[ClassOutcome, ...]
    confusion: tuple[tuple[int, ...], ...] = Field(description="images by true class (rows) and prediction (columns)")

    def value(self, name: str) -> float:
        """The value of one metric."""
        return next(one.value for one in self.metrics if one.name == name)

    def worst(self, count: int) -> list[int]:
        """The classes with the lowest recall, by number, the worst first; those without images are left out."""
        recalls = [(one.recall, number) for number, one in enumerate(self.classes) if one.recall is not None]
        return [number for _, number in sorted(recalls)[:count]]

    def taken_for(self, number: int) -> tuple[int, int] | None:
        """The class that images of a class are most often mistaken for, with how many; none where all are classified right."""
        row = self.confusion[number]
        images, other = max((images, -other) for other, images in enumerate(row) if other != number)
        return (-other, images) if images else None


class SizeOutcome(FrozenModel):
    """Bytes of the model files."""

    fp32: int
    int8: int


class ArchitectureCount(FrozenModel):
    """How many architectures there are: exact, or estimated from samples with a 95 % interval."""

    value: str = Field(description="a string, since it may exceed 2**53")
    kind: Literal["exact", "estimated"]
    low: str = Field(description="lower end of the interval; the value where it is exact")
    high: str = Field(description="upper end of the interval")


class BudgetOutcome(FrozenModel):
    """How a budget sits in its space, from exact dynamic programming over the latency table."""

    reachable_ms: tuple[float, float] = Field(
        description="predicted latency of the fastest and the slowest architecture"
    )
    architectures: str = Field(description="how many architectures the space has; a string, since it may exceed 2**53")
    architectures_within: str = Field(description="how many of them are predicted to meet the budget")
    active: bool = Field(description="false where the constraint is inactive: every architecture meets the budget")
    within_limits: ArchitectureCount | None = Field(
        None, description="how many of them meet the limits on other costs, too; none without such limits"
    )


class LimitOutcome(FrozenModel):
    """A limit on another cost than latency, and what the exported model has of it."""

    cost: CostName
    most: int = Field(description="that was requested")
    value: int = Field(description="of the exported model's network, counted")
    met: bool
    reachable: tuple[int, int] = Field(description="of the smallest and the largest architecture, exactly")
    active: bool = Field(description="false where the constraint is inactive: every architecture meets the limit")


class RemovedValue(FrozenModel):
    """An option that was removed, since the target does not support it."""

    choice: str
    value: int | float | str | bool
    layer: str = Field(description="the unsupported layer")
    reason: str
    alone: bool = Field(
        description="whether it is unsupported in every combination; else in combination with other values, of which it was "
        "the cheapest to remove"
    )


class SourceOutcome(FrozenModel):
    """The trained network that the search started from, fine-tuned on the data, quantised and measured, without a search."""

    source: str = Field(description="name of the trained network")
    architecture: str
    whole: bool = Field(description="whether all of its stages are used; else it ends after an earlier one")
    metric: MetricValue = Field(description="in INT8 on the test set")
    latency_ms: float
    kind: Literal["predicted", "measured", "simulated"]
    images: int = Field(description="that it saw in fine-tuning")


class ModelFigures(FrozenModel):
    """The figures of the exported model of one target, wherever its files are."""

    architecture: str
    architecture_id: str
    latency_ms: LatencyOutcome
    metric: PrecisionMetrics
    test: TestOutcome | None = Field(
        None, description="the INT8 model on the test set in detail; none in older results"
    )
    size_bytes: SizeOutcome
    budget: BudgetOutcome
    limits: tuple[LimitOutcome, ...] = Field((), description="limits on other costs; empty where none was requested")
    removed: tuple[RemovedValue, ...] = Field(
        (), description="options of the space that the target does not support, and why"
    )
    sources: tuple[SourceOutcome, ...] = Field(
        (), description="what the trained network that the search started from gives by itself; empty from scratch"
    )
    cost: SearchCost | None = Field(None, description="of the search; none of an export, and in older results")
    trust: TrustScore | None = Field(
        None, description="whether the search's scores rank networks right; none of an export, and in older results"
    )


class ModelOutcome(ModelFigures):
    """The exported model of one target, in a folder."""

    bundle: str = Field(description="folder of the bundle")


class Plan(FrozenModel):
    """The estimated cost of a search."""

    seconds: dict[str, float] = Field(description="per stage, estimated; 0.0 where it is cached")
    memory_bytes: int = Field(description="estimated peak of the process")
    resolution: int | None = Field(None, description="size of the images in pixels")
    supernet: bool = Field(True, description="whether a supernet is trained; else a few networks are")
    note: str = Field("", description="the plan in words")


class ProfileResult(FrozenModel):
    """A latency table and its accuracy report."""

    target: str
    device: str
    runtime: str
    fingerprint: str
    precision: str = "int8"
    batch: int = Field(1, description="images of a run; latencies are of the whole batch")
    space: str
    resolution: int
    accuracy_report: AccuracyReport
    keys: int = Field(description="layer keys in the table")
    architectures: str
    reachable_ms: tuple[float, float]
    table: str = Field(description="file of the table")
    seconds: float
    warnings: tuple[str, ...] = ()


class CommonTarget(FrozenModel):
    """What one network for all targets is on one of them."""

    metric: MetricValue = Field(description="in INT8 on the test set")
    latency_ms: float
    kind: LatencyKind
    regret: float = Field(
        description="the metric of the network that was found for this target alone, less that of this one, on the validation set"
    )


class CommonOutcome(FrozenModel):
    """The one network that serves all targets best: within every budget, with the least regret on the target where it is worst."""

    architecture: str
    architecture_id: str
    targets: dict[str, CommonTarget]
    compared: int = Field(description="trained networks that keep every budget, among which it is the best")

    @property
    def worst_regret(self) -> float:
        """Its regret on the target where it is worst."""
        return max(one.regret for one in self.targets.values())


class SearchResult(FrozenModel):
    """The whole result of a search."""

    run: str = Field(description="name of the run's folder")
    metric: MetricName = Field("accuracy", description="metric that networks were compared by")
    front: tuple[FrontPoint, ...] = Field(
        description="networks that were trained, quantised and evaluated on the validation set, of the first target; `fronts` has all"
    )
    fronts: dict[str, tuple[FrontPoint, ...]]
    estimates: dict[str, tuple[FrontPoint, ...]] = Field(
        default_factory=dict, description="fronts of the supernet's estimates; empty where there was no supernet"
    )
    models: dict[str, ModelOutcome]
    common: CommonOutcome | None = Field(
        None,
        description="one network for all targets; null for a single target, and where none was found that keeps every budget",
    )
    seconds: dict[str, float] = Field(description="per stage; 0.0 where it was cached")
    warnings: tuple[str, ...] = ()


class ExportFigures(FrozenModel):
    """The figures of an export, wherever its model's files are."""

    target: str
    within_budget: bool = Field(
        description="whether the model meets the budget (measured, or simulated on a simulated target) and all limits"
    )
    seconds: dict[str, float] = Field(description="per stage; 0.0 where it was cached")
    warnings: tuple[str, ...] = ()


class ExportResult(ExportFigures):
    """The whole result of an export: one selected architecture, trained and exported for one target."""

    run: str = Field(description="name of the run's folder")
    model: ModelOutcome
