"""How many candidates a minute are evaluated: the lowered file in ONNX Runtime against the interpreter, on the same subnets.

Both evaluate untrained subnets of one space on the same images; the cost of a candidate does not depend on its weights.
`interpreter_` is batch norm on 1,024 training images, ranges on them, and INT8 simulated in PyTorch on 2,000: the earlier way.
"""

import argparse
import random
import time
from statistics import mean
from typing import Any, Final

import numpy as np
import torch

from benchmarks import common
from hw_targets.lowering import lower_int8
from nas.data.batches import as_input
from nas.data.dataset import load
from nas.data.resize import at_resolution
from nas.data.splits import Split
from nas.data.subset import stratified_order
from nas.evaluate import Evaluator, mode_answers
from nas.onnx_answers import answers
from nas.quantise import quantise
from nas.supernet_weights import SupernetWeights
from nas.work import CALIBRATION, VALIDATION
from search_spaces.lattice import Lattice
from search_spaces.network import Network
from search_spaces.registry import space as find_space

NAME: Final = "evaluation"
BEFORE_CALIBRATION: Final = 1024


def measure(options: argparse.Namespace) -> common.Outcome:
    """Both ways, alternating network by network."""
    torch.set_num_threads(options.threads)
    data = load(options.data, resolution=options.resolution)
    space = find_space(options.space, resolution=options.resolution, channels=data.channels, classes=len(data.classes))
    weights = SupernetWeights.of(Lattice.of(space).layers(), 0)
    evaluated_on = _some(data.train, options.images, seed=1)
    rng = random.Random(0)
    rows = []
    for number in range(options.networks):
        network = space.network(space.sample(rng))
        rows.append(_row(options, number, network, weights, data.train, evaluated_on, len(data.classes)))
        common.progress(
            f"{number + 1} of {options.networks}: {rows[-1]['seconds']:.2f} s, {rows[-1]['interpreter_seconds']:.2f} s"
        )
    now, before = (60 / mean(float(row[name]) for row in rows) for name in ("seconds", "interpreter_seconds"))
    summary = {
        "candidates_per_minute": now,
        "interpreter_candidates_per_minute": before,
        "speedup": now / before,
        "agreement": mean(float(row["agreement"]) for row in rows),
        "networks": options.networks,
        "images": min(len(evaluated_on), VALIDATION),
        "interpreter_images": len(evaluated_on),
        "resolution": options.resolution,
    }
    return common.Outcome(summary, rows)


def _some(split: Split, count: int, seed: int) -> Split:
    """This many images of a split, some more than once where it has fewer."""
    order = stratified_order(split.labels, seed)
    return split.take(np.resize(order, count))


def _row(
    options: argparse.Namespace,
    number: int,
    network: Network,
    weights: SupernetWeights,
    train: Split,
    evaluated_on: Split,
    classes: int,
) -> dict[str, Any]:
    image_size = network.input_shape[1]
    resized = at_resolution(evaluated_on, image_size)

    def evaluator(calibration: int) -> Evaluator:
        images = as_input(torch.from_numpy(at_resolution(_some(train, calibration, seed=0), image_size).images))
        split = resized.take(np.arange(min(options.images, VALIDATION)))
        return Evaluator(weights, lambda _: images, lambda _: split, "accuracy", classes, options.threads)

    now, before = evaluator(CALIBRATION), evaluator(BEFORE_CALIBRATION)
    started = time.perf_counter()
    now(network)  # on as many as in a search
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    quantised, floats = before.modes(network)
    simulated = mode_answers(network, quantised, resized.images)
    interpreter_seconds = time.perf_counter() - started
    file = lower_int8(network, quantise(network, floats.parameters, quantised.ranges))
    agreement = float((answers(file, resized.images, threads=options.threads) == simulated).mean())
    return {
        "network": network.id,
        "number": number,
        "side": image_size,
        "seconds": seconds,
        "interpreter_seconds": interpreter_seconds,
        "agreement": agreement,
    }


def main() -> int:
    """The command."""
    parser = common.parser(NAME, "Candidates evaluated a minute: ONNX Runtime against the interpreter.")
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--data", default="digits", help="digits, a folder of class folders, or an .npz file")
    parser.add_argument("--space", default="mobilenet")
    parser.add_argument("--networks", type=int, default=12)
    parser.add_argument(
        "--images",
        type=int,
        default=2000,
        help="that the interpreter evaluates on; a search uses fewer",
    )
    parser.add_argument("--threads", type=int, default=2)
    return common.run(NAME, parser.parse_args(), measure)


if __name__ == "__main__":
    raise SystemExit(main())
