"""Simulates FPGA overlays of the DPU family (Alveo, Zynq UltraScale+) from data files: cycles, latency, throughput, traffic.

Where to find what: machines and their files in `machine.py`, `machine_file.py`, `registry.py`, `overlays/`, `boards/`; what is
fitted in `calibration.toml`; network to fused groups in `fusion.py` (with `hoisting.py`), to engine cycles in `work.py`; the
limits in `support.py`; the schedule in `schedule.py`, the baseline in `closed_form.py`; results for users in `estimate.py`,
`tenants.py` and, labelled as such, `unvalidated.py`; the plain roofline in `roofline.py`.
"""
