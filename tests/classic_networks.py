"""Classical convolutional classifiers, narrow and for small images, as torch modules with random batch-norm statistics. No tests."""

import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES: Final = 7
SIDE: Final = 32

Exporter = Literal["torchscript", "dynamo"]


def conv(
    inputs: int,
    outputs: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    act: Callable[[], nn.Module] | None = nn.ReLU,
) -> nn.Sequential:
    """A convolution with batch norm and an activation."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([] if act is None else [act()]))


class Residual(nn.Module):
    """What it is given, or a projection of it, plus a branch."""

    def __init__(
        self, branch: nn.Module, project: nn.Module | None = None, act: Callable[[], nn.Module] | None = nn.ReLU
    ) -> None:
        super().__init__()
        self.branch, self.project, self.act = branch, project or nn.Identity(), act() if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Their sum."""
        y: Tensor = self.act(self.project(x) + self.branch(x))
        return y


class Gate(nn.Module):
    """Squeeze-and-excite."""

    def __init__(self, channels: int, inner: int, sigmoid: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, inner, 1), nn.ReLU(), nn.Conv2d(inner, channels, 1), sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """The gated feature map."""
        y: Tensor = x * self.gate(x)
        return y


class Join(nn.Module):
    """Branches side by side; the input itself is one of them if wanted."""

    def __init__(self, *branches: nn.Module, keep: bool = False) -> None:
        super().__init__()
        self.branches, self.keep = nn.ModuleList(branches), keep

    def forward(self, x: Tensor) -> Tensor:
        """Their channels."""
        return torch.cat([*([x] if self.keep else []), *(branch(x) for branch in self.branches)], 1)


def head(channels: int) -> list[nn.Module]:
    """Mean and classifier."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)]


def resnet_18() -> nn.Module:
    """Basic blocks, a strided stem with a pool."""

    def block(inputs: int, outputs: int, stride: int) -> nn.Module:
        branch = nn.Sequential(conv(inputs, outputs, 3, stride), conv(outputs, outputs, 3, act=None))
        return Residual(branch, None if stride == 1 else conv(inputs, outputs, 1, stride, act=None))

    stem = [conv(3, 16, 7, 2), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, block(16, 16, 1), block(16, 16, 1), block(16, 32, 2), block(32, 32, 1), *head(32))


def vgg_11(norm: bool = True) -> nn.Module:
    """Convolutions and pools, and linear layers on the flattened map."""
    layers: list[nn.Module] = []
    inputs = 3
    for outputs in (16, 0, 32, 0, 32, 32, 0):
        if outputs:
            layers += conv(inputs, outputs, 3) if norm else [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
        else:
            layers.append(nn.MaxPool2d(2))
    size = inputs * (SIDE // 8) ** 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(size, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, CLASSES))


def mobilenet_v1() -> nn.Module:
    """Depthwise and pointwise convolutions in turn."""
    layers: list[nn.Module] = [conv(3, 16, 3, 2)]
    for inputs, outputs, stride in ((16, 32, 1), (32, 32, 2), (32, 64, 1)):
        layers += [conv(inputs, inputs, 3, stride, inputs), conv(inputs, outputs)]
    return nn.Sequential(*layers, *head(64))


def inverted(
    inputs: int, outputs: int, inner: int, kernel: int, stride: int, act: Callable[[], nn.Module], gate: bool = False
) -> nn.Module:
    """An inverted residual block."""
    branch = nn.Sequential(
        conv(inputs, inner, act=act),
        conv(inner, inner, kernel, stride, inner, act=act),
        *([Gate(inner, 8, nn.Hardsigmoid)] if gate else []),
        conv(inner, outputs, act=None),
    )
    return Residual(branch, act=None) if stride == 1 and inputs == outputs else branch


def mobilenet_v2() -> nn.Module:
    """Inverted residuals with ReLU6."""
    blocks = [
        inverted(16, 24, 64, 3, 2, nn.ReLU6),
        inverted(24, 24, 96, 3, 1, nn.ReLU6),
        inverted(24, 32, 96, 3, 2, nn.ReLU6),
    ]
    return nn.Sequential(conv(3, 16, 3, act=nn.ReLU6), *blocks, conv(32, 64, act=nn.ReLU6), *head(64))


def mobilenet_v3_small() -> nn.Module:
    """Inverted residuals with hard-swish and gates, and two linear layers at the end."""
    blocks = [
        inverted(16, 16, 32, 3, 2, nn.ReLU, gate=True), inverted(16, 24, 48, 5, 1, nn.Hardswish),
        inverted(24, 24, 64, 5, 1, nn.Hardswish, gate=True),
    ]  # fmt: skip
    end = [
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 96),
        nn.Hardswish(),
        nn.Dropout(),
        nn.Linear(96, CLASSES),
    ]
    return nn.Sequential(conv(3, 16, 3, 2, act=nn.Hardswish), *blocks, conv(24, 64, act=nn.Hardswish), *end)


def mobilenet_v4_small() -> nn.Module:
    """Universal inverted bottlenecks (a depthwise convolution before the expansion, too) and fused ones."""
    fused = nn.Sequential(conv(16, 32, 3, 2), conv(32, 32, act=None))
    universal = nn.Sequential(
        conv(32, 32, 3, 1, 32, act=None), conv(32, 64), conv(64, 64, 5, 1, 64), conv(64, 32, act=None)
    )
    return nn.Sequential(conv(3, 16, 3, 2), fused, Residual(universal, act=None), conv(32, 64), *head(64))


def squeezenet() -> nn.Module:
    """Fire modules, and a convolution as the classifier."""

    def fire(inputs: int, squeeze: int, expand: int) -> list[nn.Module]:
        one, three = nn.Conv2d(squeeze, expand, 1), nn.Conv2d(squeeze, expand, 3, padding=1)
        branches = Join(nn.Sequential(one, nn.ReLU()), nn.Sequential(three, nn.ReLU()))
        return [nn.Conv2d(inputs, squeeze, 1), nn.ReLU(), branches]

    stem = [nn.Conv2d(3, 16, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)]
    end = [nn.Dropout(), nn.Conv2d(64, CLASSES, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*stem, *fire(16, 8, 16), *fire(32, 16, 32), *end)


def densenet() -> nn.Module:
    """Batch norm and ReLU before convolutions, every feature map kept."""

    def grow(inputs: int) -> nn.Module:
        first = [nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, 32, 1, bias=False)]
        second = [nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 8, 3, padding=1, bias=False)]
        return Join(nn.Sequential(*first, *second), keep=True)

    def shrink(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), nn.AvgPool2d(2)]

    end = [nn.BatchNorm2d(32), nn.ReLU(), *head(32)]
    return nn.Sequential(conv(3, 16, 3, 2), grow(16), grow(24), *shrink(32, 16), grow(16), grow(24), *end)


def efficientnet_lite0() -> nn.Module:
    """Inverted residuals of two kernels."""
    blocks = [
        inverted(16, 24, 64, 5, 2, nn.ReLU6),
        inverted(24, 24, 96, 5, 1, nn.ReLU6),
        inverted(24, 40, 96, 3, 2, nn.ReLU6),
    ]
    return nn.Sequential(conv(3, 16, 3, 2, act=nn.ReLU6), *blocks, conv(40, 80, act=nn.ReLU6), *head(80))


def regnet_x() -> nn.Module:
    """Bottlenecks with convolutions in groups."""

    def block(inputs: int, outputs: int, stride: int) -> nn.Module:
        branch = nn.Sequential(
            conv(inputs, outputs), conv(outputs, outputs, 3, stride, outputs // 8), conv(outputs, outputs, act=None)
        )
        return Residual(branch, None if stride == 1 else conv(inputs, outputs, 1, stride, act=None))

    return nn.Sequential(conv(3, 16, 3, 2), block(16, 24, 2), block(24, 24, 1), *head(24))


class Shuffle(nn.Module):
    """A unit of ShuffleNetV2: half of the channels are convolved, then all are shuffled."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(conv(half, half), conv(half, half, 3, 1, half, act=None), conv(half, half))

    def forward(self, x: Tensor) -> Tensor:
        """The shuffled channels."""
        kept, convolved = x.chunk(2, 1)
        x = torch.cat([kept, self.branch(convolved)], 1)
        count, channels, height, width = x.shape
        return x.view(count, 2, channels // 2, height, width).transpose(1, 2).reshape(count, channels, height, width)


def shufflenet_v2() -> nn.Module:
    """Split, convolved, shuffled."""
    return nn.Sequential(conv(3, 16, 3, 2), Shuffle(16), Shuffle(16), *head(16))


class LayerNorm2d(nn.LayerNorm):
    """Of the channels of a feature map."""

    def forward(self, x: Tensor) -> Tensor:
        """The normalised feature map."""
        return F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias).permute(0, 3, 1, 2)


