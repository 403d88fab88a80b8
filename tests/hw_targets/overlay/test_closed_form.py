"""The closed form and the two bounds below it."""

from hw_targets.overlay.closed_form import ceiling_only, closed_form, peak_only
from hw_targets.overlay.fusion import groups
from hw_targets.overlay.registry import machine
from hw_targets.overlay.work import work
from hw_targets.testing.networks import residual
from search_spaces.cost import macs


def test_each_bound_leaves_something_out() -> None:
    network, at = residual(32), machine("alveo-u50")
    parts = groups(network, at.overlay.convolution.input_channels)
    works = [work(group, at) for group in parts]
    assert peak_only(works, at) * at.overlay.convolution.macs_per_cycle <= macs(network)
    assert 0 < peak_only(works, at) <= ceiling_only(works, at) < closed_form(parts, works, at)
