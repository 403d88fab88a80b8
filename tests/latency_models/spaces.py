"""Small random spaces and costs, and what they hold by plain enumeration, for the tests beside this file."""

import itertools
import random
from collections.abc import Mapping

from hypothesis import strategies as st

from latency_models.additive import AdditiveCost
from search_spaces.builder import Graph, Tensor
from search_spaces.lattice import Lattice
from search_spaces.network import Layer, Shape
from search_spaces.space import Architecture, Choice, SearchSpace, Stage, Value


def _stage(name: str, shared: str | None, widths: tuple[int, ...], optional: bool) -> Stage:
    """A convolution of a searched width, which a flag may leave out, and a shared choice may make a 3x3 one."""
    choices = [Choice(f"{name}.width", widths)]
    if optional:
        choices.append(Choice(f"{name}.on", (False, True)))
    if shared is not None:
        choices.append(Choice(shared, (1, 3)))

    def build(g: Graph, x: Tensor, read: Mapping[str, Value]) -> Tensor:
        if optional and not read[f"{name}.on"]:
            return x
        kernel = int(read[shared]) if shared is not None else 1
        return g.conv("c", x, int(read[f"{name}.width"]), kernel=kernel)

    return Stage(name, tuple(choices), build)


@st.composite
def lattices(draw: st.DrawFn) -> Lattice:
    """Spaces of at most a few thousand architectures, with local, shared and inactive choices."""
    stages = [
        _stage(
            f"s{position}",
            draw(st.sampled_from([None, "shared.a", "shared.b"])),
            tuple(sorted(draw(st.sets(st.sampled_from([1, 2, 3]), min_size=1, max_size=2)))),
            position > 0 and draw(st.booleans()),
        )
        for position in range(draw(st.integers(1, 4)))
    ]
    sides = tuple(sorted(draw(st.sets(st.sampled_from([4, 6, 8]), min_size=1, max_size=2))))
    return Lattice.of(SearchSpace("toy", 1, 2, Choice("resolution", sides), tuple(stages)))


@st.composite
def costs(draw: st.DrawFn) -> AdditiveCost:
    """A pseudo-random cost of each layer key: few or many distinct values, with a common factor or without."""
    seed, largest, unit = (
        draw(st.integers(0, 99)),
        draw(st.sampled_from([0, 3, 50, 5000])),
        draw(st.sampled_from([1, 7])),
    )
    base = draw(st.integers(-20, 20))

    def layer(value: Layer) -> int:
        return unit * random.Random(f"{seed} {value.key}").randint(0, largest)

    def of_shape(shape: Shape) -> int:
        return base + unit * random.Random(f"{seed} {shape}").randint(0, largest)

    return AdditiveCost("made-up cost", layer, of_shape)


def everything(space: SearchSpace) -> list[Architecture]:
    """Every canonical architecture of a space, each once, by trying all assignments."""
    names = [choice.name for choice in space.choices]
    values = itertools.product(*(choice.values for choice in space.choices))
    return list(dict.fromkeys(space.architecture(dict(zip(names, row, strict=True))) for row in values))
