"""The process that opens an untrusted upload: unpacks and loads it under limits of memory, time and file size.

Run as `python -m api.datasets.check` with one JSON document on stdin; answers one on stdout. It ends before its result is
used, so that whatever a hostile file does to it stays there.
"""

from pathlib import Path
from typing import Any

from api.datasets.archive import ArchiveLimits, check_arrays, is_npz, unpack
from api.datasets.storage import ARRAYS, IMAGES
from api.errors import CheckFailed
from api.processes import child_main


def main() -> None:
    """Reads the request, checks, and answers."""
    child_main(
        lambda request: {
            "summary": check(Path(request["upload"]), Path(request["folder"]), ArchiveLimits(**request["limits"]))
        },
        CheckFailed("The data set needs more memory than its check may use.", fix="Give fewer or smaller images."),
    )


def check(upload: Path, folder: Path, limits: ArchiveLimits) -> dict[str, Any]:
    """Converts an upload to what `nas.data` loads, under `folder`, and loads it once.

    Raises:
        UnsafeArchive: the archive is not safe to unpack.
        InvalidData: it has no usable data set.
    """
    from nas.data import load

    if is_npz(upload):
        dataset_format, target = "npz", folder / ARRAYS
        check_arrays(upload, limits)
        upload.rename(target)
    else:
        dataset_format, target = "image_folder", folder / IMAGES
        root = unpack(upload, folder / "unpacked", limits)
        root.rename(target)
        upload.unlink()
    data = load(str(target))
    return {
        "format": dataset_format,
        "classes": list(data.classes),
        "resolution": data.resolution,
        "channels": data.channels,
        "images": {"train": len(data.train), "val": len(data.val), "test": len(data.test)},
        "skipped": len(data.skipped),
        "warnings": list(data.warnings),
    }


if __name__ == "__main__":
    main()
