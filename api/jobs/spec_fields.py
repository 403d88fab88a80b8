"""Fields of wire specs, with their bounds and descriptions, for the specs of all kinds (`specs.py`, `batch_spec.py`).

A wire spec names data sets, targets and spaces by id, or declares a space; never a path or code.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Discriminator, Field, JsonValue, Tag, WithJsonSchema

from api.ids import ID_BODY, id_pattern
from api.wire import INTEGRAL, WireModel
from nas.limits import Limits
from nas.objective import Objective
from nas.pretrained import SOURCES
from nas.spec import AugmentName, BudgetOn, ClassWeights, Fit, Latency, Method, MetricName, Searcher
from nas.work import Effort

MAX_SPACE_VALUES: Final = 2000
"""How many values a declared space may have."""

_PATH_LIKE: Final = re.compile(r"[/\\\x00-\x1f\x7f]|\.(py|ya?ml|json|npz|pkl|onnx)|\.\.", re.IGNORECASE)


def no_path(text: str) -> str:
    """Rejects what looks like a path or a file: those belong to the command line."""
    if _PATH_LIKE.search(text):
        raise ValueError(f"{text[:80]!r} looks like a path or a file, which the service never accepts; give an id")
    return text


WireLatency = Annotated[
    Latency,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1_000_000},
                {"type": "string", "pattern": r"^(100|[1-9]?[0-9](\.[0-9]+)?)%$"},
            ]
        }
    ),
]
"""The engine's `Latency`; its schema shows the usual forms."""


TargetName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^[a-z][a-z0-9_.\-]*(:[A-Za-z0-9_.,=+\-]+)?$",
        description="id of a target with its options, such as `cpu` or `cpu:threads=2`",
    ),
    AfterValidator(no_path),
]


Device = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^[A-Za-z0-9_.\-]+$",
        description="fingerprint of the only device that will do, of those that `GET /v1/targets` lists; any when absent",
    ),
]


class WireTarget(WireModel):
    """One target with its latency budget."""

    target: TargetName
    device: Device = None
    latency_ms: WireLatency = Field(
        description="milliseconds at batch 1 in INT8, or a point of the reachable range (`40%`)"
    )


KnownSpaceName = Annotated[
    str,
    Field(max_length=200, pattern=r"^[a-z][a-z0-9_]*(:[A-Za-z0-9_,=]+)?$"),
    AfterValidator(no_path),
]


def _bounded(space: str | dict[str, JsonValue]) -> str | dict[str, JsonValue]:
    if isinstance(space, dict):
        for count, value in enumerate(_values(space)):
            if count >= MAX_SPACE_VALUES:
                raise ValueError(f"the space has more than {MAX_SPACE_VALUES} values")
            if isinstance(value, str):
                no_path(value)
    return space


def _space_tag(space: Any) -> str | None:
    return "name" if isinstance(space, str) else "declaration" if isinstance(space, dict) else None


Space = Annotated[
    Annotated[KnownSpaceName, Tag("name")] | Annotated[dict[str, JsonValue], Tag("declaration")],
    Discriminator(
        _space_tag, custom_error_type="space_form", custom_error_message="a space is a known name or a declaration"
    ),
    AfterValidator(_bounded),
]
"""A known space with its options, or a declaration."""

STARTS: Final = ("auto", "none", *SOURCES)
"""What a search can start from."""


_OWN: Final = re.compile(id_pattern("net"))


def is_own(start_from: str) -> bool:
    """Whether a search starts from an uploaded network."""
    return _OWN.fullmatch(start_from) is not None


def _known_start(name: str) -> str:
    if name not in STARTS and not is_own(name):
        raise ValueError(
            f"{name[:80]!r} is no trained network that the service knows; use one of {', '.join(STARTS)}, or the id of one that was "
            "uploaded"
        )
    return name


