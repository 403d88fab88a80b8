"""Narrowing: every architecture left is supported, what is removed was in the way, and combinations cost the least."""

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.builder import Graph, Tensor
from search_spaces.errors import UnsupportedSpace
from search_spaces.lattice import Lattice
from search_spaces.network import Layer
from search_spaces.registry import space as find_space
from search_spaces.restrict import RestrictedSpace, restrict, union, with_values
from search_spaces.space import Choice, SearchSpace, Stage, Value
from tests.latency_models.spaces import everything, lattices


def offered(space: SearchSpace, name: str) -> tuple[Value, ...]:
    return next(c.values for c in space.choices if c.name == name)


def no_multiplication(layer: Layer) -> str:
    return "it cannot multiply" if layer.op == "mul" else ""


def no_large_kernel(layer: Layer) -> str:
    return "7x7 kernels do not fit" if layer.kernel == (7, 7) else ""


def test_a_value_goes_where_all_its_networks_have_a_rejected_layer() -> None:
    whole = find_space("mobilenet", resolution=8, channels=1, classes=10)
    found = restrict(whole, lambda layer: no_multiplication(layer) or no_large_kernel(layer), who="board")
    assert offered(found.space, "s2.se") == (False,)
    assert offered(found.space, "s1.b0.kernel") == (3, 5)
    assert offered(found.space, "s1.width") == offered(whole, "s1.width")
    assert all(one.alone for one in found.removed)
    gate = next(one for one in found.removed if one.choice == "s1.se")
    assert (gate.value, gate.reason) == (True, "it cannot multiply") and gate.layer.endswith("se.scale")
    assert "it cannot multiply (removed s1.se=true, s2.se=true, s3.se=true)" in found.describe()
    # Of 2 values of se one is left for each of 3 stages, of 3 kernels two for each block: by hand for the first stage alone,
    # 2 depths: (2 kernels x 3 expansions) + (6 x 6) = 42 in the place of 2 x (9 + 81) = 180, for each of its widths.
    assert Lattice.of(whole).size // Lattice.of(found.space).size > 180 // 42
    assert not any(no_multiplication(x) or no_large_kernel(x) for x in Lattice.of(found.space).layers())


def test_a_space_that_fits_stays_the_same_value() -> None:
    whole = find_space("resnet", resolution=8, channels=1, classes=10)
    found = restrict(whole, lambda layer: "", who="board")
    assert found == RestrictedSpace(whole, ()) and found.space is whole and found.describe() == ""


def test_architectures_of_a_narrowed_space_are_architectures_of_the_whole_one() -> None:
    whole = find_space("mobilenet", resolution=32, channels=3, classes=10)
    found = restrict(whole, no_multiplication, who="board").space
    assert found.fingerprint != whole.fingerprint
    rng = random.Random(0)
    for one in (found.sample(rng), found.smallest(), found.largest()):
        assert whole.architecture(dict(one.values)) == one
        assert whole.network(one).id == found.network(one).id


def pair() -> SearchSpace:
    """Two convolutions one after another; the second's shapes determine both widths."""

    def first(g: Graph, x: Tensor, read: Mapping[str, Value]) -> Tensor:
        return g.conv("c", x, int(read["a"]))

    def second(g: Graph, x: Tensor, read: Mapping[str, Value]) -> Tensor:
        return g.conv("c", x, int(read["b"]))

    stages = (Stage("one", (Choice("a", (1, 2, 3)),), first), Stage("two", (Choice("b", (1, 2)),), second))
    return SearchSpace("pair", 1, 2, Choice("resolution", (4,)), stages)


def test_of_a_rejected_combination_the_value_goes_that_costs_least() -> None:
    def unsupported_reason(layer: Layer) -> str:
        return "3 to 2 is refused" if (layer.in_shapes[0][0], layer.out_shape[0]) == (3, 2) else ""

    found = restrict(pair(), unsupported_reason, who="board")
    # Without a=3 four of the five supported ones stay (a 1 or 2, b 1 or 2); without b=2 three (a 1, 2 or 3).
    (one,) = found.removed
    assert (one.choice, one.value, one.alone, one.layer) == ("a", 3, False, "two.c")
    assert offered(found.space, "a") == (1, 2) and offered(found.space, "b") == (1, 2)


def test_a_depth_goes_whose_block_is_rejected_whatever_it_is() -> None:
    whole = find_space("mobilenet", resolution=8, channels=1, classes=10)
    found = restrict(whole, lambda layer: "no third block" if layer.name.startswith("s2.b2.") else "", who="board")
    assert [(one.choice, one.value) for one in found.removed] == [("s2.depth", 3)]
    assert offered(found.space, "s2.b2.kernel") == (3, 5, 7)  # never read any more
    found.space.largest()


def test_a_resolution_goes_too() -> None:
    whole = find_space("mobilenet", resolution=32, channels=3, classes=10)
    found = restrict(whole, lambda layer: "too large" if layer.in_shapes[0][1] > 28 else "", who="board")
    assert offered(whole, "resolution") == (24, 28, 32)
    assert offered(found.space, "resolution") == (24, 28)


def test_nothing_left_is_an_error_with_every_reason() -> None:
    whole = find_space("mobilenet:activation=hard_swish", resolution=8, channels=1, classes=10)
    with pytest.raises(
        UnsupportedSpace, match="no network of the space 'mobilenet:activation=hard_swish': no hard_swish"
    ) as caught:
        restrict(whole, lambda layer: "no hard_swish" if layer.activation == "hard_swish" else "", who="board")
    assert caught.value.facts["unsupported"] == [{"layer": "stem.conv", "reason": "no hard_swish"}]
    assert caught.value.fix


def test_two_parts_are_joined_to_the_least_that_has_both() -> None:
    whole = find_space("mobilenet", resolution=8, channels=1, classes=10)
    one = restrict(whole, no_multiplication, who="one").space
    other = restrict(whole, lambda x: no_multiplication(x) or no_large_kernel(x), who="other").space
    both = union(whole, [one, other])
    assert both.fingerprint == one.fingerprint  # which has all that the other has
    assert union(whole, [whole, other]) is whole
    for part in (one, other):
        largest = part.largest()
        assert both.architecture(dict(largest.values)) == largest


@given(lattices(), st.integers(0, 10_000), st.sampled_from([0.05, 0.2, 0.5]))
def test_random_rejections(lattice: Lattice, seed: int, share: float) -> None:
    """Against plain enumeration: all that is left is supported, nothing more could stay, and removals are reported correctly."""
    whole = lattice.space

    def unsupported_reason(layer: Layer) -> str:
        return "refused" if random.Random(f"{seed} {layer.name} {layer.key}").random() < share else ""

    def supported(space: SearchSpace) -> dict[tuple[tuple[str, Value], ...], bool]:
        return {a.values: not any(map(unsupported_reason, space.network(a).layers)) for a in everything(space)}

    in_whole = supported(whole)
    try:
        found = restrict(whole, unsupported_reason, who="board")
    except UnsupportedSpace:
        assert not any(in_whole.values())
        return
    left = supported(found.space)
    assert left and all(left.values()) and set(left) <= set(in_whole)
    values: dict[str, set[Value]] = {c.name: set(c.values) for c in found.space.choices}
    for one in found.removed:
        more = with_values(whole, {**values, one.choice: values[one.choice] | {one.value}})
        assert not all(supported(more).values())
        if one.alone:
            assert not any(good for key, good in in_whole.items() if (one.choice, one.value) in key)
