"""Small networks that hold every operator and activation, to test targets with."""

from search_spaces.builder import Graph, Tensor
from search_spaces.network import Layer, Network


def inverted_residuals(activation: str, *, attention: bool = False, side: int = 16, channels: int = 3) -> Network:
    """A stem, three inverted residuals (one strided, one with an add), a head."""
    g = Graph((channels, side, side))
    x = g.conv("stem", g.input, 16, kernel=3, stride=2, activation=activation)
    for number, (out, stride) in enumerate([(16, 1), (24, 2), (24, 1)]):
        name = f"block{number}"
        h = g.conv(f"{name}.expand", x, x.shape[0] * 3, activation=activation)
        h = g.conv(
            f"{name}.depthwise", h, h.shape[0], kernel=3, stride=stride, groups=h.shape[0], activation=activation
        )
        if attention:
            h = _attention(g, name, h)
        y = g.conv(f"{name}.project", h, out)
        x = g.add(f"{name}.add", x, y) if x.shape == y.shape else y
    x = g.conv("head", x, 64, activation=activation)
    g.linear("classifier", g.global_avg_pool("pool", x), 10)
    return g.network(f"inverted-residuals-{activation}")


def _attention(g: Graph, name: str, x: Tensor) -> Tensor:
    s = g.global_avg_pool(f"{name}.se.pool", x)
    s = g.conv(f"{name}.se.reduce", s, 8, activation="relu", norm=False)
    s = g.conv(f"{name}.se.gate", s, x.shape[0], activation="hard_sigmoid", norm=False)
    return g.mul(f"{name}.se.mul", x, s)


def residual(side: int = 16) -> Network:
    """A stem and two basic blocks, the second strided with a projected shortcut."""
    g = Graph((1, side, side))
    x = g.conv("stem", g.input, 16, kernel=3, activation="relu")
    for number, (out, stride) in enumerate([(16, 1), (32, 2)]):
        h = g.conv(f"block{number}.a", x, out, kernel=3, stride=stride, activation="relu")
        h = g.conv(f"block{number}.b", h, out, kernel=3)
        short = x if x.shape == h.shape else g.conv(f"block{number}.shortcut", x, out, stride=stride)
        x = g.add(f"block{number}.add", h, short, activation="relu")
    g.linear("classifier", g.global_avg_pool("pool", x), 10)
    return g.network("residual")


def pools(activation: str = "relu") -> Network:
    """Both pools, a lone activation, a concatenation, two linears of which one gives an attention scale."""
    g = Graph((2, 12, 12))
    x = g.conv("a", g.input, 8, kernel=3, activation=activation)
    y = g.max_pool("max", x, kernel=3, stride=2)
    z = g.avg_pool("avg", x, kernel=3, stride=2)
    g.layers.append(Layer("both", "concat", (y.name, z.name), (y.shape, z.shape), (16, *y.shape[1:])))
    both = Tensor("both", g.layers[-1].out_shape)
    g.layers.append(Layer("lone", "activation", ("both",), (both.shape,), both.shape, activation="sigmoid"))
    gate = g.linear("gate", g.global_avg_pool("pool", Tensor("lone", both.shape)), 16, activation="hard_sigmoid")
    g.linear("classifier", g.mul("gated", both, gate), 5)
    return g.network("pools")


def shuffled(side: int = 8) -> Network:
    """Half of the channels are convolved, and all are shuffled (ShuffleNetV2)."""
    g = Graph((3, side, side))
    x = g.conv("stem", g.input, 16, kernel=3, stride=2, activation="relu")
    half, whole = (8, *x.shape[1:]), x.shape
    for name, start in (("kept", 0), ("taken", 8)):
        g.layers.append(Layer(name, "slice", (x.name,), (whole,), half, start=start))
    y = g.conv("branch", Tensor("taken", half), 8, kernel=3, activation="relu")
    g.layers.append(Layer("both", "concat", ("kept", y.name), (half, half), whole))
    g.layers.append(Layer("mixed", "shuffle", ("both",), (whole,), whole, groups=2))
    g.linear("classifier", g.global_avg_pool("pool", g.conv("last", Tensor("mixed", whole), 16)), 5)
    return g.network("shuffled")


def dense(side: int = 8) -> Network:
    """Two outputs: a feature map at twice the resolution, and a vector."""
    g = Graph((3, side, side))
    x = g.conv("a", g.input, 8, kernel=3, stride=2, activation="relu")
    up = Layer("up", "resize", (x.name,), (x.shape,), (8, side, side))
    g.layers.append(up)
    g.conv("map", Tensor("up", up.out_shape), 4, norm=False)
    g.linear("vector", g.global_avg_pool("pool", x), 6)
    return Network("dense", g.input.shape, tuple(g.layers), ("map", "vector"))


ALL = (
    inverted_residuals("relu6"),
    inverted_residuals("relu"),
    inverted_residuals("hard_swish", attention=True),
    inverted_residuals("silu", attention=True, channels=1),
    inverted_residuals("leaky_relu", side=8),
    inverted_residuals("sigmoid", side=8),
    residual(),
    pools(),
    shuffled(),
    dense(),
)
