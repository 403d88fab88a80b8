"""Where trained networks lie on the disk: a folder each, with one ONNX file that bears the network's name."""

import re
from pathlib import Path


def file_name(name: str) -> str:
    """The file of a network of a name: what a search calls the network."""
    return (re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_") or "network") + ".onnx"


def source(networks: Path, network_id: str) -> Path:
    """The path that the engine starts from for the id of a network that exists."""
    return next((networks / network_id).glob("*.onnx"))
