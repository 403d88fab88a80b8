"""The benchmark on the published tables: its form, its bars, and that nothing was fitted to what it is judged by."""

import csv
import json
from pathlib import Path

import pytest

from benchmarks import overlay, overlay_fit
from benchmarks.layer_lists import read_layer_list, to_onnx
from hw_targets.overlay import unvalidated
from hw_targets.overlay.estimate import cycles, estimate
from hw_targets.overlay.registry import machine
from search_spaces.errors import UnreadableModel
from search_spaces.onnx_reader import read_onnx

SMALL = ("cf_squeezenet_imagenet_227_227_0.76G", "tf_mobilenetv1_0.5_imagenet_160_160_150M",
         "cf_SPnet_aichallenger_224_128_0.54G", "cf_ssdtraffic_360_480_0.9_11.6G", "cf_reid_market1501_160_80_0.95G")  # fmt: skip


@pytest.fixture(scope="session")
def pack(test_data: Path) -> Path:
    """The folder of the overlays' published figures, beside the development data."""
    folder = test_data.parent / "overlay"
    if not folder.is_dir():
        pytest.skip(f"no published overlay figures at {folder}")
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, float]]:
    assert overlay.main([*arguments, "--json"]) == 0
    document: dict[str, dict[str, float]] = json.loads(capsys.readouterr().out)
    return document


def table(pack: Path, name: str) -> list[dict[str, str]]:
    with (pack / f"published_{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_bars_on_networks_never_fitted(pack: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plot = tmp_path / "plot.png"
    found = run(capsys, "--published", str(pack / "published_validation.csv"), "--networks", str(pack / "networks"),
                "--layers", str(pack / "published_layers.csv"), "--plot", str(plot))  # fmt: skip
    summary = found["summary"]
    assert summary["mape_conv"] <= 0.05 and summary["worst_conv"] <= 0.16
    assert summary["mape_depthwise"] <= 0.10
    assert summary["spearman_per_mac"] >= 0.85
    assert summary["layers_mape_check"] <= 0.15
    assert summary["mac_mape_conv"] > 3 * summary["mape_conv"]
    assert summary["closed_form_mape_depthwise"] > 5 * summary["mape_depthwise"]
    assert plot.stat().st_size > 0


def test_calibration_and_validation_share_no_network_on_a_dpu(pack: Path) -> None:
    fitted, judged = ({(row["network"], row["dpu"].split("-")[0]) for row in table(pack, name)}
                      for name in ("calibration", "validation"))  # fmt: skip
    assert fitted and judged and not fitted & judged


def test_the_parameters_are_what_the_fit_gives(pack: Path) -> None:
    """On the fitted rows no parameter is better a little to either side: nothing was tuned to other rows."""
    rows = overlay_fit.known(table(pack, "calibration"), pack / "networks")
    assert len(rows) == 8
    kept = machine("alveo-u55c").calibration
    best = {name: float(getattr(kept, name)) for name in overlay_fit.PARAMETERS}
    loss = sum(e * e for e in overlay_fit.errors(rows, best))
    for name, value in best.items():
        for factor in (0.93, 1.07):
            assert sum(e * e for e in overlay_fit.errors(rows, {**best, name: value * factor})) > loss


def test_in_scope_rows_find_a_machine(pack: Path) -> None:
    with (pack / "deployments.csv").open() as file:
        builds = list(csv.DictReader(file))
    scope = [b for b in builds if b["dpu_target"].startswith(("DPUCAHX8H", "DPUCADF8H", "DPUCZDX8G"))]
    assert len(scope) == 10
    for build in scope:
        name = build["platform"].lower()
        board = name if name.startswith(("zcu", "kv")) else f"alveo-{name}"
        at = machine(f"{board}:dwc" if build["dpu_target"].endswith("DWC") else board)
        assert at.engines == int(build["engines"].split()[0])
        assert at.clock_mhz == float(build["clock_mhz_nominal"])


@pytest.mark.parametrize("name", SMALL)
def test_the_same_through_onnx(pack: Path, name: str) -> None:
    network = read_layer_list(pack / "networks" / f"{name}.json")
    for target in ("alveo-u55c:dwc", "kv260"):
        assert cycles(read_onnx(to_onnx(network)), machine(target)) == cycles(network, machine(target))


def test_rows_that_cannot_be_costed_say_why(pack: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    known = table(pack, "validation")[0]
    name = SMALL[0]
    rows = [known | change for change in (
        {"network": "nowhere"}, {"platform": "U9000"}, {"clock_mhz": "fast"}, {"network": name, "target": "yes"},
        {"network": "broken"},
    )]  # fmt: skip
    published = tmp_path / "rows.csv"
    with published.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(known))
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / f"{name}.onnx").write_bytes(to_onnx(read_layer_list(pack / "networks" / f"{name}.json")))
    (tmp_path / "onnx" / "broken.onnx").write_bytes(b"no model")
    (tmp_path / "lists").mkdir()
    found = run(capsys, "--published", str(published), "--networks", str(tmp_path / "lists"),
                "--networks-onnx", str(tmp_path / "onnx"))  # fmt: skip
    refused = [row["refused"] for row in found["rows"]]  # type: ignore[index]
    assert refused[3] is None
    assert all(reason for number, reason in enumerate(refused) if number != 3)
    assert found["summary"]["refused"] == 4


def test_a_missing_table_is_a_clear_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["--published", str(tmp_path / "absent.csv"), "--networks", str(tmp_path), "--json"]
    assert overlay.main(arguments) == 1
    assert "cannot be read" in json.loads(capsys.readouterr().out)["error"]["detail"]
    (tmp_path / "list.json").write_text("{}")
    with pytest.raises(UnreadableModel):
        read_layer_list(tmp_path / "list.json")


def test_mobilenet_follows_its_operations_only_with_the_engine(pack: Path) -> None:
    """Cycles a multiply-accumulate against ResNet-50's: the engine brings them nearer."""
    light, dense = (read_layer_list(pack / "networks" / f"{name}.json")
                    for name in ("tf_mobilenetv1_1.0_imagenet_224_224_1.14G", "tf_resnetv1_50_imagenet_224_224_6.97G"))  # fmt: skip
    ratios = []
    for target in ("alveo-u50lv:dwc", "alveo-u50lv"):
        found = [estimate(network, machine(target)) for network in (light, dense)]
        ratios.append(found[0].cycles / found[0].macs / (found[1].cycles / found[1].macs))
    assert ratios[0] < ratios[1]


def test_where_sparse_training_lands_beside_the_one_published_point(pack: Path) -> None:
    """2,000 ResNet-50 images a second on a U50 at up to 90 % sparsity, of another array of twice the peak."""
    network = read_layer_list(pack / "networks" / "cf_resnet50_imagenet_224_224_7.7G.json")
    dense, sparse = (unvalidated.training(network, machine("alveo-u50"), density) for density in (1.0, 0.1))
    assert dense.images_per_s < 300 < sparse.images_per_s < 2000
