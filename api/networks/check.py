"""The process that opens an untrusted network: reads its structure and its weights under limits of memory and time.

Run as `python -m api.networks.check` with one JSON document on stdin; answers one on stdout.
"""

from pathlib import Path
from typing import Any, Final

from api.errors import CheckFailed
from api.processes import child_main

SIDE: Final = 224
"""Side of the input in pixels, where the file leaves it open."""

_FOREIGN: Final = {
    b"\x80": "a pickle",
    b"PK\x03\x04": "a zip archive, as PyTorch and Keras write them,",
    b"\x89HDF": "an HDF5 file, as Keras writes it,",
}
"""First bytes of files that hold networks in other forms."""


def main() -> None:
    """Reads the request, checks, and answers."""
    child_main(
        lambda request: {"summary": check(Path(request["upload"]))},
        CheckFailed("The network needs more memory than its check may use.", fix="Give a smaller network."),
    )


def check(upload: Path) -> dict[str, Any]:
    """What a search could do with a network.

    Raises:
        UnreadableModel: it is no ONNX file, or its weights cannot be read.
        InvalidSpace: it is no classifier of grey or RGB images, has operators that are not trained here, or begins with something
            that pixels cannot be scaled in.
    """
    from nas.own_source import CONVENTIONS, EXPORT, folded
    from search_spaces.derived import Derivation
    from search_spaces.errors import InvalidSpace, UnreadableModel
    from search_spaces.onnx_weights import read_trained

    content = upload.read_bytes()  # as bytes, it opens no other file
    for first, form in _FOREIGN.items():
        if content.startswith(first):
            raise UnreadableModel(f"The upload is {form} and no ONNX file; it is not read.", fix=EXPORT)
    trained = read_trained(content, open_size=SIDE)
    derivation = Derivation.of(trained.network)
    channels, side, _ = derivation.network.input_shape
    if channels not in (1, 3):
        raise InvalidSpace(
            f"A search cannot start from this network: it reads {channels} channels.",
            fix="Start from a network that reads images of 1 or 3 channels.",
        )
    folded(trained, CONVENTIONS[0], channels)  # as a search does first
    return {
        "classes": derivation.classes,
        "channels": channels,
        "side": side,
        "only_side": derivation.fixed_side is not None,
        "prunable_share": derivation.prunable_share,
        "frozen": [{"layers": len(one.layers), "reason": one.reason} for one in derivation.frozen],
    }


if __name__ == "__main__":
    main()
