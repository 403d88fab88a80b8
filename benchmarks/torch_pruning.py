"""Torch-Pruning (Fang et al. 2023) as a reference: a network pruned by it to a measured latency. Not a benchmark; the package is optional.

It has no budget of latency, so that its ratio is bisected until the pruned network meets one.
"""

import copy
import importlib.util
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hw_targets.torch_operators import WEIGHTLESS
from search_spaces.network import INPUT, Layer, Network
from search_spaces.onnx_weights import TrainedNetwork, read_trained

BISECTIONS: Final = 7
MULTIPLE: Final = 8
"""Of the channels that are left, as targets like."""


def installed() -> bool:
    """Whether the package is there."""
    return importlib.util.find_spec("torch_pruning") is not None


class Plain(nn.Module):
    """A network as a module of torch's own layers, batch norm folded."""

    def __init__(self, trained: TrainedNetwork) -> None:
        super().__init__()
        self.network = trained.network
        self.layers = nn.ModuleDict()
        for number, layer in enumerate(trained.network.layers):
            if layer.has_weights:
                self.layers[str(number)] = _module(layer, trained)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes)."""
        values = {INPUT: images}
        for number, layer in enumerate(self.network.layers):
            inputs = [values[source] for source in layer.inputs]
            y = self.layers[str(number)](inputs[0]) if layer.has_weights else WEIGHTLESS[layer.op](layer, inputs)
            values[layer.name] = F.relu(y) if layer.activation == "relu" else y
        return values[self.network.outputs[0]].flatten(1)


def _module(layer: Layer, trained: TrainedNetwork) -> nn.Module:
    weight, bias = (torch.from_numpy(trained.weights[f"{layer.name}.{role}"]) for role in ("weight", "bias"))
    module: nn.Module
    if layer.op == "linear":
        linear = nn.Linear(weight[0].numel(), len(weight))
        linear.weight.data, linear.bias.data = weight.flatten(1).clone(), bias.clone()
        module = nn.Sequential(nn.Flatten(), linear)
    else:
        conv = nn.Conv2d(
            layer.in_shapes[0][0],
            len(weight),
            layer.kernel,
            layer.stride,
            layer.padding[:2],
            layer.dilation,
            layer.groups,
        )
        conv.weight.data, conv.bias = weight.clone(), nn.Parameter(bias.clone())
        module = conv
    return module


def pruned(trained: TrainedNetwork, limit_ms: float, latency_ms: Callable[[Network], float]) -> TrainedNetwork | None:
    """The largest network that global pruning by group norms leaves within a latency; none where it leaves none.

    Args:
        trained: with ReLU, additions and pools only.
        limit_ms: the latency to meet.
        latency_ms: measures a network.
    """
    whole = Plain(trained).eval()
    least, most, best = 0.0, 1.0, None
    for _ in range(BISECTIONS):
        ratio = (least + most) / 2
        found = _exported(_pruned(whole, trained.network, ratio), trained.network)
        if latency_ms(found.network) <= limit_ms:
            most, best = ratio, found
        else:
            least = ratio
    return best


def _pruned(whole: Plain, network: Network, ratio: float) -> nn.Module:
    tp: Any = importlib.import_module("torch_pruning")
    module = copy.deepcopy(whole)
    head = max(map(int, module.layers))
    pruner = tp.pruner.BasePruner(
        module, torch.zeros(1, *network.input_shape), importance=tp.importance.GroupMagnitudeImportance(p=2),
        global_pruning=True, pruning_ratio=ratio, max_pruning_ratio=0.9, round_to=MULTIPLE,
        ignored_layers=[part for part in module.layers[str(head)].modules() if isinstance(part, nn.Linear)],
    )  # fmt: skip
    pruner.step()
    return module


def _exported(module: nn.Module, network: Network) -> TrainedNetwork:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        path = Path(folder) / "pruned.onnx"
        torch.onnx.export(module, (torch.zeros(1, *network.input_shape),), path, dynamo=False)
        return read_trained(path)
