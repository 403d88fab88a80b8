"""From the wire to this machine: the engine's spec of a wire spec, with ids turned into files of the home."""

from pathlib import Path
from typing import Final

from api.jobs.specs import AnySpec, ExportWireSpec, ProfilingWireSpec, SearchWireSpec, SupernetWireSpec
from nas.spec import SearchSpec

DIGITS: Final = "digits"


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
    fields = wire.model_dump(mode="json", exclude={"kind", "target"}, exclude_none=True)
    if not isinstance(wire, SearchWireSpec):
        fields["targets"] = [{"target": getattr(wire, "target", "cpu"), "latency_ms": "100%"}]
    if wire.data != DIGITS:
        from api.datasets.storage import source

        fields["data"] = str(source(datasets_folder, wire.data))
    return SearchSpec.model_validate(fields)


def targets_of(wire: AnySpec) -> tuple[str, ...]:
    """The targets that a job names."""
    if isinstance(wire, SearchWireSpec):
        return tuple(wanted.target for wanted in wire.targets)
    target = getattr(wire, "target", None)
    return () if target is None else (target,)
