"""Small networks of the three kinds that matter: inverted residuals, residual blocks, and gates with hard-swish. No tests."""

from search_spaces.builder import Graph, Tensor
from search_spaces.network import Network


def inverted(
    width: int = 8, kernel: int = 3, image_size: int = 12, activation: str = "relu6", classes: int = 10
) -> Network:
    """Two inverted residuals with ReLU6."""
    return _mobile("inverted", width, kernel, image_size, activation, classes, gate=False)


def gated(width: int = 8, kernel: int = 3, image_size: int = 12, classes: int = 10) -> Network:
    """Two inverted residuals with hard-swish and squeeze-and-excite."""
    return _mobile("gated", width, kernel, image_size, "hard_swish", classes, gate=True)


def residual(width: int = 8, kernel: int = 3, image_size: int = 12, classes: int = 10) -> Network:
    """Two residual blocks with ReLU."""
    g = Graph((1, image_size, image_size))
    x = g.conv("stem", g.input, width, kernel=3, activation="relu")
    x = g.max_pool("pool", x, kernel=3, stride=2)
    for index, (channels, stride) in enumerate([(width, 1), (2 * width, 2)]):
        y = g.conv(f"{index}.a", x, channels, kernel=kernel, stride=stride, activation="relu")
        y = g.conv(f"{index}.b", y, channels, kernel=3)
        short = x if stride == 1 else g.conv(f"{index}.short", x, channels, stride=stride)
        x = g.add(f"{index}.add", y, short, activation="relu")
    g.linear("classifier", g.global_avg_pool("mean", x), classes)
    return g.network("residual")


def _mobile(
    name: str, width: int, kernel: int, image_size: int, activation: str, classes: int, *, gate: bool
) -> Network:
    g = Graph((1, image_size, image_size))
    x = g.conv("stem", g.input, width, kernel=3, stride=2, activation=activation)
    for index, (channels, stride) in enumerate([(width, 1), (2 * width, 2)]):
        y = g.conv(f"{index}.expand", x, 3 * x.shape[0], activation=activation)
        y = g.conv(
            f"{index}.depth", y, y.shape[0], kernel=kernel, stride=stride, groups=y.shape[0], activation=activation
        )
        if gate:
            y = g.mul(f"{index}.gate", y, _excite(g, str(index), y))
        y = g.conv(f"{index}.project", y, channels)
        x = g.add(f"{index}.add", x, y) if stride == 1 else y
    x = g.conv("head", x, 4 * width, activation=activation)
    g.linear("classifier", g.global_avg_pool("mean", x), classes)
    return g.network(name)


def _excite(g: Graph, prefix: str, x: Tensor) -> Tensor:
    squeezed = g.global_avg_pool(f"{prefix}.squeeze", x)
    reduced = g.conv(f"{prefix}.reduce", squeezed, 8, activation="relu", norm=False)
    return g.conv(f"{prefix}.excite", reduced, x.shape[0], activation="hard_sigmoid", norm=False)
