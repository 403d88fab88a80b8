"""Runs ONNX files and reads what the runtime made of them, for tests."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from search_spaces.network import Network


def session(model: bytes, *, optimise: bool = True, optimised: Path | None = None) -> onnxruntime.InferenceSession:
    """A session on one thread; the graph it runs is written to `optimised`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if optimised is not None:
        options.optimized_model_filepath = str(optimised)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(model: bytes, images: NDArray[np.uint8], *, optimise: bool = True) -> list[NDArray[np.float32]]:
    """All outputs."""
    results: Any = session(model, optimise=optimise).run(None, {"image": images})
    return [np.asarray(r) for r in results]


def kernels(model: bytes, folder: Path) -> Counter[str]:
    """How many kernels of each type the runtime runs."""
    path = folder / "optimised.onnx"
    session(model, optimised=path)
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def images(network: Network, count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Random pixels, smooth enough that networks distinguish them."""
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 256, (count, network.input_shape[0], 1, 1))
    noise = rng.integers(-60, 61, (count, *network.input_shape))
    pixels: NDArray[np.uint8] = np.clip(level + noise, 0, 255).astype(np.uint8)
    return pixels
