"""The bundle: its card shows names as text, and its runner classifies images as the model was trained on them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hw_targets.lowering import lower_int8
from hw_targets.random_weights import random_weights
from nas.bundle.card import escape
from nas.bundle.classify import pixels
from nas.data.images import read_image
from nas.stages.deliver import deliver
from search_spaces.builder import Graph
from search_spaces.network import Network
from search_spaces.space import Architecture
from tests.nas.bundle.outcomes import outcome, receipt_document


def network(channels: int) -> Network:
    g = Graph((channels, 8, 8))
    x = g.conv("stem", g.input, 8, kernel=3, activation="relu")
    g.linear("classifier", g.global_avg_pool("pool", x), 3)
    return g.network("tiny")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    made = network(1)
    model = lower_int8(made, random_weights(made))
    deliver(
        tmp_path / "bundle",
        data="<b>data</b>",
        classes=["a", "b|c", "d"],
        architecture=Architecture("tiny", (("resolution", 8),)),
        network=made,
        outcome=outcome(),
        receipt=receipt_document(),
        int8=model,
        fp32=model,
    )
    return tmp_path / "bundle"


def test_the_bundle_is_whole(bundle: Path) -> None:
    names = {"README.md", "architecture.json", "classify.py", "model.fp32.onnx", "model.int8.onnx", "receipt.json"}
    assert {path.name for path in bundle.iterdir()} == names
    document = json.loads((bundle / "architecture.json").read_text())
    assert Network.from_json(document["network"]) == network(1)
    assert document["classes"] == ["a", "b|c", "d"]


def test_the_card_shows_markup_as_text(bundle: Path) -> None:
    text = (bundle / "README.md").read_text()
    assert "<b>" not in text
    assert "b\\|c" in text


def test_the_runner_answers_what_the_model_does(bundle: Path, tmp_path: Path) -> None:
    import onnxruntime

    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (8, 8), np.uint8)
    Image.fromarray(image).save(tmp_path / "image.png")
    session = onnxruntime.InferenceSession(bundle / "model.int8.onnx", providers=["CPUExecutionProvider"])
    expected = ["a", "b|c", "d"][int(session.run(None, {"image": image[None, None]})[0].argmax())]
    command = [sys.executable, "-I", str(bundle / "classify.py"), str(tmp_path / "image.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\t")[1].rsplit(" ", 1)[0] == expected


def test_the_runner_names_what_it_cannot_read(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    command = [sys.executable, "-I", str(bundle / "classify.py"), str(tmp_path / "broken.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "Cannot read" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "I;16", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_runner_sees_the_pixels_of_training(tmp_path: Path, mode: str, channels: int) -> None:
    rng = np.random.default_rng(1)
    if mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65536, (20, 14), np.uint16))
    else:
        image = Image.fromarray(rng.integers(0, 256, (20, 14, 4), np.uint8), "RGBA").convert(mode)
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    image.save(path)
    assert np.array_equal(pixels(str(path), channels, 8)[0], read_image(path, channels, 8))


def test_escape_by_hand() -> None:
    assert escape("a*b <i>\nc") == "a\\*b \\<i\\> c"
