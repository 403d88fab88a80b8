"""The batch spec, typed and bounded: a matrix of searches, and its cells. Not here: what cells share (`groups.py`)."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from nas.frozen import FrozenModel
from nas.spec import Latency, SearchSpec
from search_spaces.validation import NUMBER, field_problems

MAX_CELLS: Final = 1000
AXES: Final = {"data": "data", "space": "spaces", "target": "targets", "latency_ms": "budgets", "seed": "seeds"}
"""The fields of a cell and the lists that they are of."""
MATRIX: Final = ("data", "space", "targets", "seed")
"""Fields of a search spec that the matrix sets."""

Space = str | dict[str, Any]
Target = Annotated[str, Field(min_length=1, max_length=200)]
Seed = Annotated[int, Field(ge=0, lt=2**31), NUMBER]


class Excluded(FrozenModel):
    """Cells that are left out: those that have all the values which are given."""

    data: str | None = None
    space: str | None = Field(None, description="the entry of `spaces`, or the name of a declared one")
    target: str | None = None
    latency_ms: Latency | None = None
    seed: int | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The given values by field."""
        return self.model_dump(exclude_none=True)


class Cell(FrozenModel):
    """One search of a batch.

    Attributes:
        id: name of its run's folder; of what it asks for alone, so that it is the same in every batch.
        data, space: their entries in the batch, or the labels of these.
        group: cells of equal group differ in target and budget alone, and share one supernet.
        spec: of its search.
    """

    id: str
    data: str
    space: str
    target: str
    latency_ms: Latency
    seed: int
    group: str
    spec: SearchSpec


