"""The roofline of the TPU v1."""

import pytest

from hw_targets.overlay.roofline import tpu_v1


def test_the_tpu_keeps_below_its_roof() -> None:
    """Jouppi et al. 2017: at 34 GB/s the first four are bound by 13.6, 11.4, 4.4 and 6.5 TOPS."""
    tpu = tpu_v1()
    roofs = [tpu.attainable_tops(workload.macs_per_weight_byte) for workload in tpu.workloads]
    assert roofs == pytest.approx([13.6, 11.4, 4.4, 6.5, 92, 92], abs=0.05)
    assert all(workload.tops <= roof for workload, roof in zip(tpu.workloads, roofs, strict=True))
