"""The report of a batch is right to the cell: recomputed from the cells' own results, and from the networks themselves."""

import csv
import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from nas import batch, pipeline
from nas.batch.report import read_report
from nas.errors import UnknownRun
from nas.prepare_job import resolve_spec
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.store import Store
from search_spaces.network import Network
from tests.nas import boards
from tests.nas.batch.batches import batch_spec

Run = tuple[Path, batch.BatchResult]
BOARDS = {"board": boards.Board(), "dpu": boards.Dpu()}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Two spaces, two boards of which one does not run everything, and a budget that cannot be met."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        boards.install(patch)
        spec = batch_spec(name="boards", spaces=["resnet", "mobilenet"], budgets=["90%", 1e-4])
        yield folder, batch.run_batch(spec, out=folder)


def network_of(folder: Path, cell: batch.CellResult) -> Network:
    """A cell's network, from its run's own files."""
    assert cell.model is not None
    spec = SearchSpec.model_validate_json((folder / cell.id / "spec.json").read_text())
    space = resolve_spec(Context(Store(folder / "store")), spec).space
    return space.network(space.parse(cell.model.architecture))


def test_the_cross_table_is_what_each_network_costs_on_each_board(run: Run) -> None:
    folder, result = run
    cells = {cell.id: cell for cell in result.cells}
    assert result.targets == ("board", "dpu")
    assert [row.cell for row in result.cross] == [cell.id for cell in result.cells if cell.model is not None]
    blanks = 0
    for row in result.cross:
        network = network_of(folder, cells[row.cell])
        for one in row.latencies:
            assert one.own == (one.target == cells[row.cell].target)
            if all(BOARDS[one.target].supports(layer).ok for layer in network.layers):
                assert one.latency_ms == pytest.approx(sum(map(boards.layer_ms, network.layers)))
                assert (one.kind, one.error, one.reason) == ("simulated", None, "")
            else:
                assert (one.latency_ms, one.kind) == (None, None) and "cannot run" in one.reason
                blanks += 1
    assert blanks, "the board's networks have layers that the DPU does not run"


def test_the_best_networks_are_those_of_the_runs(run: Run) -> None:
    folder, result = run
    assert [(one.data, one.target) for one in result.best] == [("digits", "board"), ("digits", "dpu")]
    for one in result.best:
        values = {}
        for cell in result.cells:
            if cell.target == one.target and cell.model is not None:
                shown = pipeline.show(cell.id, out=folder)
                exported = shown.models[cell.target].architecture_id
                (point,) = [point for point in shown.front if point.architecture_id == exported]
                values[cell.id] = (-point.metric.value, point.latency_ms)
        assert one.cell == min(values, key=values.__getitem__)


def test_what_sharing_saved_is_of_the_stages_in_the_store(run: Run) -> None:
    folder, result = run
    saved = result.savings
    assert saved is not None
    supernets, tables = (Store(folder / "store").finished(name) for name in ("train", "profile"))
    assert (saved.supernets, saved.tables) == (len(supernets), len(tables)) == (2, 4)
    assert (saved.supernet_uses, saved.table_uses) == (4, 8)
    assert saved.saved_by_kind["supernet"] == pytest.approx(sum(one.core_seconds or 0 for one in supernets), abs=1e-3)
    assert saved.saved_by_kind["table"] == pytest.approx(sum(one.core_seconds or 0 for one in tables), abs=1e-3)


def test_the_csv_has_the_same_figures(run: Run) -> None:
    folder, result = run
    with (folder / "boards" / "report.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["cell"] for row in rows] == [cell.id for cell in result.cells]
    cross = {row.cell: {one.target: one for one in row.latencies} for row in result.cross}
    for row, cell in zip(rows, result.cells, strict=True):
        assert (row["state"], row["budget"], row["space"]) == (cell.state, str(cell.latency_ms), cell.space)
        if cell.model is None:
            assert row["error"] == "infeasible_budget" and row["latency_ms"] == row["board ms"] == ""
            continue
        assert float(row["metric_test_int8"]) == cell.model.metric.int8.value
        assert float(row["latency_ms"]) == cell.model.latency_ms.final_ms
        for target, one in cross[cell.id].items():
            assert row[f"{target} ms"] == ("" if one.latency_ms is None else repr(one.latency_ms))
            assert row[f"{target} kind"] == (one.kind or "")


class _Page(HTMLParser):
    """The rows of each table by its caption, and what a page must not have."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.open: list[str] = []
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "line", "rect", "circle"):
            self.open.append(tag)
        self.foreign += [
            f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "style") or name.startswith("on")
        ]
        if tag == "script":
            self.foreign.append(tag)
        if tag == "caption":
            self.tables[""] = []
        if tag == "tr" and "tbody" in self.open:
            next(reversed(self.tables.values())).append([])
        if tag in ("td", "th") and "tbody" in self.open:
            next(reversed(self.tables.values()))[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "rect", "circle"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "caption":
            self.tables[data] = self.tables.pop("")
        elif "tbody" in self.open and ("td" in self.open or "th" in self.open):
            next(reversed(self.tables.values()))[-1][-1] += data


def test_the_page_stands_alone_and_has_every_figure_in_a_table(run: Run) -> None:
    folder, result = run
    text = (folder / "boards" / "report.html").read_text()
    page = _Page()
    page.feed(text)
    assert page.open == [] and page.foreign == [] and "http" not in text and "url(" not in text
    assert "color-scheme: light dark" in text
    cells, cross = page.tables["Cells"], page.tables["Cross table"]
    assert len(cells) == len(result.cells) and len(cross) == len(result.cross)
    for row, cell in zip(cells, result.cells, strict=True):
        assert row[1:4:2] == [
            cell.space,
            f"{cell.latency_ms} ms" if isinstance(cell.latency_ms, float) else cell.latency_ms,
        ]
        assert row[5] == cell.state
        if cell.model is not None:
            assert row[7] == f"{cell.model.metric.int8.value:.2%}"
            assert row[8] == f"{cell.model.latency_ms.final_ms:.4g} simulated"
        else:
            assert cell.error is not None and cell.error.detail in row[10]
    for row, found in zip(cross, result.cross, strict=True):
        for text_of, one in zip(row[1:], found.latencies, strict=True):
            assert text_of == (f"-{one.reason}" if one.latency_ms is None else f"{one.latency_ms:.4g} simulated")
    assert [row[0] for row in page.tables["Shared work"]][:2] == ["supernet", "supernet"]
    assert text.count('<svg role="img"') == 3  # a plot for each target, and one of what was saved


def test_the_report_can_be_read_again(run: Run, tmp_path: Path) -> None:
    folder, result = run
    assert read_report(folder / "boards") == result
    assert json.loads((folder / "boards" / "report.json").read_text())["name"] == "boards"
    with pytest.raises(UnknownRun):
        read_report(tmp_path)
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(UnknownRun, match="another version"):
        read_report(tmp_path)


def test_names_are_texts_in_the_page_and_in_spreadsheets(tmp_path: Path) -> None:
    spec = batch_spec(data=["=cmd<script>"], targets=["cpu"])
    result = batch.run_batch(spec, out=tmp_path)
    assert [cell.state for cell in result.cells] == ["failed"]
    assert "<script" not in (tmp_path / "batch" / "report.html").read_text()
    assert "'=cmd<script>" in (tmp_path / "batch" / "report.csv").read_text()
