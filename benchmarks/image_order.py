"""Whole searches on folders of images sorted by class, against the same images as a shuffled archive.

Both have the same pixels and the same split into training, validation and test images; only their order and their form differ. The
accuracies must agree within the spread of the seeds.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final, get_args

import numpy as np
from PIL import Image

from benchmarks import common
from benchmarks.photo_sets import as_folder
from benchmarks.source_rows import searched
from nas.data.splits import SplitName
from nas.prepare_job import resolve_spec
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.store import Store

NAME: Final = "image_order"
FORMS: Final = ("folder", "archive")


def measure(options: argparse.Namespace) -> common.Outcome:
    """Both forms with every seed, in turn."""
    spec = SearchSpec(
        data=as_folder(Path(options.data), options.kept, images=options.images), resolution=options.resolution,
        targets=({"target": options.target, "latency_ms": options.latency_ms},), minutes=options.minutes,
        metric=options.metric, start_from=options.start,
    )  # fmt: skip
    paths = written(spec, options.kept / "forms" / Path(options.data).name)
    rows: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        for form in FORMS:
            out = options.kept / "runs" / f"{form}-{seed}"
            shutil.rmtree(out, ignore_errors=True)
            one = spec.model_copy(update={"data": str(paths[form]), "seed": seed})
            rows.append({"form": form, "seed": seed, **searched(one, out, form, str(options.latency_ms))})
    summary: dict[str, float | int | None] = {"seeds": options.seeds}
    for form in FORMS:
        found = [float(row["accuracy"]) for row in rows if row["form"] == form]
        summary[f"{form}_accuracy"] = mean(found)
        summary[f"{form}_spread"] = stdev(found) if len(found) > 1 else None
    folder, archive = summary["folder_accuracy"], summary["archive_accuracy"]
    assert folder is not None and archive is not None
    summary["difference_points"] = 100 * (folder - archive)
    return common.Outcome(summary, rows)


def written(spec: SearchSpec, kept: Path) -> dict[str, Path]:
    """The images of a spec, each split by itself: as PNG files in class folders, and shuffled as an archive."""
    context = Context(Store(kept / "read"))
    job = resolve_spec(context, spec)
    arrays = context.arrays(job.data)
    folder, archive = kept / "sorted", kept / "shuffled.npz"
    shutil.rmtree(folder, ignore_errors=True)
    columns: dict[str, Any] = {"class_names": np.array(job.data.classes)}
    rng = np.random.default_rng(0)
    for part in get_args(SplitName):
        split = arrays.split(part, job.data.resolution)
        images = np.moveaxis(np.asarray(split.images), 1, -1)
        for number, (image, label) in enumerate(zip(images, split.labels.tolist(), strict=True)):
            target = folder / part / job.data.classes[label]
            target.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(target / f"{number:06d}.png")
        order = rng.permutation(len(images))
        columns[f"{part}_x"], columns[f"{part}_y"] = images[order], np.asarray(split.labels)[order]
    np.savez(archive, **columns)
    return {"folder": folder, "archive": archive}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = common.parser(
        NAME, "Searches on sorted folders against searches on a shuffled archive of the same images."
    )
    parser.add_argument("--data", required=True, help="a set of images, see benchmarks/photo_sets.py")
    parser.add_argument("--images", type=int, help="training images that are taken of an archive")
    parser.add_argument("--resolution", type=int, default=64, help="image size in pixels")
    parser.add_argument("--minutes", type=float, default=5.0, help="of each search")
    parser.add_argument("--latency-ms", default="40%")
    parser.add_argument("--from", dest="start", default="auto")
    parser.add_argument("--metric", default="accuracy", choices=["accuracy", "balanced_accuracy", "macro_f1"])
    parser.add_argument("--target", default="cpu")
    parser.add_argument(
        "--kept", type=Path, default=Path("build/image_order"), help="where images and runs are written"
    )
    return common.run(NAME, parser.parse_args(arguments), measure)


if __name__ == "__main__":
    raise SystemExit(main())
