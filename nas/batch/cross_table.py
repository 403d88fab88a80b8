"""The cross table of a batch: what each delivered network costs on every target of it, with the source of each number.

On its own target a network has the latency of its receipt. A simulated target simulates the very network. On a measured target it is
predicted by that target's latency table for the network's own space, or else by the stored one that knows its layers best; or measured,
where the batch asks for that. Where a target does not run it, the reason stands in place of a number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hw_targets.registry import target as find_target
from hw_targets.target import Target
from latency_models.table import LatencyTable
from nas.batch.resolve import STOPPING
from nas.batch.result import CellResult, CrossLatency, CrossRow
from nas.estimate import check_support, estimate, stored_tables
from nas.prepare_job import resolve_spec
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.stages.profile import profile as measured_table
from nas.stages.profile import profiled
from nas.stages.verify import measure_networks
from search_spaces.errors import HwnasError, UnsupportedSpace
from search_spaces.network import Network
from search_spaces.space import SearchSpace


def cross_table(
    context: Context,
    cells: Sequence[CellResult],
    specs: Mapping[str, SearchSpec],
    targets: Sequence[str],
    *,
    measure: bool,
) -> tuple[CrossRow, ...]:
    """A row for each cell with a network.

    Args:
        context: of the batch.
        cells: all of them.
        specs: of the searches of those with a network, by cell, with all that was decided for them.
        targets: ids of the columns.
        measure: whether networks of other targets are measured on measured targets.

    Raises:
        Cancelled: the caller requested a stop.
    """
    columns = [_Column(context, find_target(one), measure) for one in targets]
    rows = []
    for cell, spec, space in _searched(context, cells, specs):
        assert cell.model is not None
        network = space.network(space.parse(cell.model.architecture))
        latencies = tuple(_own(cell) if one.id == cell.target_id else one.latency(network, spec) for one in columns)
        rows.append(CrossRow(cell=cell.id, architecture_id=cell.model.architecture_id, latencies=latencies))
    return tuple(rows)


def _searched(
    context: Context, cells: Sequence[CellResult], specs: Mapping[str, SearchSpec]
) -> Iterator[tuple[CellResult, SearchSpec, SearchSpace]]:
    """The cells that have a network, with the spec and the space of their searches."""
    spaces: dict[str, SearchSpace] = {}
    for cell in cells:
        if cell.model is not None:
            spec = specs[cell.id]
            key = _space_key(spec)
            if key not in spaces:
                spaces[key] = resolve_spec(context, spec).space
            yield cell, spec, spaces[key]


def _space_key(spec: SearchSpec) -> str:
    """Equal for searches with equal supernets' spaces."""
    alone = "" if spec.supernet_targets else spec.targets[0].target
    return spec.model_dump_json(exclude={"targets"}) + alone


def _own(cell: CellResult) -> CrossLatency:
    assert cell.model is not None and cell.target_id is not None
    latency = cell.model.latency_ms
    known = latency.measured is not None or latency.simulated is not None
    kind = latency.kind if known else "predicted"
    error = None if known else latency.predicted_error
    return CrossLatency(target=cell.target_id, latency_ms=latency.final_ms, kind=kind, error=error, own=True)


@dataclass
class _Column:
    """A target of the table."""

    context: Context
    target: Target
    measure: bool
    _own_tables: dict[str, list[LatencyTable]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.target.info.id

    def latency(self, network: Network, spec: SearchSpec) -> CrossLatency:
        """A network that a search found for another target, on this one."""
        self.context.check_cancelled()
        simulated = self.target.info.kind == "simulated"
        try:
            if self.measure and not simulated:
                return self._measured(network)
            tables = [] if simulated else self._tables(spec)
            found = estimate(network, self.target, tables=tables, measure=simulated)
        except STOPPING:
            raise
        except HwnasError as error:  # it cannot run the network, or has no table, or is not available here
            return CrossLatency(target=self.id, latency_ms=None, kind=None, error=None, reason=error.detail)
        return CrossLatency(
            target=self.id,
            latency_ms=found.latency_ms,
            kind=found.kind,
            error=None if simulated else found.error,
            unseen=len(found.unseen),
        )

    def _measured(self, network: Network) -> CrossLatency:
        check_support(network, self.target)
        (profile,) = measure_networks(self.context, self.target, [network])
        return CrossLatency(target=self.id, latency_ms=profile.latency_ms, kind="measured", error=profile.repeat_error)

    def _tables(self, spec: SearchSpec) -> list[LatencyTable]:
        """The table of this target for the space that a network is of, if there is one; else all that are stored."""
        key = _space_key(spec)
        if key not in self._own_tables:
            self._own_tables[key] = self._of_space(spec) or self._stored
        return self._own_tables[key]

    def _of_space(self, spec: SearchSpec) -> list[LatencyTable]:
        """The table that a cell of this target uses which shares its supernet with a search."""
        (asked,) = spec.targets
        here = asked.model_copy(update={"target": self.id})
        sharing = tuple(dict.fromkeys((*spec.supernet_targets, asked.target)))
        try:
            job = resolve_spec(self.context, spec.model_copy(update={"targets": (here,), "supernet_targets": sharing}))
        except UnsupportedSpace:
            return []
        space, work = job.restricted[0].space, job.work.profile
        if not profiled(self.context, self.target.info, space, work):
            return []
        return [measured_table(self.context, self.target, space, work).table]

    @cached_property
    def _stored(self) -> list[LatencyTable]:
        return stored_tables(self.context.store, self.target.info)
