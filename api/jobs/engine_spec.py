"""From a wire spec to the engine's: ids of data sets and networks become files of the home. Also which targets and devices a job names."""

from typing import Final

from pydantic.main import IncEx

from api.datasets.storage import source
from api.jobs.batch_spec import BatchWireSpec
from api.jobs.spec_fields import is_own
from api.jobs.specs import (
    AnySpec,
    ExportWireSpec,
    ProfilingWireSpec,
    SearchWireSpec,
    SupernetWireSpec,
)
from api.networks.storage import source as network_file
from api.settings import Settings
from nas.spec import SearchSpec
from nas.stages.choose_source import NONE

DIGITS: Final = "digits"

_NO_DEVICE: Final[IncEx] = {"__all__": {"device"}}
_WIRE_ONLY: Final[IncEx] = {"kind": True, "target": True, "targets": _NO_DEVICE}
"""What the engine's spec does not have."""


BaseSpec = SearchWireSpec | ProfilingWireSpec | SupernetWireSpec
"""A spec that names data and space itself."""


def base_spec(wire: AnySpec) -> BaseSpec:
    """The spec that names a job's data and space: its own, or for an export that of its search. A batch has none: it has several."""
    if isinstance(wire, BatchWireSpec):
        raise TypeError("a batch has several data sets and spaces")
    if not isinstance(wire, ExportWireSpec):
        return wire
    assert wire.search is not None  # preflight fills it in
    return wire.search


def datasets_of(wire: AnySpec) -> tuple[str, ...]:
    """The uploaded data sets that a job reads."""
    named = wire.data if isinstance(wire, BatchWireSpec) else (base_spec(wire).data,)
    return tuple(data for data in named if data != DIGITS)


def engine_spec(wire: AnySpec, settings: Settings) -> SearchSpec:
    """The engine's spec. A job that is no search gets the spec of a search with the same settings."""
    base = base_spec(wire)
    fields = base.model_dump(mode="json", exclude=_WIRE_ONLY, exclude_none=True)
    if isinstance(base, ProfilingWireSpec):
        fields.pop("device", None)  # that which is measured; of the others, that which trains
    if not isinstance(base, SearchWireSpec):
        fields["targets"] = [{"target": name, "latency_ms": "100%"} for name in targets_of(base)]
    if base.data != DIGITS:
        fields["data"] = str(source(settings.datasets, base.data))
    if (own := own_network(base)) is not None:
        fields["start_from"] = str(network_file(settings.networks, own))
    return SearchSpec.model_validate(fields)


def own_network(wire: AnySpec) -> str | None:
    """The id of the uploaded network that a job starts from."""
    start = getattr(wire.search if isinstance(wire, BatchWireSpec) else base_spec(wire), "start_from", NONE)
    return start if is_own(start) else None


def targets_of(wire: AnySpec) -> tuple[str, ...]:
    """The targets that a job names, with their options."""
    if isinstance(wire, SearchWireSpec):
        return tuple(budget.target for budget in wire.targets)
    if isinstance(wire, SupernetWireSpec | BatchWireSpec):
        return wire.targets
    target = getattr(wire, "target", None)
    return () if target is None else (target,)


def needs_of(wire: AnySpec) -> dict[str, str | None]:
    """The targets, without options, that a job's worker must be able to measure, each with the only device that will do, if any."""
    if isinstance(wire, BatchWireSpec):
        return {name.partition(":")[0]: None for name in wire.targets}
    needs: dict[str, str | None] = {}
    named = targets_of(wire)
    base = base_spec(wire)  # an export is measured on the device that its search names
    for budget in base.targets if isinstance(base, SearchWireSpec) else (base,):
        target = getattr(budget, "target", None)
        if target in named:
            name = target.partition(":")[0]
            needs[name] = needs.get(name) or getattr(budget, "device", None)
    return needs
