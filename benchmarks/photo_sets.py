"""Sets of photographs as folders of class folders, from the formats of public data sets. Not a benchmark.

Three formats are known: a folder with `train/coco.json` (boxes; each becomes a crop), a folder with an archive of JPEG bytes
(`train_jpeg`, `train_offsets`, `train_y` and the same of `test`), and what hwnas reads itself; an archive of arrays with fewer images
is another archive.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from nas.data.subset import stratified_order

MOST_PER_CLASS: Final = 400
"""Most crops of a class in a split: some classes of boxes are ten times as frequent as others."""
LEAST_BOX: Final = 8
"""Boxes with a shorter side, in pixels, are left out."""


def as_folder(path: Path, kept: Path, *, images: int | None = None) -> str:
    """The path of a set that hwnas reads; written below `kept` where the set has another format.

    Args:
        path: of the set.
        kept: folder of written sets, reused by a second run.
        images: how many training images of an archive are taken, every class in its share; all when None.
    """
    folder = kept / f"{path.resolve().name}-{images or 'all'}"
    archives = sorted(path.glob("*_jpeg.npz"))
    if (path / "train" / "coco.json").is_file():
        written = _crops(path)
    elif archives:
        written = _encoded(archives[0], images)
    else:
        return str(path) if images is None else _fewer(path, kept, images)
    if not (folder / ".done").exists():
        for part, name, number, picture in written:
            target = folder / part / name / f"{number:05d}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            picture.save(target)
        (folder / ".done").touch()
    return str(folder)


def _fewer(path: Path, kept: Path, images: int) -> str:
    """The archive of arrays at a path, or in the folder there, with so many of its training images; what is no such archive as it is."""
    archives = [path] if path.is_file() else sorted(path.glob("*.npz"))
    written = kept / f"{path.resolve().stem}-{images}.npz"
    if len(archives) != 1 or archives[0].suffix != ".npz":
        return str(path)
    if not written.exists():
        with np.load(archives[0], allow_pickle=False) as arrays:
            columns = {name: arrays[name] for name in arrays.files}
        selected = stratified_order(columns["train_y"].astype(np.int64), 0)[:images]
        fewer = {name: columns[name][selected] for name in ("train_x", "train_y")}
        written.parent.mkdir(parents=True, exist_ok=True)
        np.savez(written, **{**columns, **fewer})
    return str(written)


def _crops(path: Path) -> Iterator[tuple[str, str, int, Image.Image]]:
    """Each box of a detection set as a picture of its class; the source's validation set is the test set."""
    for part, source in (("train", "train"), ("test", "val")):
        document: dict[str, Any] = json.loads((path / source / "coco.json").read_text())
        names = {category["id"]: category["name"] for category in document["categories"]}
        files = {image["id"]: image["file_name"] for image in document["images"]}
        boxes = document["annotations"]
        taken: Counter[str] = Counter()
        for index in np.random.default_rng(0).permutation(len(boxes)).tolist():
            name, (left, top, width, height) = names[boxes[index]["category_id"]], boxes[index]["bbox"]
            if taken[name] < MOST_PER_CLASS and min(width, height) >= LEAST_BOX:
                taken[name] += 1
                with Image.open(path / source / files[boxes[index]["image_id"]]) as image:
                    box = (round(left), round(top), round(left + width), round(top + height))
                    yield part, name, taken[name], image.convert("RGB").crop(box)


def _encoded(archive: Path, images: int | None) -> Iterator[tuple[str, str, int, Image.Image]]:
    """The pictures of an archive of JPEG bytes."""
    import io

    with np.load(archive, allow_pickle=False) as arrays:
        names = [str(name) for name in arrays["class_names"]]
        for part in ("train", "test"):
            data, offsets, labels = (arrays[f"{part}_{what}"] for what in ("jpeg", "offsets", "y"))
            selected = stratified_order(labels.astype(np.int64), 0)[: images if part == "train" else None]
            for number, index in enumerate(selected.tolist()):
                with Image.open(io.BytesIO(data[offsets[index] : offsets[index + 1]].tobytes())) as image:
                    yield part, names[int(labels[index])], number, image.convert("RGB")
