"""How much of a batch's work is shared, and is its report right to the cell?

Two data sets (scikit-learn's digits, and as many classes of noisy bars of the same size, which are made here) with two spaces and three
targets, two of them simulated. Trainings and latency tables are counted in the store, which is empty at the start: the data sets have
images of equal size and as many classes, so that they share the tables, too. Then every figure of the report is computed again, from the
files of the cells' own runs, the simulators and the tables in the store, by other code than the report's: `report_differences` counts
those that differ.

`--alone` also runs each cell as a search by itself, with the same work and an empty store, and compares the core-seconds of both.
"""

import argparse
import csv
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import common
from hw_targets.registry import target as find_target
from hw_targets.target import Simulator
from latency_models.table import LatencyTable
from nas import batch, pipeline
from nas.batch.records import stage_uses
from nas.batch.report import CSV
from nas.describe import find_space
from nas.estimate import check_support, stored_tables
from nas.events import CellEvent, Event
from nas.stages.context import Context
from nas.store import Store
from nas.work import ProfileWork, Work
from search_spaces.errors import HwnasError
from search_spaces.network import Network

NAME: Final = "batch"
CLASSES, SIDE = 10, 8
"""Of both data sets."""
BARS: Final = 1500
"""Images of bars."""

_Known = tuple[float | None, str | None]
"""A latency and its kind."""


def measure(options: argparse.Namespace) -> common.Outcome:
    """One batch from an empty store, its report computed again, and the cells by themselves where that is asked for."""
    with tempfile.TemporaryDirectory(prefix="hwnas-batch-") as folder:
        out = Path(folder)
        spec = _spec(options, bars(out / "bars.npz"))
        names = {cell.id: f"{cell.data}, {cell.space}, {cell.target}" for cell in spec.cells()}

        def report(event: Event) -> None:
            if isinstance(event, CellEvent):
                common.progress(f"{names[event.cell]}: {event.state}")

        result = batch.run_batch(spec, out=out, on_event=report)
        again = _Again(out, Store(out / "store"), result)
        wrong = list(again.differences())
        for one in wrong:
            common.progress(f"differs: {one}")
        alone = _alone(spec, out) if options.alone else {}
        rows = [_row(cell, alone.get(cell.id)) for cell in result.cells]
        return common.Outcome(_summary(again, result, len(wrong), list(alone.values())), rows)


