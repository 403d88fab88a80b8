"""Files that users write, and what is said of malformed ones."""

from pathlib import Path

import pytest

from hw_targets.errors import InvalidMachine
from hw_targets.overlay.registry import machine
from tests.hw_targets.overlay.boards import own_board


@pytest.mark.parametrize("before, after, field", [
    ("gb_per_s = 316.0", 'gb_per_s = "fast"', "memory.gb_per_s"),
    ("gb_per_s = 316.0", "", "memory.gb_per_s"),
    ("most_w = 75.0", "most_w = 75.0\nwatts = 3", "power"),
    ("kernels = [3, 3]", "kernels = []", "builds.0.kernels"),
    ("clock_mhz = 300.0", "clock_mhz = 0.0", "builds.0.clock_mhz"),
])  # fmt: skip
def test_a_malformed_board_names_file_and_field(tmp_path: Path, before: str, after: str, field: str) -> None:
    path = own_board(tmp_path, **{before: after})
    with pytest.raises(InvalidMachine) as caught:
        machine(str(path))
    assert str(path) in caught.value.detail
    assert str(caught.value.facts["field"]).startswith(field)
    assert caught.value.fix


def test_the_former_section_of_the_power_is_rejected_with_its_new_name(tmp_path: Path) -> None:
    path = own_board(tmp_path, **{"[power]": "[board]"})
    with pytest.raises(InvalidMachine, match="board is now called power") as caught:
        machine(str(path))
    assert (caught.value.facts["field"], caught.value.fix) == ("board", "Rename [board] to [power].")


def test_no_toml_at_all(tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("[memory")
    with pytest.raises(InvalidMachine, match="no TOML file"):
        machine(str(path))
    with pytest.raises(InvalidMachine, match="cannot be read"):
        machine(str(tmp_path / "absent.toml"))
