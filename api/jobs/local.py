"""From the wire to this machine: the engine's spec of a wire spec, with ids turned into files of the home."""

from pathlib import Path
from typing import Final

from pydantic.main import IncEx

from api.jobs.specs import AnySpec, ExportWireSpec, ProfilingWireSpec, SearchWireSpec, SupernetWireSpec
from nas.spec import SearchSpec

DIGITS: Final = "digits"

_NO_DEVICE: Final[IncEx] = {"__all__": {"device"}}
_WIRE_ONLY: Final[IncEx] = {"kind": True, "target": True, "device": True, "targets": _NO_DEVICE}
"""What the engine's spec does not have."""


Plain = SearchWireSpec | ProfilingWireSpec | SupernetWireSpec
"""A spec that says by itself what is worked on."""


def plain(wire: AnySpec) -> Plain:
    """What says the data and the space of a job: its spec, or for an export the spec of the search that it is of."""
    if not isinstance(wire, ExportWireSpec):
        return wire
    assert wire.search is not None  # filled in before anything asks
    return wire.search


def local_spec(wire: AnySpec, datasets_folder: Path) -> SearchSpec:
    """The engine's spec of a wire spec. A kind that is no search gets what a search of the same things would be."""
    wire = plain(wire)
    fields = wire.model_dump(mode="json", exclude=_WIRE_ONLY, exclude_none=True)
    if not isinstance(wire, SearchWireSpec):
        fields["targets"] = [{"target": name, "latency_ms": "100%"} for name in targets_of(wire)]
    if wire.data != DIGITS:
        from api.datasets.storage import source

        fields["data"] = str(source(datasets_folder, wire.data))
    return SearchSpec.model_validate(fields)


def targets_of(wire: AnySpec) -> tuple[str, ...]:
    """The targets that a job names."""
    if isinstance(wire, SearchWireSpec):
        return tuple(wanted.target for wanted in wire.targets)
    if isinstance(wire, SupernetWireSpec):
        return wire.targets
    target = getattr(wire, "target", None)
    return () if target is None else (target,)


def needs_of(wire: AnySpec) -> dict[str, str | None]:
    """Targets that a job's worker must be able to measure, without their options, and the device if it must be a certain one."""
    found: dict[str, str | None] = {}
    named = targets_of(wire)
    known = plain(wire)  # an export is measured where its search was to be
    for wanted in known.targets if isinstance(known, SearchWireSpec) else (known,):
        target = getattr(wanted, "target", None)
        if target in named:
            name = target.partition(":")[0]
            found[name] = found.get(name) or getattr(wanted, "device", None)
    return found
