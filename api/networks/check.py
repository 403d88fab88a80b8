"""The process that opens an untrusted network: reads its structure and its weights under limits of memory and time.

Run as `python -m api.networks.check` with one JSON document on stdin; answers one on stdout.
"""

from pathlib import Path
from typing import Any, Final

from api.errors import CheckFailed
from api.processes import child_main

SIDE: Final = 224
"""Side of the input in pixels, where the file leaves it open."""


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
        InvalidSpace: it is no classifier, or has operators that are not trained here.
    """
    from search_spaces.derived import Derivation
    from search_spaces.errors import UnreadableModel
    from search_spaces.onnx_weights import read_trained

    content = upload.read_bytes()  # as bytes, it opens no other file
    try:
        trained = read_trained(content)
    except UnreadableModel:
        trained = read_trained(content, input_size=SIDE)
    derivation = Derivation.of(trained.network)
    channels, side, _ = derivation.network.input_shape
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
