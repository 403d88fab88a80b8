"""The matrix of a batch with the names of this service: how many searches it is, its searches, and the engine's spec.

Not here: its fields (`batch_spec.py`), and the run (`api/worker/batches.py`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from api.datasets.storage import source
from api.jobs.batch_spec import BatchWireSpec
from api.jobs.engine_spec import DIGITS, own_network
from api.jobs.spec_fields import WireTarget
from api.jobs.specs import AnySpec, SearchWireSpec
from api.networks.storage import source as network_file
from api.settings import Settings
from nas.batch.spec import BatchSpec, batch_spec


def searches_in(wire: AnySpec) -> int:
    """As how many searches a job counts: a batch as its cells, any other job as one."""
    if not isinstance(wire, BatchWireSpec):
        return 1
    return len(_engine_spec(wire, dict(zip(wire.data, wire.data, strict=True)), None).cells())


def searches_of(wire: BatchWireSpec) -> Iterator[SearchWireSpec]:
    """One search of each data set and space on all targets: whatever they cannot do, no cell of theirs can."""
    targets = tuple(WireTarget(target=target, latency_ms=wire.budgets[0]) for target in wire.targets)
    options = {name: getattr(wire.search, name) for name in wire.search.model_fields_set}
    for data in wire.data:
        for space in wire.spaces:
            yield SearchWireSpec(kind="search", data=data, space=space, targets=targets, seed=wire.seeds[0], **options)


def engine_batch(wire: BatchWireSpec, settings: Settings, labels: Mapping[str, str]) -> BatchSpec:
    """The engine's spec: ids become files of the home, and results call data sets by their labels.

    Args:
        wire: the batch.
        settings: where the files are.
        labels: what a report calls each data set, by id; all different.

    Raises:
        InvalidBatch: it has too many cells, or none, or excludes what it does not have.
    """
    files = {data: data if data == DIGITS else str(source(settings.datasets, data)) for data in wire.data}
    own = own_network(wire)
    named = {files[data]: labels[data] for data in wire.data if labels[data] != files[data]}
    start = None if own is None else str(network_file(settings.networks, own))
    return _engine_spec(wire, files, start, labels=named)


def _engine_spec(wire: BatchWireSpec, files: Mapping[str, str], start: str | None, **more: Any) -> BatchSpec:
    fields = wire.model_dump(mode="json", exclude={"kind"}, exclude_none=True)
    options = wire.search.model_dump(mode="json", exclude_none=True)
    if start is not None:
        options["start_from"] = start
    elif own_network(wire) is not None:
        options.pop("start_from")  # only counted
    exclude = [
        {**one, **({"data": files.get(one["data"], one["data"])} if "data" in one else {})} for one in fields["exclude"]
    ]
    return batch_spec(
        {**fields, "data": [files[data] for data in wire.data], "search": options, "exclude": exclude, **more}
    )
