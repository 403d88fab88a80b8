"""What a node has that must be as here before work is sent to it: the code of hwnas, and the versions of Python and Ray."""

import hashlib
import platform
import socket
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

CHECKED: Final = {"hwnas": "hwnas", "code": "the code of hwnas", "python": "Python", "ray": "Ray"}
PACKAGES: Final = ("search_spaces", "hw_targets", "latency_models", "nas")


def describe() -> dict[str, str]:
    """The versions of this process: of hwnas with a digest of its code, of Python (major and minor) and of Ray; and the host's name."""
    return {
        "hwnas": _version("hwnas"),
        "code": code_digest(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "ray": _version("ray"),
        "host": socket.gethostname(),
    }


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """In words, what of another node is not as here."""
    return [
        f"{title} {theirs.get(name, 'none')} (here {ours[name]})"
        for name, title in CHECKED.items()
        if theirs.get(name) != ours[name]
    ]


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


@cache
def code_digest() -> str:
    """A short hash of the engine's Python files, since unequal code of one version would give unequal results."""
    root, digest = Path(__file__).parents[2], hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
