"""The process that opens a stranger's file: unpacks and loads an upload under limits of memory, time and file size.

Run as `python -m api.datasets.check` with one JSON document on stdin; answers one on stdout. It ends before its result is
believed, so that whatever a hostile file does to it stays there.
"""

from pathlib import Path
from typing import Any

from api.datasets.archive import Bounds, check_arrays, is_npz, unpack
from api.datasets.storage import ARRAYS, IMAGES
from api.errors import CheckFailed
from api.processes import answer


def main() -> None:
    """Reads the request, checks, and answers."""
    answer(
        lambda request: {
            "summary": check(Path(request["upload"]), Path(request["folder"]), Bounds(**request["bounds"]))
        },
        CheckFailed("The data set needs more memory than its check may use.", fix="Give fewer or smaller images."),
    )


def check(upload: Path, folder: Path, bounds: Bounds) -> dict[str, Any]:
    """Brings an upload into the form that `nas.data` loads, under `folder`, and loads it once.

    Raises:
        UnsafeArchive, InvalidData: as they say.
    """
    from nas.data import load

    if is_npz(upload):
        form, place = "npz", folder / ARRAYS
        check_arrays(upload, bounds)
        upload.rename(place)
    else:
        form, place = "image_folder", folder / IMAGES
        root = unpack(upload, folder / "unpacked", bounds)
        root.rename(place)
        upload.unlink()
    data = load(str(place))
    return {
        "format": form,
        "classes": list(data.classes),
        "resolution": data.resolution,
        "channels": data.channels,
        "images": {"train": len(data.train), "val": len(data.val), "test": len(data.test)},
        "skipped": len(data.skipped),
        "warnings": list(data.warnings),
    }


if __name__ == "__main__":
    main()
