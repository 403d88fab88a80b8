"""A loaded data set as one blob, for a store, and as a summary for users. Not here: where blobs are kept."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.data.dataset import DataSet
from nas.data.splits import SPLITS, Split
from nas.errors import StoreCorrupt


def summary(data: DataSet) -> dict[str, Any]:
    """The facts of a data set without its pixels, as JSON values."""
    return {
        "name": data.name,
        "classes": list(data.classes),
        "resolution": data.resolution,
        "channels": data.channels,
        "images": {name: len(split) for name, split in _splits(data).items()},
        "per_class": {name: list(map(int, split.counts(len(data.classes)))) for name, split in _splits(data).items()},
        "skipped": list(data.skipped),
        "warnings": list(data.warnings),
        "content_hash": data.content_hash,
        "fit": data.fit,
        "pixel_range": data.pixel_range if data.pixel_range is None else list(data.pixel_range),
    }


def pack(data: DataSet) -> bytes:
    """A data set as one blob (safetensors): equal bytes for equal data sets."""
    from safetensors.numpy import save

    tensors: dict[str, NDArray[Any]] = {"about": np.frombuffer(json.dumps(summary(data)).encode(), np.uint8)}
    for name, split in _splits(data).items():
        tensors[f"{name}_images"] = np.ascontiguousarray(split.images)
        tensors[f"{name}_labels"] = np.ascontiguousarray(split.labels)
    return save(tensors)


def unpack(blob: bytes) -> DataSet:
    """The inverse of `pack`.

    Raises:
        StoreCorrupt: it is no such blob.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = {name: np.require(array, requirements="W") for name, array in load(blob).items()}
        about = json.loads(tensors["about"].tobytes())
        train, val, test = (Split(tensors[f"{name}_images"], tensors[f"{name}_labels"]) for name in SPLITS)
        classes, skipped, warnings = (tuple(about[key]) for key in ("classes", "skipped", "warnings"))
        span = about["pixel_range"]
        return DataSet(
            about["name"],
            classes,
            train,
            val,
            test,
            skipped,
            warnings,
            about["content_hash"],
            about["fit"],
            span if span is None else (span[0], span[1]),
        )
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise StoreCorrupt(
            "A prepared data set cannot be read.", fix="Delete the store's blob; it is computed again."
        ) from error


def _splits(data: DataSet) -> dict[str, Split]:
    return {"train": data.train, "val": data.val, "test": data.test}