def convnext() -> nn.Module:
    """Large depthwise kernels, layer norm and GELU."""
    branch = nn.Sequential(
        nn.Conv2d(16, 16, 7, padding=3, groups=16),
        LayerNorm2d(16),
        nn.Conv2d(16, 64, 1),
        nn.GELU(),
        nn.Conv2d(64, 16, 1),
    )
    return nn.Sequential(nn.Conv2d(3, 16, 4, 4), Residual(branch, act=None), *head(16))


NETWORKS: Final[dict[str, Callable[[], nn.Module]]] = {
    "resnet_18": resnet_18, "vgg_11": vgg_11, "vgg_11_plain": lambda: vgg_11(norm=False), "mobilenet_v1": mobilenet_v1,
    "mobilenet_v2": mobilenet_v2, "mobilenet_v3_small": mobilenet_v3_small, "mobilenet_v4_small": mobilenet_v4_small,
    "squeezenet": squeezenet, "densenet": densenet, "efficientnet_lite0": efficientnet_lite0, "regnet_x": regnet_x,
    "shufflenet_v2": shufflenet_v2,
}  # fmt: skip
"""Those that a search can start from."""
UNKNOWN: Final[dict[str, Callable[[], nn.Module]]] = {"convnext": convnext}
"""Those with operators that are not trained here."""


def trained(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """A module with random weights, and batch norm whose statistics and scales are not the identity."""
    torch.manual_seed(seed)
    module = make()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 1.5)
            nn.init.uniform_(part.weight, 0.7, 1.3)
            nn.init.normal_(part.bias, 0, 0.2)
    return module.eval()


def exported(module: nn.Module, *, side: int = SIDE, exporter: Exporter = "torchscript", folded: bool = True) -> bytes:
    """As PyTorch exports it.

    Args:
        module: in evaluation mode.
        side: of the input.
        exporter: the older one, or that of `torch.export`.
        folded: whether batch norm is folded; the newer exporter always leaves that to its optimiser.
    """
    images = torch.rand(1, 3, side, side)
    with warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        if exporter == "dynamo":
            torch.onnx.export(module, (images,), path, dynamo=True, external_data=False, verbose=False)
            return path.read_bytes()
        training = torch.onnx.TrainingMode.EVAL if folded else torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(module, (images,), path, dynamo=False, training=training, do_constant_folding=folded)
        return path.read_bytes()
