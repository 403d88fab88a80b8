"""Cycles of single layers, worked out by hand."""

import pytest

from hw_targets.overlay.fusion import groups
from hw_targets.overlay.machine import Machine
from hw_targets.overlay.registry import machine
from hw_targets.overlay.work import Work, pixels, work
from search_spaces.builder import Graph
from search_spaces.network import INPUT, Layer, Network
from tests.hw_targets.overlay.networks import chain

U55C = machine("alveo-u55c:dwc")


def only(network: Network, at: Machine = U55C, index: int = -1) -> Work:
    return work(groups(network, 16)[index], at)


def test_pixels_show_half_of_their_rounding() -> None:
    assert pixels(8, 8, 8) == 8
    assert pixels(7, 7, 8) == pytest.approx((49 / 8 + 7) / 2)


def test_a_pointwise_convolution() -> None:
    found = only(chain(16, 32, 64))
    assert found.ceilings == 16 * 16 / 8 * 2 * 4
    assert found.convolution == pytest.approx(found.ceilings / 0.868)
    assert (found.in_bytes, found.out_bytes, found.weight_bytes) == (32 * 256, 64 * 256, 32 * 64 + 4 * 64)
    assert found.macs == 32 * 64 * 256


def test_channels_are_rounded_to_whole_words() -> None:
    assert only(chain(16, 17, 17)).ceilings == only(chain(16, 32, 32)).ceilings
    assert only(chain(16, 17, 17)).out_bytes == 32 * 256


def test_the_first_layer_packs_its_channels() -> None:
    g = Graph((3, 32, 32))
    g.conv("stem", g.input, 16, kernel=3)
    found = only(g.network("n"))
    assert found.ceilings == 32 * 32 / 8 * 3 * 1  # three rows of 3 x 3 values, each in one step of 16
    assert found.in_bytes == 32 * 32 * 9


def test_later_layers_do_not() -> None:
    assert only(chain(16, 3, 3, 16, kernel=3)).ceilings == 16 * 16 / 8 * 9


def test_a_depthwise_convolution_runs_at_the_effective_rate() -> None:
    g = Graph((32, 16, 16))
    g.conv("dw", g.input, 32, kernel=3, groups=32)
    found = only(g.network("n"))
    assert found.convolution == 0
    assert found.depthwise == pytest.approx(256 * 32 * 9 / (32 * 1.486))


def test_without_an_engine_it_is_a_diagonal_of_dense_blocks() -> None:
    g = Graph((32, 16, 16))
    g.conv("dw", g.input, 32, kernel=3, groups=32)
    found = only(g.network("n"), machine("alveo-u50"))
    assert found.depthwise == 0
    assert found.ceilings == 256 / 8 * 9 * 2
    assert found.weight_bytes == 2 * 16 * 16 * 9 + 4 * 32


def test_a_fused_pool_and_sum() -> None:
    g = Graph((16, 16, 16))
    x = g.conv("a", g.input, 16, kernel=3)
    g.max_pool("pool", x, kernel=3, stride=2)
    found = only(g.network("n"))
    assert found.pool == 8 * 8 * 9
    assert found.out_bytes == 16 * 64
    g = Graph((16, 16, 16))
    g.add("sum", g.conv("a", g.input, 16, kernel=3), g.input)
    found = only(g.network("n"))
    assert (found.element, found.add_bytes) == (256, 16 * 256)


def test_two_pixels_of_a_sum_a_cycle_in_the_elp2_build() -> None:
    g = Graph((16, 16, 16))
    g.add("sum", g.conv("a", g.input, 16, kernel=3), g.input)
    assert only(g.network("n"), machine("alveo-u50:elp2")).element == 128


def test_a_pool_beyond_the_limit_goes_in_steps() -> None:
    g = Graph((16, 14, 14))
    g.global_avg_pool("mean", g.input)
    assert only(g.network("n")).pool == 2 * 2 * 49 + 4  # 7x7 to 2x2, then 2x2


def test_a_linear_layer() -> None:
    g = Graph((32, 2, 2))
    g.linear("fc", g.input, 40)
    found = only(g.network("n"))
    assert found.convolution == 8 * 3
    assert found.weight_bytes == 128 * 40 + 160


def test_a_deconvolution_works_over_its_input_grid() -> None:
    shape = (16, 8, 8)
    up = Layer("up", "onnx:ConvTranspose", (INPUT,), (shape,), (16, 16, 16), kernel=(2, 2), stride=(2, 2))
    found = only(Network("n", shape, (up,)))
    assert found.ceilings == 8 * 8 / 8 * 4
    assert found.macs == 16 * 16 * 64 * 4
