"""Predictions of a lowered file in ONNX Runtime, which evaluates both candidates and final files."""

import numpy as np
from numpy.typing import NDArray

from hw_targets.stopping import check_cancelled

BATCH = 64
"""Images at a time: larger batches leave a processor's cache and gain nothing."""


def answers(model: bytes, images: NDArray[np.uint8], *, threads: int | None = None) -> NDArray[np.int64]:
    """The most likely class of each image, as ONNX Runtime's processor kernels compute it.

    Args:
        model: an ONNX file with input `image`, uint8 (batch, channels, height, width), and logits (batch, classes).
        images: uint8 (N, channels, height, width).
        threads: of the runtime; all cores when None.

    Returns:
        int64 (N,).
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    found = []
    for start in range(0, len(images), BATCH):
        check_cancelled()
        found.append(session.run(None, {"image": images[start : start + BATCH]})[0].argmax(1))
    return np.concatenate(found).astype(np.int64)
