"""Machines by id, their options, and boards of users."""

from pathlib import Path

import pytest

from hw_targets.errors import InvalidMachine
from hw_targets.overlay import machine_file
from hw_targets.overlay.registry import machine, names, published
from tests.hw_targets.overlay.boards import own_board

BOARDS = ("u50", "u50lv", "u55c", "u200", "u250", "u280")


def test_every_board_and_build_is_there() -> None:
    for board in [f"alveo-{name}" for name in BOARDS] + ["zcu102", "zcu104", "kv260"]:
        assert machine(board).id.startswith(board)
    for name in names():
        at = machine(name)
        assert name == at.id
        for part in (at.overlay.convolution, at.overlay.miscellaneous, at.overlay.ports, at.overlay.banks, at.build):
            assert part.source
        assert at.board.memory.source and at.calibration.fitted_on


@pytest.mark.parametrize("name, tops", [("alveo-u50", 7.373), ("alveo-u50lv", 11.264), ("alveo-u280", 17.203),
                                        ("alveo-u55c", 13.517), ("alveo-u250", 19.661), ("zcu102", 3.453)])  # fmt: skip
def test_peaks_are_the_published_ones(name: str, tops: float) -> None:
    assert machine(name).peak_tops == pytest.approx(tops, rel=1e-3)


def test_options() -> None:
    at = machine("alveo-u280:clock=150,engines=12,tenants=2")
    assert (at.clock_mhz, at.kernels, at.tenants) == (150.0, (4, 4, 4), (2, 1))
    assert machine("alveo-u55c:engines=4+4").kernels == (4, 4)
    assert machine("alveo-u280:tenants=1+2").tenants == (1, 2)
    assert machine(at.id) == at


@pytest.mark.parametrize("wrong", [
    "alveo-u51", "alveo-u50:dwc", "alveo-u50:clock=fast", "alveo-u50:clock=0", "alveo-u50:engines=7", "alveo-u50:tenants=3",
    "alveo-u50:isa2,elp2", "alveo-u50:watts=3", "alveo-u50:clock=1,clock=2", "alveo-u50:engines=4+3",
])  # fmt: skip
def test_what_is_rejected(wrong: str) -> None:
    with pytest.raises(InvalidMachine):
        machine(wrong)


def test_published_names() -> None:
    assert published("U50LV DPUCAHX8H-DWC", clock_mhz=165).id == "alveo-u50lv:dwc,clock=165"
    assert published("KV260 DPUCZDX8G B4096F").board.name == "kv260"
    with pytest.raises(InvalidMachine):
        published("U50 DPUCAHX8L")


def test_an_own_board_by_path_and_by_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = own_board(tmp_path)
    assert machine(f"{path}:clock=200").board.name == "mine"
    monkeypatch.setenv("HWNAS_OVERLAYS", str(tmp_path))
    assert machine("mine").engines == 6


def test_an_own_overlay_beside_its_board(tmp_path: Path) -> None:
    overlay = (machine_file.FOLDER / "overlays" / "dpucahx8h-isa2.toml").read_text()
    (tmp_path / "wide.toml").write_text(overlay.replace("load_bytes = 16", "load_bytes = 32"))
    path = own_board(tmp_path, **{'"dpucahx8h-isa2"': '"wide.toml"'})
    assert machine(str(path)).load_bytes_per_cycle == 32
