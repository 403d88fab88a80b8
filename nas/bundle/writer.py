"""Writes the bundle of a final model. Not here: the content of its documents."""

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from nas.bundle.model_card import model_card
from nas.files import write_atomically
from nas.result import ModelOutcome
from search_spaces.network import Network
from search_spaces.space import Architecture


def write_bundle(
    folder: Path,
    *,
    data: str,
    classes: Sequence[str],
    input_spec: dict[str, Any],
    architecture: Architecture,
    network: Network,
    outcome: ModelOutcome,
    receipt: dict[str, Any],
    int8: bytes,
    fp32: bytes,
) -> None:
    """Writes the bundle's files, each whole or not at all. `input_spec` is how image files became pixels in training.

    Raises:
        OutOfSpace: the disk is full; the model stays in the store.
    """
    document = {
        "architecture": architecture.to_json(),
        "classes": list(classes),
        "input": input_spec,
        "network": network.to_json(),
    }
    text = model_card(
        data=data, classes=classes, input_spec=input_spec, network=network, outcome=outcome, receipt=receipt
    )
    contents = {
        "model.int8.onnx": int8,
        "model.fp32.onnx": fp32,
        "architecture.json": json.dumps(document, indent=1).encode(),
        "receipt.json": json.dumps(receipt, indent=1).encode(),
        "README.md": text.encode(),
        "classify.py": (files("nas.bundle") / "classify.py").read_bytes(),
    }
    for name, content in contents.items():
        write_atomically(folder / name, content)
