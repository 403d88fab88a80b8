"""Plots the pictures of the documentation from a real run: `python -m docs.make_pictures runs/NAME`.

It copies the run's `result.json`, `receipt.json` and evaluated candidates to `docs/example/` (without the folder's path on
this machine), plots `docs/images/front.png` from them, and regenerates the tables. Without a run it plots the recorded one.
"""

import argparse
import json
from pathlib import Path
from typing import Any, Final

from docs import generate
from docs.recorded import EXAMPLE, example

IMAGES: Final = Path(__file__).parent / "images"


def record(run: Path) -> None:
    """Stores a run's result and the first target's receipt as the documentation's example."""
    result = json.loads((run / "result.json").read_text())
    receipt: dict[str, Any] = {}
    for model in reversed(list(result["models"].values())):
        folder = Path(model["bundle"])
        receipt = json.loads((run / folder.name / "receipt.json").read_text())
        model["bundle"] = f"runs/{result['run']}/{folder.name}"
    EXAMPLE.mkdir(exist_ok=True)
    documents = {"result": result, "receipt": receipt, "candidates": candidates(run, receipt["target"]["id"])}
    for name, document in documents.items():
        (EXAMPLE / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


def candidates(run: Path, target: str) -> dict[str, Any]:
    """Predicted latency and the metric of every architecture that a target's search evaluated."""
    points = json.loads((run / "candidates.json").read_text())[target]
    return {
        "latency_ms": [point["latency_ms"] for point in points],
        "metric": [point["metric"]["value"] for point in points],
    }


def front(result: dict[str, Any], receipt: dict[str, Any], evaluated: dict[str, Any], path: Path) -> None:
    """Plots the first target's evaluated architectures, Pareto front and budget, and the final model as measured."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    model = result["models"][receipt["target"]["id"]]
    latency, metric = model["latency_ms"], receipt["metric"]
    points = result["fronts"][receipt["target"]["id"]]
    figure, axes = pyplot.subplots(figsize=(7, 4), dpi=150, layout="constrained")
    axes.axvline(latency["budget"], color="#666666", linestyle="--", linewidth=1, label="latency budget")
    axes.plot(
        evaluated["latency_ms"],
        _percent(evaluated["metric"]),
        "o",
        color="#bbc4cc",
        markersize=4,
        label="evaluated architectures",
    )
    axes.plot(
        [p["latency_ms"] for p in points],
        _percent([p["metric"]["value"] for p in points]),
        "o-",
        color="#4878a8",
        markersize=6,
        linewidth=1.2,
        drawstyle="steps-post",
        label="Pareto front of trained networks",
    )
    if latency["measured"] is not None:
        axes.plot(
            [latency["measured"]],
            _percent([metric["int8_validation"]["value"]]),
            "X",
            color="#c0392b",
            markersize=9,
            label="final model",
        )
    axes.set_xlabel("latency, ms (INT8, batch 1)")
    axes.set_ylabel(f"INT8 {metric['name']}, validation set, %")
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="best", fontsize=9)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    pyplot.close(figure)


def _percent(shares: list[float]) -> list[float]:
    return [100 * share for share in shares]


def main() -> None:
    """Records a run if one is named, plots it, and regenerates the pages."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.make_pictures", description="Plot the documentation's pictures."
    )
    parser.add_argument("run", nargs="?", type=Path, help="folder of a finished run; the recorded one when absent")
    run: Path | None = parser.parse_args().run
    if run is not None:
        record(run)
    result, receipt, evaluated = (example(name) for name in ("result", "receipt", "candidates"))
    if result is None or receipt is None or evaluated is None:
        parser.error("no run is recorded yet; name one")
    front(result, receipt, evaluated, IMAGES / "front.png")
    generate.main()


if __name__ == "__main__":
    main()