def bars(file: Path, images: int = BARS) -> str:
    """A data set of noisy grey bars, one place and direction for each class, as an .npz; its path."""
    rng = np.random.default_rng(0)
    labels = np.arange(images) % CLASSES
    pictures = rng.integers(0, 120, (images, SIDE, SIDE), np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        along = picture if label < SIDE else picture.T
        along[label % SIDE] += 100
    np.savez(file, train_x=pictures, train_y=labels)
    return str(file)


def _spec(options: argparse.Namespace, data: str) -> batch.BatchSpec:
    profile = ProfileWork(networks=options.networks, held_out=max(2, options.networks // 4), rounds=options.rounds)
    work = Work(
        profile=profile,
        supernet_images=options.supernet_images,
        evaluations=options.evaluations,
        finalists=options.finalists,
        tune_images=options.tune_images,
    )
    return batch.BatchSpec(
        name=NAME,
        data=("digits", data),
        spaces=tuple(options.spaces),
        targets=tuple(options.targets),
        budgets=(options.budget,),
        seeds=tuple(range(options.seeds)),
        search={"threads": options.threads, "device": "cpu", "work": work.model_dump(mode="json")},
        labels={data: "bars"},
    )


def _summary(
    again: "_Again", result: batch.BatchResult, wrong: int, alone: Sequence[float]
) -> dict[str, float | int | None]:
    cells, saved = len(result.cells), result.savings
    assert saved is not None
    return {
        "cells": cells,
        "succeeded": result.count("succeeded"),
        "supernet_trainings": len(again.store.finished("train")),
        "supernet_trainings_alone": cells,
        "latency_tables": len(again.store.finished("profile")),
        "latency_tables_alone": cells,
        "core_seconds": saved.spent_core_seconds,
        "core_seconds_separate": saved.separate_core_seconds,
        "core_seconds_alone": round(sum(alone), 1) if alone else None,
        "report_figures": again.compared,
        "report_differences": wrong,
    }


def _row(cell: batch.CellResult, alone: float | None) -> dict[str, Any]:
    model = cell.model
    latency = None if model is None else model.latency_ms
    return {
        "data": cell.data,
        "space": cell.space,
        "target": cell.target,
        "seed": cell.seed,
        "state": cell.state,
        "validation": cell.validation,
        "test_int8": None if model is None else model.metric.int8.value,
        "latency_ms": None if latency is None else latency.final_ms,
        "kind": None if latency is None else latency.kind,
        "shared_stages": len(cell.shared),
        "alone_core_seconds": alone,
    }


def _alone(spec: batch.BatchSpec, out: Path) -> dict[str, float]:
    """The core-seconds of each cell as a search by itself, with a store of its own."""
    spent: dict[str, float] = {}
    for cell in spec.cells():
        common.progress(f"alone: {cell.data}, {cell.space}, {cell.target}")
        context = Context(Store(out / "alone" / cell.id / "store"))
        try:
            pipeline.search_in(context, cell.spec, out / "alone" / cell.id)
        except HwnasError as error:
            common.progress(error.detail)
        spent[cell.id] = round(sum(use.core_seconds or 0.0 for use in stage_uses(context.costs)), 1)
    return spent


@dataclass
class _Again:
    """The figures of a report, computed again.

    Attributes:
        compared: figures so far.
    """

    out: Path
    store: Store
    result: batch.BatchResult
    compared: int = 0

    def differences(self) -> Iterator[str]:
        """The figures that differ."""
        for cell in self.result.cells:
            yield from self._cell(cell)
        yield from self._best()
        yield from self._cross()
        yield from self._savings()
        yield from self._csv()

    def _same(self, what: str, reported: object, computed: object) -> Iterator[str]:
        self.compared += 1
        if reported != computed:
            yield f"{what}: {reported} is reported, and {computed} computed"

    def _cell(self, cell: batch.CellResult) -> Iterator[str]:
        """A cell's figures are those of its own run."""
        if cell.model is None or cell.target_id is None:
            return
        shown = pipeline.show(cell.id, out=self.out)
        own = shown.models[cell.target_id].model_dump(mode="json", exclude={"bundle"})
        for name, value in cell.model.model_dump(mode="json").items():
            yield from self._same(f"{cell.id} {name}", value, own[name])
        yield from self._same(f"{cell.id} validation", cell.validation, self._validation(cell))

    def _validation(self, cell: batch.CellResult) -> float | None:
        assert cell.model is not None and cell.target_id is not None
        trained = json.loads((self.out / cell.id / "evaluations.json").read_text())[cell.target_id]["finalists"]
        found = [one["metric"]["value"] for one in trained if one["architecture_id"] == cell.model.architecture_id]
        return found[0] if found else None

    def _best(self) -> Iterator[str]:
        for one in self.result.best:
            ranked = sorted(
                (-(self._validation(cell) or 0.0), cell.model.latency_ms.final_ms, cell.id)
                for cell in self.result.cells
                if (cell.data, cell.target) == (one.data, one.target) and cell.model is not None
                if cell.model.latency_ms.verdict != "exceeded"
            )
            yield from self._same(f"best of {one.data} on {one.target}", one.cell, ranked[0][2] if ranked else None)

    def _cross(self) -> Iterator[str]:
        """Simulated again, or predicted again by every stored table that knows as much of the network."""
        cells = {cell.id: cell for cell in self.result.cells}
        for row in self.result.cross:
            cell = cells[row.cell]
            network = _network(cell)
            for one in row.latencies:
                what = f"{cell.id} on {one.target}"
                assert cell.model is not None
                own: _Known = (cell.model.latency_ms.final_ms, cell.model.latency_ms.kind)
                expected = [own] if one.own else self._on(network, one.target)
                self.compared += 1
                if (one.latency_ms, one.kind) not in expected:
                    yield f"{what}: {one.latency_ms} ms ({one.kind}) is reported, and {expected} computed"

    def _on(self, network: Network, name: str) -> list[_Known]:
        target = find_target(name)
        try:
            check_support(network, target)
            if isinstance(target, Simulator):
                return [(float(target.simulate(network)["latency_ms"]), "simulated")]
        except HwnasError:
            return [(None, None)]
        tables: list[LatencyTable] = stored_tables(self.store, target.info)
        predictions = [table.predict(network) for table in tables]
        fewest = min((len(one.unseen) for one in predictions), default=0)
        return [(one.latency_ms, one.kind) for one in predictions if len(one.unseen) == fewest] or [(None, None)]

    def _savings(self) -> Iterator[str]:
        """The core-seconds of supernets and tables, from the records in the store."""
        saved = self.result.savings
        assert saved is not None
        for kind, stage in (("supernet", "train"), ("table", "profile")):
            records = {record.outputs[kind]: record.core_seconds or 0.0 for record in self.store.finished(stage)}
            shared = [one for one in self.result.shared if one.kind == kind]
            yield from self._same(f"shared {kind}s", len(shared), len(records))
            seconds = sorted(one.core_seconds or 0.0 for one in shared)
            yield from self._same(f"core-seconds of {kind}s", seconds, sorted(records.values()))
            total = sum(one.saved_core_seconds for one in shared)
            yield from self._same(f"saved by {kind}s", saved.saved_by_kind.get(kind, 0.0), round(total, 3))

    def _csv(self) -> Iterator[str]:
        with (self.out / self.result.name / CSV).open(newline="") as file:
            rows = {row["cell"]: row for row in csv.DictReader(file)}
        for cell in self.result.cells:
            row = rows[cell.id]
            yield from self._same(f"{cell.id} state in the CSV", row["state"], cell.state)
            for one in next((line.latencies for line in self.result.cross if line.cell == cell.id), ()):
                known = "" if one.latency_ms is None else repr(one.latency_ms)
                yield from self._same(f"{cell.id} on {one.target} in the CSV", row[f"{one.target} ms"], known)


def _network(cell: batch.CellResult) -> Network:
    """A cell's network from its space's name."""
    assert cell.model is not None
    space, architecture = find_space(
        cell.space, cell.model.architecture, cell.model.architecture_id, resolution=SIDE, channels=1, classes=CLASSES
    )
    return space.network(architecture)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark."""
    parser = common.parser(NAME, "What a batch of searches shares, and whether its report is right.")
    parser.add_argument("--spaces", nargs="+", default=["resnet", "mobilenet"], metavar="SPACE")
    parser.add_argument("--targets", nargs="+", default=["alveo-u50lv:dwc", "alveo-u55c:dwc", "cpu"], metavar="TARGET")
    parser.add_argument("--budget", default="50%", help="of each target's own range")
    parser.add_argument("--threads", type=int, default=1, help="of training")
    parser.add_argument("--networks", type=int, default=48, help="that a latency table is fitted to")
    parser.add_argument("--rounds", type=int, default=8, help="of timing on measured targets")
    parser.add_argument("--supernet-images", type=int, default=12_000)
    parser.add_argument("--evaluations", type=int, default=12)
    parser.add_argument("--finalists", type=int, default=2)
    parser.add_argument("--tune-images", type=int, default=6_000)
    parser.add_argument("--alone", action="store_true", help="run each cell by itself, too, from an empty store")
    options = parser.parse_args(arguments)
    return common.run(NAME, options, measure)


if __name__ == "__main__":
    raise SystemExit(main())
