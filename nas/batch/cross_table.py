"""The cross table of a batch: what each delivered network costs on every target of it, with the source of each number.

On its own target a network has the latency of its receipt. A simulated target simulates the very network. On a measured target it is
predicted by the latency table that knows its layers best, those of other spaces and sizes among them, or measured, where the batch asks
for that. Where a target does not run it, the reason stands in place of a number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from hw_targets.errors import UnsupportedLayer
from hw_targets.registry import target as find_target
from hw_targets.target import Simulator, Target
from latency_models.table import LatencyTable
from nas.batch.resolve import STOPPING
from nas.batch.result import CellResult, CrossLatency, CrossRow
from nas.estimate import check_support, stored_tables
from nas.prepare_job import resolve_spec
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.stages.verify import measure_networks
from search_spaces.errors import HwnasError
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
    for cell, network in _networks(context, cells, specs):
        assert cell.model is not None
        latencies = tuple(_own(cell) if one.id == cell.target_id else one.latency(network) for one in columns)
        rows.append(CrossRow(cell=cell.id, architecture_id=cell.model.architecture_id, latencies=latencies))
    return tuple(rows)


def _networks(
    context: Context, cells: Sequence[CellResult], specs: Mapping[str, SearchSpec]
) -> Iterator[tuple[CellResult, Network]]:
    """The cells that have a network, with it."""
    spaces: dict[str, SearchSpace] = {}
    for cell in cells:
        if cell.model is None:
            continue
        spec = specs[cell.id]
        shared = spec.model_dump_json(exclude={"targets"}) + ("" if spec.supernet_targets else cell.target)
        if shared not in spaces:
            spaces[shared] = resolve_spec(context, spec).space
        space = spaces[shared]
        yield cell, space.network(space.parse(cell.model.architecture))


def _own(cell: CellResult) -> CrossLatency:
    assert cell.model is not None and cell.target_id is not None
    latency = cell.model.latency_ms
    known = latency.measured is not None or latency.simulated is not None
    kind = latency.kind if known else "predicted"
    error = None if known else latency.predicted_error
    return CrossLatency(target=cell.target_id, latency_ms=latency.final_ms, kind=kind, error=error, own=True)


@dataclass(frozen=True)
class _Column:
    """A target of the table."""

    context: Context
    target: Target
    measure: bool

    @property
    def id(self) -> str:
        return self.target.info.id

    @cached_property
    def _tables(self) -> list[LatencyTable]:
        return stored_tables(self.context.store, self.target.info)

    def latency(self, network: Network) -> CrossLatency:
        """A network of another target on this one."""
        self.context.check_cancelled()
        try:
            check_support(network, self.target)
            if isinstance(self.target, Simulator):
                simulated = float(self.target.simulate(network)["latency_ms"])
                return CrossLatency(target=self.id, latency_ms=simulated, kind="simulated", error=None)
            if self.measure or self.target.info.kind == "simulated":
                (profile,) = measure_networks(self.context, self.target, [network])
                error = None if self.target.info.kind == "simulated" else profile.repeat_error
                kind = self.target.info.kind
                return CrossLatency(target=self.id, latency_ms=profile.latency_ms, kind=kind, error=error)
            return self._predicted(network)
        except STOPPING:
            raise
        except UnsupportedLayer as error:
            return self._blank(error.detail)
        except HwnasError as error:  # too large for the board, or a target that is not available here
            return self._blank(f"{error.detail} {error.fix}")

    def _predicted(self, network: Network) -> CrossLatency:
        predictions = [table.predict(network) for table in self._tables]
        if not predictions:
            return self._blank(f"No latency table of {self.id} is stored.")
        one = min(predictions, key=lambda found: (len(found.unseen), found.error))
        return CrossLatency(
            target=self.id, latency_ms=one.latency_ms, kind=one.kind, error=one.error, unseen=len(one.unseen)
        )

    def _blank(self, reason: str) -> CrossLatency:
        return CrossLatency(target=self.id, latency_ms=None, kind=None, error=None, reason=reason)
