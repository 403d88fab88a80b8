"""The benchmark of channel pruning: its networks by hand, and a short form of the whole on a simulated board."""

import json
from pathlib import Path

import pytest

from benchmarks import prune, source_rows
from nas.events import EventSink
from nas.pipeline import search
from nas.result import SearchResult
from nas.spec import SearchSpec
from nas.stages import adapt
from search_spaces.cost import macs, params
from tests.nas import boards
from tests.nas.stages.photos import photos
from tests.work import LITTLE

WORK = LITTLE.model_copy(
    update={"start_from": "resnet-20", "adapt_images": 64, "supernet_images": 0, "evaluations": 2, "tune_images": 64}
)


def test_vgg_11_is_the_published_one() -> None:
    network = prune.vgg_11(resolution=32, channels=3, classes=10)
    convolutions = [layer for layer in network.layers if layer.op == "conv"]
    assert [layer.out_shape[0] for layer in convolutions] == [64, 128, 256, 256, 512, 512, 512, 512]
    assert (
        macs(network) == 27 * 64 * 1024 + 9 * 64 * 128 * 256 * 8 + 5_120
    )  # a step halves the pixels as it doubles channels
    assert params(network) == 9_225_610


def test_short_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    boards.install(monkeypatch)
    monkeypatch.setattr(adapt, "JUDGED", 1)

    def little(spec: SearchSpec, out: Path, on_event: EventSink) -> SearchResult:
        return search(spec.model_copy(update={"work": WORK}), out=out, on_event=on_event)

    monkeypatch.setattr(source_rows, "search", little)
    status = prune.main(
        [
            "--data", photos(tmp_path, count=20), "--network", "resnet-20", "--train-images", "64", "--tune-images", "64",
            "--budget", "80", "--target", "board", "--kept", str(tmp_path / "kept"), "--json",
        ]
    )  # fmt: skip
    document = json.loads(capsys.readouterr().out)
    assert status == 0 and document["benchmark"] == "prune"
    rows = {row["row"]: row for row in document["rows"]}
    assert list(rows) == [
        "source", "L1 norm, even width", "even width from scratch", "importance within half of the MACs", "hwnas",
    ]  # fmt: skip
    assert rows["source"]["latency_share"] == rows["source"]["macs_share"] == 1
    assert rows["importance within half of the MACs"]["macs_share"] <= 0.5
    for name in ("L1 norm, even width", "hwnas"):
        assert rows[name]["latency_share"] <= 0.8
        assert rows[name]["predicted_ms"] == pytest.approx(rows[name]["latency_ms"], rel=0.1)
