"""The bundle: its card shows names as text, and its runner classifies images as the model was trained on them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hw_targets.lowering import lower_int8
from hw_targets.random_weights import random_weights
from nas.bundle.class_tables import escape
from nas.bundle.classify import pixels
from nas.bundle.writer import write_bundle
from nas.data.images import read_image
from nas.data.splits import SPLITS
from nas.spec import Fit
from nas.stages.context import Context
from nas.stages.read_data import read_data
from nas.store import Store
from search_spaces.builder import Graph
from search_spaces.network import Network
from search_spaces.space import Architecture
from tests.nas.bundle.files import KINDS, write
from tests.nas.bundle.outcomes import outcome, receipt_document


def network(channels: int) -> Network:
    g = Graph((channels, 8, 8))
    x = g.conv("stem", g.input, 8, kernel=3, activation="relu")
    g.linear("classifier", g.global_avg_pool("pool", x), 3)
    return g.network("tiny")


def delivered(folder: Path, input_spec: dict[str, Any]) -> Path:
    """A bundle of a tiny network of 8 x 8 grey pixels."""
    made = network(1)
    model = lower_int8(made, random_weights(made))
    write_bundle(
        folder,
        data="<b>data</b>",
        classes=["a", "b|c", "d"],
        input_spec=input_spec,
        architecture=Architecture("tiny", (("resolution", 8),)),
        network=made,
        outcome=outcome(),
        receipt=receipt_document(),
        int8=model,
        fp32=model,
    )
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    spec = {"fit": "stretch", "resize": "bilinear antialiased", "size": 8, "pixel_range": None}
    return delivered(tmp_path / "bundle", spec)


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


@settings(max_examples=150)
@given(
    kind=st.sampled_from(KINDS),
    fit=st.sampled_from(get_args(Fit)),
    channels=st.sampled_from([1, 3]),
    image_size=st.integers(4, 40),
    pixel_range=st.sampled_from([(0, 65535), (0, 4095), (-10, 300), (0, 1)]),
    seed=st.integers(0, 2**31 - 1),
)
def test_the_runner_sees_the_pixels_of_training(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    fit: Fit,
    channels: int,
    image_size: int,
    pixel_range: tuple[float, float],
    seed: int,
) -> None:
    path = write(tmp_path_factory.mktemp("files"), kind, seed)
    spec = {"fit": fit, "size": image_size, "pixel_range": pixel_range}
    expected = read_image(path, channels, image_size, fit=fit, pixel_range=pixel_range)
    assert np.array_equal(pixels(str(path), channels, image_size, spec)[0], expected)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "F.tif"])
def test_bundles_that_say_nothing_of_their_input_stretch(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, kind)
    assert np.array_equal(pixels(str(path), 3, 8)[0], read_image(path, 3, 8))


@pytest.mark.parametrize("fit", get_args(Fit))
def test_the_bundle_reads_as_its_data_set_was_read(tmp_path: Path, fit: Fit) -> None:
    """12 bits used of 16, not square, read at 12 pixels; the network's input is of 8."""
    rng = np.random.default_rng(0)
    for index in range(10):
        values = rng.integers(0, 4096, (30, 20), np.uint16)
        values[0, 0] = 4095
        path = tmp_path / "data" / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)
    context = Context(Store.of(tmp_path / "store"), lambda event: None, lambda: False)
    data = read_data(context, str(tmp_path / "data"), resolution=12, seed=0, fit=fit)
    assert data.per_class == {"train": [3, 3], "val": [1, 1], "test": [1, 1]}
    warned = " ".join(context.warnings)
    assert "values from" in warned and "0 to 4095 become 0 to 255" in warned
    folder = delivered(tmp_path / "bundle", data.input_spec())
    assert json.loads((folder / "architecture.json").read_text())["input"] == {
        "fit": fit,
        "resize": "bilinear antialiased",
        "size": 12,
        "pixel_range": [0, 4095],
    }
    arrays = context.arrays(data)
    trained_on = {image.tobytes() for split in SPLITS for image in arrays.split(split, 8).images}
    code = "import sys; from classify import pixels; sys.stdout.buffer.write(pixels(sys.argv[1], 1, 8).tobytes())"
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=folder, capture_output=True, check=True)
    assert done.stdout in trained_on
    assert max(done.stdout) > 100  # read as 16 bits, no pixel would be above 16


@pytest.mark.parametrize(
    ("fit", "says"),
    [("stretch", "without crop"), ("crop", "middle square and resized to 12x12"), ("pad", "black bars")],
)
def test_the_card_says_how_images_are_read(tmp_path: Path, fit: str, says: str) -> None:
    spec = {"fit": fit, "resize": "bilinear antialiased", "size": 12, "pixel_range": [0, 4095]}
    text = (delivered(tmp_path / "bundle", spec) / "README.md").read_text()
    assert says in text
    assert "and from there to 8x8" in text
    assert "0 to 4095 become 0 to 255" in text


def test_the_lines_of_the_card_run(bundle: Path) -> None:
    Image.new("RGB", (30, 20), "red").save(bundle / "photo.png")
    code = (bundle / "README.md").read_text().split("```")[1].removeprefix("python\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=bundle, capture_output=True, text=True, check=True)
    assert done.stdout.strip() in "012"


def test_escape_by_hand() -> None:
    assert escape("a*b <i>\nc") == "a\\*b \\<i\\> c"
