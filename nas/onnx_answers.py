"""Predictions of a lowered file in ONNX Runtime, which evaluates both candidates and final files."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hw_targets.stopping import check_cancelled

BATCH = 64
"""Images at a time: larger batches leave a processor's cache and gain nothing."""


def predictor(model: bytes, *, threads: int | None = None) -> Callable[[NDArray[np.uint8]], NDArray[np.int64]]:
    """A loaded file: uint8 images (N, channels, height, width) to the most likely class of each, int64 (N,).

    Args:
        model: an ONNX file with input `image`, uint8 (batch, channels, height, width), and logits (batch, classes).
        threads: of the runtime; all cores when None.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def predict(images: NDArray[np.uint8]) -> NDArray[np.int64]:
        found = []
        for start in range(0, len(images), BATCH):
            check_cancelled()
            found.append(session.run(None, {"image": images[start : start + BATCH]})[0].argmax(1))
        return np.concatenate(found).astype(np.int64)

    return predict


def answers(model: bytes, images: NDArray[np.uint8], *, threads: int | None = None) -> NDArray[np.int64]:
    """The most likely class of each image, as ONNX Runtime's processor kernels compute it; see `predictor`."""
    return predictor(model, threads=threads)(images)
