"""Plots the pictures of the overlay page: `python -m docs.make_overlay_pictures`. Everything is simulated, which takes seconds.

Operations against cycles for MobileNets of several widths and ResNet-50, with and without a depthwise engine; and one
network's roofline and timeline.
"""

from pathlib import Path
from typing import Final

from benchmarks.baselines import mobilenet_v2
from hw_targets.overlay.estimate import estimate as simulate
from hw_targets.overlay.registry import machine
from hw_targets.registry import target
from nas.cli.simulation_picture import draw
from nas.estimate import estimate
from search_spaces.blocks import round_channels
from search_spaces.builder import Graph
from search_spaces.cost import macs
from search_spaces.network import Network

IMAGES: Final = Path(__file__).parent / "images"
WIDTHS: Final = (0.25, 0.5, 0.75, 1.0)
BUILDS: Final = {"alveo-u50lv:dwc": "with a depthwise engine", "alveo-u50lv:isa2": "without (unvalidated)"}


def mobilenet_v1(width: float) -> Network:
    """Howard et al. 2017, table 1, for 224 x 224 photographs."""
    g = Graph((3, 224, 224))
    x = g.conv("stem", g.input, round_channels(32 * width), kernel=3, stride=2, activation="relu")
    strides = {1: 2, 3: 2, 5: 2, 11: 2}
    for index, channels in enumerate((64, 128, 128, 256, 256, *[512] * 6, 1024, 1024)):
        x = g.conv(
            f"dw{index}", x, x.shape[0], kernel=3, stride=strides.get(index, 1), groups=x.shape[0], activation="relu"
        )
        x = g.conv(f"pw{index}", x, round_channels(channels * width), activation="relu")
    g.linear("classifier", g.global_avg_pool("pool", x), 1000)
    return g.network(f"mobilenetv1-{width:g}")


def resnet_50() -> Network:
    """He et al. 2016, table 1, for 224 x 224 photographs."""
    g = Graph((3, 224, 224))
    x = g.max_pool("pool1", g.conv("stem", g.input, 64, kernel=7, stride=2, activation="relu"), kernel=3, stride=2)
    for stage, (width, depth) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(depth):
            name, stride = f"s{stage}.b{block}", 2 if stage and not block else 1
            y = g.conv(f"{name}.a", x, width, stride=stride, activation="relu")
            y = g.conv(f"{name}.b", y, width, kernel=3, activation="relu")
            y = g.conv(f"{name}.c", y, 4 * width)
            shortcut = x if block else g.conv(f"{name}.shortcut", x, 4 * width, stride=stride)
            x = g.add(f"{name}.add", y, shortcut, activation="relu")
    g.linear("classifier", g.global_avg_pool("pool", x), 1000)
    return g.network("resnet-50")


def depthwise(path: Path) -> None:
    """Plots operations against cycles."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    families = {
        "MobileNet-v1": [mobilenet_v1(width) for width in WIDTHS],
        "MobileNet-v2": [mobilenet_v2(width, resolution=224, channels=3, classes=1000) for width in WIDTHS],
        "ResNet-50": [resnet_50()],
    }
    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    colours = dict(zip(families, ("#1f5fa8", "#b5651d", "#2b8a6b"), strict=True))
    for build, what in BUILDS.items():
        for family, networks in families.items():
            x = [2e-9 * macs(network) for network in networks]
            y = [simulate(network, machine(build)).cycles / 1e6 for network in networks]
            axes.plot(x, y, marker="o" if "dwc" in build else "x", linestyle="-" if "dwc" in build else "--",
                      color=colours[family], label=f"{family}, {what}")  # fmt: skip
    at = 2e-9 * macs(families["ResNet-50"][0])
    cost = simulate(families["ResNet-50"][0], machine("alveo-u50lv:dwc")).cycles / 1e6
    axes.plot(
        [0.05, at], [0.05 * cost / at, cost], color="grey", linewidth=0.8, label="ResNet-50's cycles per operation"
    )
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="giga-operations (two a multiply-accumulate)",
        ylabel="million cycles an image",
    )
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Plots both pictures."""
    depthwise(IMAGES / "overlay_depthwise.png")
    network = mobilenet_v2(1.0, resolution=224, channels=3, classes=1000)
    draw(estimate(network, target("alveo-u50lv:dwc"), trace=True), IMAGES / "overlay_estimate.png")


if __name__ == "__main__":
    main()