StartFrom = Annotated[
    str,
    Field(
        description="trained network to start from, of those that `GET /v1/sources` lists, the id of one that was uploaded "
        "(`POST /v1/networks`), or `none`; `auto` is the first of the list for photographs where its weights are installed"
    ),
    AfterValidator(_known_start),
    WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(STARTS)}|net_{ID_BODY})$"}),
]
WireMethod = Annotated[
    Method,
    Field(
        description="from a trained network: `prune` cuts networks out of it, `search` trains a supernet from it first; `auto` "
        "decides by the time"
    ),
]

DataId = Annotated[
    str,
    Field(pattern=f"^(digits|ds_{ID_BODY})$", description="`digits`, or the id of a data set that was uploaded"),
]

Side = Annotated[int, Field(strict=True, ge=4, le=512), INTEGRAL]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**31), INTEGRAL]
Threads = Annotated[int, Field(strict=True, ge=1, le=256), INTEGRAL]

TrainingDevice = Annotated[
    str,
    Field(
        strict=True,
        pattern=r"^(auto|cpu|cuda(:[0-9]{1,3})?)$",
        description="where networks are trained: `cpu`, `cuda` or `cuda:N` (an NVIDIA GPU), or `auto`, the GPU where there is one",
    ),
]

WireFit = Annotated[
    Fit,
    Field(description="how images become square: `stretch` (aspect not kept), `crop` (the middle), `pad` (black bars)"),
]
WireAugment = Annotated[
    AugmentName, Field(description="random changes of training images; `auto` decides by the kind of data")
]
WireMetric = Annotated[MetricName, Field(description="what networks are compared by on the validation set")]
WireClassWeights = Annotated[
    ClassWeights,
    Field(description="`auto` weighs rare classes up in training where the metric is not plain accuracy"),
]
WireBudgetOn = Annotated[
    BudgetOn,
    Field(
        description="which latency is compared with the budget: the quiet statistic, or the median or 95th percentile of a run"
    ),
]

WireSearcher = Annotated[
    Searcher,
    Field(
        description="which searcher suggests the architectures to evaluate: `hwnas`, `nsga2`, `regularised_evolution`, `local_search`, "
        "`random`, Optuna's `tpe` or `gp`, or one that a package of the service adds"
    ),
]

WireObjective = Annotated[
    Objective,
    Field(
        description="what the search is after within the limits: the `front` of metric and latency, the best `metric` alone, or "
        "MnasNet's `reward`, the metric times (latency / limit)^-0.07"
    ),
]

AtOnce = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=64,
        description="architectures that the searcher suggests before it sees how the first of them does, so that they are evaluated at "
        "the same time",
    ),
    INTEGRAL,
]

SPACE_TEXT: Final = (
    "a known space with its options, or a declaration (the YAML form, as JSON); `auto` is the space of the network that is started "
    "from, else `mobilenet`"
)


class SearchOptions(WireModel):
    """What a search has beside its data, space, targets and seed: a batch has the same of all its searches."""

    start_from: StartFrom = "auto"
    method: WireMethod = "auto"
    effort: Effort = "standard"
    minutes: float | None = Field(default=None, strict=True, gt=0, le=100_000, description="time of the whole job")
    resolution: Side | None = Field(default=None, description="largest input side in pixels")
    threads: Threads | None = Field(default=None, description="threads of training; all cores when absent")
    device: TrainingDevice = "auto"
    fit: WireFit = "stretch"
    augment: WireAugment = "auto"
    metric: WireMetric = "accuracy"
    class_weights: WireClassWeights = "auto"
    budget_on: WireBudgetOn = "quiet"
    searcher: WireSearcher = "hwnas"
    objective: WireObjective = "front"
    at_once: AtOnce = 1
    limits: Limits | None = Field(
        default=None,
        description="the most that the network of each target may have of other costs than latency: numbers, or texts such as `300k`",
    )


def _values(value: Any) -> Iterator[Any]:
    """All keys and values of a JSON document, however nested."""
    stack = [value]
    while stack:
        top = stack.pop()
        yield top
        if isinstance(top, dict):
            stack.extend(top.keys())
            stack.extend(top.values())
        elif isinstance(top, list):
            stack.extend(top)
