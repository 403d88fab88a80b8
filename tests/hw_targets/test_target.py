"""Shared by targets: the rejection of a layer, by name and with its reason."""

import pytest

from hw_targets.cpu import CpuTarget
from hw_targets.errors import UnsupportedLayer
from hw_targets.target import Target, check_layers
from hw_targets.testing.networks import residual
from search_spaces.network import INPUT, Layer, Network


def test_the_first_layer_that_cannot_run_is_named() -> None:
    target: Target = CpuTarget()
    check_layers(target, residual(), who="it", fix="Replace it.")
    odd = [Layer(name, f"onnx:{name}", (INPUT,), ((1, 4, 4),), (1, 4, 4)) for name in ("First", "Second")]
    with pytest.raises(UnsupportedLayer, match=r"it cannot run layer 'First'.*Replace it\.") as rejected:
        check_layers(target, Network("odd", (1, 4, 4), tuple(odd)), who="it", fix="Replace it.")
    assert rejected.value.facts["layer"] == "First" and rejected.value.facts["reason"]
