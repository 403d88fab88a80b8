"""Random networks of every kind of group, sampled so that the same one can be made wider or larger."""

from dataclasses import dataclass

from hypothesis import strategies as st

from search_spaces.builder import Graph, Tensor
from search_spaces.network import Layer, Network

KINDS = ("conv", "strided", "separable", "residual", "bottleneck", "pool", "branch")


@dataclass(frozen=True)
class Sketch:
    """What to draw: kinds of blocks with channels and kernel, from a stem of `stem` channels."""

    stem: int
    blocks: tuple[tuple[str, int, int], ...]

    def network(self, side: int, wider: int = 0) -> Network:
        """The network at an input side, each block `wider` channels wider."""
        g = Graph((3, side, side))
        x = g.conv("stem", g.input, self.stem + wider, kernel=3, stride=2, activation="relu6")
        halvings = 0
        for number, (kind, channels, kernel) in enumerate(self.blocks):
            halvings += kind in ("strided", "pool")
            x = _block(g, f"b{number}", kind, x, channels + wider, kernel, 2 if halvings <= 3 else 1)
        g.conv("head", x, 10)
        return g.network("sketch")


def _block(g: Graph, name: str, kind: str, x: Tensor, channels: int, kernel: int, stride: int) -> Tensor:
    act = "relu6"
    match kind:
        case "conv":
            return g.conv(name, x, channels, kernel=kernel, activation=act)
        case "strided":
            return g.conv(name, x, channels, kernel=kernel, stride=stride, activation=act)
        case "separable":
            y = g.conv(f"{name}.dw", x, x.shape[0], kernel=kernel, groups=x.shape[0], activation=act)
            return g.conv(f"{name}.pw", y, channels, activation=act)
        case "residual":
            y = g.conv(f"{name}.a", x, channels, kernel=kernel, activation=act)
            return g.add(f"{name}.add", g.conv(f"{name}.b", y, x.shape[0]), x, activation="relu")
        case "bottleneck":
            y = g.conv(f"{name}.expand", x, 3 * channels, activation=act)
            y = g.conv(f"{name}.dw", y, y.shape[0], kernel=kernel, groups=y.shape[0], activation=act)
            y = g.conv(f"{name}.project", y, x.shape[0])
            return g.add(f"{name}.add", y, x)
        case "pool":
            return g.max_pool(name, x, kernel=3, stride=stride)
        case _:
            parts = [g.conv(f"{name}.{k}", x, channels, kernel=k, activation=act) for k in (1, kernel)]
            out = (parts[0].shape[0] * 2, *parts[0].shape[1:])
            g.layers.append(Layer(name, "concat", tuple(p.name for p in parts), tuple(p.shape for p in parts), out))
            return Tensor(name, out)


sketches = st.builds(
    Sketch,
    st.integers(8, 64),
    st.lists(
        st.tuples(st.sampled_from(KINDS), st.integers(8, 200), st.sampled_from((3, 5))), min_size=1, max_size=7
    ).map(tuple),
)
sides = st.integers(24, 160)


def chain(side: int, *channels: int, kernel: int = 1) -> Network:
    """Convolutions one after another."""
    g = Graph((channels[0], side, side))
    x = g.input
    for number, filters in enumerate(channels[1:]):
        x = g.conv(f"c{number}", x, filters, kernel=kernel)
    return g.network("chain")
