"""Overlays as targets: the contract, what ids mean, and a table fitted in the ordinary way against the simulator itself."""

from pathlib import Path

import pytest

from hw_targets.errors import InvalidMachine, UnknownTarget
from hw_targets.overlay.target import OverlayTarget
from hw_targets.registry import target, targets
from hw_targets.scheme import POWER_OF_TWO
from hw_targets.target import Simulator
from hw_targets.testing.networks import inverted_residuals, residual
from hw_targets.testing.target import CreateTarget, TargetContract


class TestWithADepthwiseEngine(TargetContract):
    @pytest.fixture
    def create(self) -> CreateTarget:
        return lambda: target("alveo-u55c:dwc")


class TestWithout(TargetContract):
    @pytest.fixture
    def create(self) -> CreateTarget:
        return lambda: target("zcu104")


def test_the_boards_are_listed_and_found() -> None:
    names = {entry.name for entry in targets()}
    assert {"alveo-u50", "alveo-u50lv", "alveo-u55c", "alveo-u200", "alveo-u250", "alveo-u280"} <= names
    assert {"kv260", "zcu102", "zcu104", "cpu"} <= names
    found = target("alveo-u55c:dwc,clock=150,engines=3+4")
    assert isinstance(found, OverlayTarget) and isinstance(found, Simulator)
    assert found.scheme is POWER_OF_TWO and found.info.kind == "simulated"
    assert found.info.id == "alveo-u55c:dwc,clock=150,engines=3+4"
    assert found.info.fingerprint != target("alveo-u55c:dwc").info.fingerprint


@pytest.mark.parametrize(
    "wrong", ["alveo-u55c:turbo", "alveo-u50:clock=fast", "alveo-u50:tenants=9", "zcu102:engines=99"]
)
def test_options_that_a_board_does_not_have_are_rejected(wrong: str) -> None:
    with pytest.raises(InvalidMachine):
        target(wrong)


def test_half_the_clock_is_twice_the_time() -> None:
    network = residual()
    whole, half = (target(f"zcu104:clock={clock}") for clock in (300, 150))
    assert isinstance(whole, OverlayTarget) and isinstance(half, OverlayTarget)
    # compute-bound cycles are the same; memory is faster in cycles of a slower clock
    fast, slow = (one.simulate(network)["latency_ms"] for one in (whole, half))
    assert 1.0 < slow / fast <= 2.0 + 1e-9


def test_a_board_of_the_users_own_is_found_and_a_broken_file_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hw_targets.overlay

    board = Path(hw_targets.overlay.__file__).parent / "boards" / "zcu104.toml"
    (tmp_path / "mine.toml").write_text(board.read_text().replace('name = "zcu104"', 'name = "my-board"', 1))
    (tmp_path / "broken.toml").write_text("builds = 3\n")
    monkeypatch.setenv("HWNAS_OVERLAYS", str(tmp_path))
    listed = {entry.name: entry for entry in targets()}
    assert listed["my-board"].available and "zcu104" in listed
    assert not listed["broken"].available and "broken.toml" in listed["broken"].reason
    assert target("my-board").info.kind == "simulated"
    with pytest.raises(InvalidMachine, match=r"broken\.toml"):
        target("broken")


def test_depthwise_layers_are_searched_only_where_there_is_an_engine_for_them() -> None:
    depthwise = next(layer for layer in inverted_residuals("relu").layers if layer.is_depthwise)
    assert target("alveo-u50lv:dwc").supports(depthwise).ok
    assert "depthwise" in target("alveo-u50").supports(depthwise).reason


def test_a_path_is_no_target() -> None:
    with pytest.raises(UnknownTarget):
        target("/tmp/board.toml")


def test_a_tenant_that_retrains_gets_its_own_kernels_and_says_that_nobody_validated_it() -> None:
    network = residual(32)
    shared = target("alveo-u50:tenants=2")
    assert isinstance(shared, Simulator)
    infers, trains = shared.simulate(network, beside=[(network, 1.0)])["tenants"]
    assert infers["what"] == "inference" and infers["label"] == ""
    assert trains["what"].startswith("training") and trains["label"] == "unvalidated"
    # three times the work; overheads stay what they are
    assert 1.3 < infers["images_per_s"] / trains["images_per_s"] < 5
    both = shared.simulate(network)["tenants"]
    assert both[0] == both[1] == infers


def test_what_if_is_labelled() -> None:
    found = target("alveo-u50")
    assert isinstance(found, Simulator)
    answer = found.simulate(residual(32), what_if=True)["what_if"]
    assert {one["label"] for one in answer["variants"]} == {"unvalidated"}
    assert "not validated" in answer["energy"]["label"]