class BatchSpec(FrozenModel):
    """A batch of searches: all combinations of data, spaces, targets, budgets and seeds, with the same other options.

    Example:
        >>> spec = BatchSpec(data=["digits"], spaces=["mobilenet", "resnet"], targets=["cpu"], budgets=["40%", 0.2])
        >>> [(cell.space, cell.latency_ms) for cell in spec.cells()]
        [('mobilenet', '40%'), ('mobilenet', 0.2), ('resnet', '40%'), ('resnet', 0.2)]
    """

    name: str = Field(
        "batch", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="of the folder of its report, among the runs"
    )
    data: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, max_length=MAX_CELLS, description="each as in a search: `digits`, a folder, or an .npz file"
    )
    spaces: tuple[Space, ...] = Field(("auto",), min_length=1, max_length=MAX_CELLS, description="each as in a search")
    targets: tuple[Target, ...] = Field(
        min_length=1, max_length=MAX_CELLS, description="ids of targets with options, such as cpu or cpu:threads=2"
    )
    budgets: tuple[Latency, ...] = Field(
        min_length=1,
        max_length=MAX_CELLS,
        description="each for every target: milliseconds at batch 1 in INT8, or a point of the target's reachable range (40%)",
    )
    seeds: tuple[Seed, ...] = Field((0,), min_length=1, max_length=MAX_CELLS)
    search: dict[str, Any] = Field(
        default_factory=dict,
        description="options of every search, those of a search spec: effort, minutes, metric, limits and others; the time is of each "
        "cell, as if it were searched alone",
    )
    exclude: tuple[Excluded, ...] = Field((), max_length=MAX_CELLS, description="combinations that are left out")
    labels: dict[str, str] = Field(
        default_factory=dict, description="what results and reports call an entry of `data` or `spaces`"
    )
    measure_cross: bool = Field(
        False,
        description="whether networks of other targets are measured on each device, too, for the cross table; else they are predicted "
        "by its latency tables",
    )

    @model_validator(mode="before")
    @classmethod
    def _known(cls, fields: Any) -> Any:
        """Rejects unknown fields with what may have been meant."""
        for name in fields if isinstance(fields, Mapping) else ():
            if name not in cls.model_fields:
                raise ValueError(f"there is no field {str(name)[:80]!r}{_hint(str(name), cls.model_fields)}")
        return fields

    @field_validator("data", "spaces", "targets", "budgets", "seeds")
    @classmethod
    def _distinct(cls, values: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        names = [_space_name(value) for value in values] if info.field_name == "spaces" else list(values)
        twice = sorted({str(name) for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is there twice, which would make equal cells; name each once")
        return values

    @model_validator(mode="after")
    def _bounded(self) -> "BatchSpec":
        """Checks how many cells there are, and the options of the searches."""
        sizes = {many: len(getattr(self, many)) for many in AXES.values()}
        count = 1
        for size in sizes.values():
            count *= size
        if count > MAX_CELLS:
            terms = " x ".join(f"{size} {many}" for many, size in sizes.items())
            raise ValueError(f"{terms} are {count:,} cells; a batch has at most {MAX_CELLS:,}: split it into several")
        _check_entries(self)
        self._spec_of(self.data[0], self.spaces[0], self.targets[0], self.budgets[0], self.seeds[0])
        if not any(True for _ in self._combinations()):
            raise ValueError("`exclude` leaves no cell")
        return self

    def cells(self) -> tuple[Cell, ...]:
        """All cells, by data, space, seed, target and budget in the order of the lists."""
        return tuple(self._cell(*combination) for combination in self._combinations())

    def _combinations(self) -> Iterator[tuple[str, Space, int, str, str | float]]:
        for data, space, seed, target, budget in product(
            self.data, self.spaces, self.seeds, self.targets, self.budgets
        ):
            value = {"data": data, "space": _space_name(space), "target": target, "latency_ms": budget, "seed": seed}
            if not any(one.values.items() <= value.items() for one in self.exclude):
                yield data, space, seed, target, budget

    def _cell(self, data: str, space: Space, seed: int, target: str, budget: str | float) -> Cell:
        from nas.pipeline import run_name

        spec = self._spec_of(data, space, target, budget, seed)
        name = _space_name(space)
        labels = {"data": self.labels.get(data, data), "space": self.labels.get(name, name)}
        group = f"{labels['data']} · {labels['space']} · seed {seed}"
        return Cell(id=run_name(spec), **labels, target=target, latency_ms=budget, seed=seed, group=group, spec=spec)

    def _spec_of(self, data: str, space: Space, target: str, budget: str | float, seed: int) -> SearchSpec:
        """The spec of a cell's search; a wrong option is reported as one of `search`."""
        targets = [{"target": target, "latency_ms": budget}]
        try:
            return SearchSpec.model_validate({
                **self.search, "data": data, "space": space, "targets": targets, "seed": seed
            })  # fmt: skip
        except ValidationError as error:
            raise ValueError("; ".join(field_problems(error.errors(), "search"))) from error

    @field_validator("search")
    @classmethod
    def _options(cls, options: dict[str, Any]) -> dict[str, Any]:
        """Rejects fields that the matrix sets, and unknown ones with what may have been meant."""
        known = {name: field for name, field in SearchSpec.model_fields.items() if name not in MATRIX}
        for name in options:
            if name in MATRIX:
                raise ValueError(f"{name} is set by the matrix; remove it here")
            if name not in known:
                raise ValueError(f"a search has no option {str(name)[:80]!r}{_hint(str(name), known)}")
        return options

    @staticmethod
    def from_yaml(path: Path) -> "BatchSpec":
        """Reads a batch file; a batch without a name is named by its file.

        Raises:
            InvalidBatch: the file cannot be read, is no YAML mapping, or has unknown or wrong fields.
        """
        from nas.errors import InvalidBatch
        from search_spaces.yaml_file import read_yaml

        fields = read_yaml(path, "a batch spec", InvalidBatch)
        if isinstance(fields, dict) and "name" not in fields:
            stem = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in path.stem)[:64]
            fields = {"name": stem.strip("._-") or "batch", **fields}
        return batch_spec(fields)


def batch_spec(fields: Any) -> BatchSpec:
    """A batch spec from its fields.

    Raises:
        InvalidBatch: a field is wrong; `facts["fields"]` has a line for each.
    """
    from nas.errors import InvalidBatch

    try:
        return BatchSpec.model_validate(fields)
    except ValidationError as error:
        problems = [line.replace("Value error, ", "") for line in field_problems(error.errors(), "batch")]
        raise InvalidBatch(
            "The batch spec is not valid: " + "; ".join(problems) + ".",
            fix="Correct these fields.",
            facts={"fields": problems},
        ) from error


def _space_name(space: Space) -> str:
    return space if isinstance(space, str) else str(space.get("name", "space"))


def _check_entries(spec: BatchSpec) -> None:
    """Rejects exclusions and labels that name nothing."""
    names = [_space_name(space) for space in spec.spaces]
    entries = {**{field: getattr(spec, many) for field, many in AXES.items()}, "space": names}
    for number, one in enumerate(spec.exclude):
        if not one.values:
            raise ValueError(f"exclude.{number} names nothing; give at least one of {', '.join(AXES)}")
        for field, value in one.values.items():
            if value not in entries[field]:
                raise ValueError(
                    f"exclude.{number}: {value!r} is not in `{AXES[field]}`{_hint(str(value), entries[field])}"
                )
    for entry in spec.labels:
        if entry not in (*spec.data, *names):
            raise ValueError(f"labels: {entry!r} is not in `data` or `spaces`{_hint(entry, (*spec.data, *names))}")
    for many in (spec.data, names):
        displayed = [spec.labels.get(entry, entry) for entry in many]
        if len(set(displayed)) != len(displayed):
            raise ValueError("labels: two entries have the same label; give each its own")


def _hint(name: str, known: Sequence[Any] | Mapping[str, Any]) -> str:
    """What may have been meant by an unknown name, as the end of a sentence."""
    if name in SearchSpec.model_fields and name not in MATRIX and "search" in known:
        return f"; {name} is an option of the searches: write it below `search`"
    near = get_close_matches(name, [str(one) for one in known], n=1)
    return f"; did you mean {near[0]}?" if near else f"; use {', '.join(str(one) for one in known)}"
