"""Machines as values."""

from dataclasses import replace

from hw_targets.overlay.registry import machine

U50 = machine("alveo-u50")


def test_a_machine_is_a_value() -> None:
    assert hash(U50) == hash(machine("alveo-u50")) and machine("alveo-u50") == U50
    assert replace(U50, clock_mhz=100) != U50
