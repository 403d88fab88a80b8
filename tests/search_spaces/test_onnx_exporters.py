"""Files that other tools write, read as networks: PyTorch's exporter, and ONNX Runtime's quantiser on its files."""

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search_spaces.onnx_reader import read_onnx

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning", "ignore:Constant folding:UserWarning"
)

KEYS = [
    "conv 3x32x32>8x16x16 k3 s2 p1,1,1,1 hard_swish",
    "global_avg_pool 8x16x16>8x1x1",
    "conv 8x1x1>4x1x1 k1 s1 p0,0,0,0 relu",
    "conv 4x1x1>8x1x1 k1 s1 p0,0,0,0 sigmoid",
    "mul 8x16x16+8x1x1>8x16x16",
    "conv 8x16x16>8x16x16 k5 s1 p2,2,2,2 g8 silu",
    "add 8x16x16+8x16x16>8x16x16 relu6",
    "conv 8x16x16>8x8x8 k3 s2 p0,0,1,1",
    "resize 8x8x8>8x16x16",
    "max_pool 8x16x16>8x8x8 k3 s2 p1,1,1,1",
    "linear 8x8x8>10x1x1",
]


class Photographs(nn.Module):
    """A little of everything that mobile networks do, as people write it."""

    def __init__(self, *, gate: type[nn.Module]) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8)
        self.linear = gate is nn.Linear
        shape = () if self.linear else (1,)
        self.reduce, self.expand = gate(8, 4, *shape), gate(4, 8, *shape)
        self.depthwise = nn.Conv2d(8, 8, 5, padding=2, groups=8)
        self.pad, self.down = nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(8, 8, 3, 2)
        self.pool, self.drop, self.classifier = nn.MaxPool2d(3, 2, 1), nn.Dropout(), nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits' softmax, (N, 10), of images (N, 3, 32, 32)."""
        x = F.hardswish(self.norm(self.stem(x)))
        gate = x.mean((2, 3)) if self.linear else F.adaptive_avg_pool2d(x, 1)
        gate = torch.sigmoid(self.expand(F.relu(self.reduce(gate))))
        x = x * (gate.view(x.size(0), -1, 1, 1) if self.linear else gate)
        x = F.relu6(x + F.silu(self.depthwise(x)))
        x = F.interpolate(self.down(self.pad(x)), scale_factor=2, mode="bilinear")
        x = self.pool(x)
        return F.softmax(self.classifier(self.drop(x.view(x.size(0), -1))), -1)


def export(gate: type[nn.Module] = nn.Conv2d, **options: Any) -> bytes:
    """The network as PyTorch exports it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        model, image = Photographs(gate=gate).eval(), torch.zeros(1, 3, 32, 32)
        torch.onnx.export(model, (image,), path, dynamo=False, input_names=["image"], **options)
        return path.read_bytes()


def keys(model: bytes | Path, **options: Any) -> list[str]:
    return [layer.key for layer in read_onnx(model, **options).layers]


@pytest.mark.parametrize("opset", [11, 13, 17])
def test_every_opset_reads_alike(opset: int) -> None:
    assert keys(export(opset_version=opset)) == KEYS


def test_open_sizes_are_worked_out_from_the_input_size() -> None:
    data = export(nn.Linear, dynamic_axes={"image": {0: "batch", 2: "height", 3: "width"}})
    expected = list(KEYS)
    expected[2:4] = ["linear 8x1x1>4x1x1 relu", "linear 4x1x1>8x1x1 sigmoid"]
    assert keys(data, input_size=32) == expected


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_what_onnx_runtime_quantised_has_the_same_layers(form: str, tmp_path: Path) -> None:
    """The quantiser removes ReLUs that the range's saturation computes anyway; all else stays."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Images(CalibrationDataReader):  # type: ignore[misc]
        """Two images of noise."""

        left = 2

        def get_next(self) -> dict[str, Any] | None:
            self.left -= 1
            return (
                {"image": np.random.default_rng(self.left).random((1, 3, 32, 32), np.float32)}
                if self.left >= 0
                else None
            )

    (tmp_path / "float.onnx").write_bytes(export())
    logging.disable(logging.WARNING)
    try:
        quantize_static(
            tmp_path / "float.onnx", tmp_path / "int8.onnx", Images(), quant_format=QuantFormat[form], per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        )  # fmt: skip
    finally:
        logging.disable(logging.NOTSET)
    plain = [key.removesuffix(" relu").removesuffix(" relu6") for key in KEYS]
    assert [key.removesuffix(" relu").removesuffix(" relu6") for key in keys(tmp_path / "int8.onnx")] == plain
