"""Writes the report of a batch: `report.json`, `report.csv` and `report.html` in a folder of the batch's name, also of an unfinished one.

Not here: the figures (`summary.py`, `cross_table.py`), and how the page looks (`report_html.py`).
"""

from pathlib import Path
from typing import Final

from pydantic import ValidationError

from nas.batch.cross_table import cross_table
from nas.batch.ledger import Ledger
from nas.batch.report_csv import csv_text
from nas.batch.report_html import page
from nas.batch.result import BatchResult
from nas.batch.spec import BatchSpec
from nas.batch.summary import best, savings, shared_work
from nas.errors import UnknownRun
from nas.files import write_atomically
from nas.stages.context import Context

JSON, CSV, HTML = "report.json", "report.csv", "report.html"
FILES: Final = (HTML, CSV, JSON)


def write_report(context: Context, spec: BatchSpec, ledger: Ledger, out: Path) -> BatchResult:
    """Writes the report of the cells so far, and returns what it says.

    Raises:
        OutOfSpace, UnwritableFolder: the disk is full, or the folder may not be written to.
    """
    result = batch_result(context, spec, ledger)
    folder = out / spec.name
    write_atomically(folder / JSON, result.model_dump_json(indent=1).encode())
    write_atomically(folder / CSV, csv_text(result).encode())
    write_atomically(folder / HTML, page(result).encode())
    return result


def batch_result(context: Context, spec: BatchSpec, ledger: Ledger) -> BatchResult:
    """The cells so far with all that is said of them as a whole. Of a batch that was stopped there is no cross table: it ends soon."""
    cells = ledger.results
    targets = tuple(dict.fromkeys(cell.target_id for cell in cells if cell.target_id is not None))
    stopped = any(cell.state in ("pending", "cancelled") for cell in cells)
    cross = () if stopped else cross_table(context, cells, ledger.specs, targets, measure=spec.measure_cross)
    shared = shared_work(ledger.uses)
    users = {cell.id: tuple(one.id for one in shared if cell.id in one.cells) for cell in cells}
    return BatchResult(
        name=spec.name,
        cells=tuple(cell.model_copy(update={"shared": users[cell.id]}) for cell in cells),
        best=best(cells),
        targets=targets,
        cross=cross,
        shared=shared,
        savings=savings(ledger.uses),
        warnings=tuple(dict.fromkeys(warning for cell in cells for warning in cell.warnings)),
    )


def read_report(folder: Path) -> BatchResult:
    """The report of a batch.

    Raises:
        UnknownRun: there is none in this folder, or another version of hwnas wrote it.
    """
    try:
        return BatchResult.model_validate_json((folder / JSON).read_bytes())
    except FileNotFoundError as error:
        raise UnknownRun(f"There is no batch in {folder}.", fix="Run `hwnas batch` first.") from error
    except ValidationError as error:
        raise UnknownRun(
            f"{folder / JSON} is of another version of hwnas.", fix="Run its batch again: its results are cached."
        ) from error
