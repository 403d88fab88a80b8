"""Draws the pictures of the documentation from a real run: `python -m docs.make_pictures runs/NAME`.

It copies the run's `result.json` and `receipt.json` to `docs/example/` (without the folder's place on this machine), draws
`docs/images/front.png` from them, and renews the tables that show them. Without a run it draws what is recorded already.
"""

import argparse
import json
from pathlib import Path
from typing import Any, Final

from docs import generate
from docs.recorded import EXAMPLE, example

IMAGES: Final = Path(__file__).parent / "images"


def record(run: Path) -> None:
    """Keeps a run's result and the first target's receipt as the documentation's example."""
    result = json.loads((run / "result.json").read_text())
    receipt: dict[str, Any] = {}
    for model in reversed(list(result["models"].values())):
        folder = Path(model["bundle"])
        receipt = json.loads((run / folder.name / "receipt.json").read_text())
        model["bundle"] = f"runs/{result['run']}/{folder.name}"
    EXAMPLE.mkdir(exist_ok=True)
    for name, document in (("result", result), ("receipt", receipt)):
        (EXAMPLE / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


def front(result: dict[str, Any], target: str, path: Path) -> None:
    """The Pareto front of a target with predicted latencies, the budget, and the delivered model as measured."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    model = result["models"][target]
    latency = model["latency_ms"]
    points = result["fronts"][target]
    figure, axes = pyplot.subplots(figsize=(7, 4), dpi=150, layout="constrained")
    axes.plot(
        [p["latency_ms"] for p in points],
        [100 * p["accuracy"] for p in points],
        "o-",
        color="#4878a8",
        markersize=5,
        linewidth=1,
        drawstyle="steps-post",
        label="front: subnets, predicted latency, validation part",
    )
    if latency["measured"] is not None:
        axes.plot(
            [latency["measured"]],
            [100 * model["accuracy"]["int8"]],
            "X",
            color="#c0392b",
            markersize=10,
            label="delivered model, measured latency, test part",
        )
    axes.axvline(latency["budget"], color="#666666", linestyle="--", linewidth=1, label="latency budget")
    axes.set_xlabel("latency, ms (INT8, batch 1)")
    axes.set_ylabel("INT8 accuracy, %")
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right", fontsize=9)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Software": None})
    pyplot.close(figure)


def main() -> None:
    """Records a run if one is named, draws, and renews the pages."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.make_pictures", description="Draw the documentation's pictures."
    )
    parser.add_argument("run", nargs="?", type=Path, help="folder of a finished run; the recorded one when absent")
    run: Path | None = parser.parse_args().run
    if run is not None:
        record(run)
    result = example("result")
    if result is None:
        parser.error("no run is recorded yet; name one")
    front(result, next(iter(result["models"])), IMAGES / "front.png")
    generate.main()


if __name__ == "__main__":
    main()
