"""Reads a folder of class folders of images: decides resolution and channels, decodes in threads.

Not here: which files there are (`listing.py`), how one becomes an array (`images.py`), checks of classes (`checks.py`).
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from nas.data.images import Header, PixelRange, UnreadableImage, common_range, read_header, read_image
from nas.data.listing import Listing, list_folder, shown_path
from nas.data.resize import resize_note
from nas.data.splits import SPLITS, Progress, Raw, Split, SplitName, check_memory, choose_image_size, usable_cores
from nas.errors import InvalidData
from nas.spec import Fit

MAX_SKIPPED_SHARE: Final = 0.01
"""Corrupt files up to this share of all are left out and reported; more are an error."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def read_folder(
    root: Path, *, resolution: int | None = None, fit: Fit = "stretch", on_progress: Progress | None = None
) -> Raw:
    """Reads a folder of class folders.

    Channels are 1 when all images are grey, else 3. The resolution is `resolution`, or `default_image_size`. More than 8
    bits a channel are scaled by the range of the training images. Corrupt files are left out and reported.

    Raises:
        InvalidData: as `list_folder`; more than 1 % of the files are corrupt; all pixels together are too many.
    """
    listing = list_folder(root)
    files = [(split, path, label) for split in SPLITS for path, label in listing.files.get(split, [])]
    paths = [path for _, path, _ in files]
    skipped: dict[int, str] = {}

    def at_zero(_: int, total: int) -> None:
        if on_progress is not None:
            on_progress(0, total)

    with quiet_pillow(), ThreadPoolExecutor(usable_cores()) as pool:
        headers = _each(pool, read_header, paths, range(len(paths)), skipped, at_zero)
        _check_skipped(root, paths, skipped)
        known = list(headers.values())
        channels = 1 if all(header.grey for header in known) else 3
        sizes = {(header.width, header.height) for header in known}
        short = np.array([min(header.width, header.height) for header in known], np.int64)
        image_size, notes = choose_image_size(
            short, resolution, one_square_size=len(sizes) == 1 and sizes == {size[::-1] for size in sizes}
        )
        trained_on = [header for index, header in headers.items() if files[index][0] == "train"]
        pixel_range = common_range(trained_on)
        check_memory(len(headers), channels, image_size)
        pixels = np.empty((len(files), channels, image_size, image_size), np.uint8)

        def decode(index: int) -> None:
            pixels[index] = read_image(paths[index], channels, image_size, fit=fit, pixel_range=pixel_range)

        _each(pool, decode, range(len(paths)), list(headers), skipped, on_progress)
        _check_skipped(root, paths, skipped)
    notes = (*resize_note(sizes, image_size, fit), *notes, *_notes(known, trained_on, pixel_range))
    return _raw(root, listing, files, pixels, skipped, notes, pixel_range)


def _notes(headers: list[Header], trained_on: list[Header], pixel_range: PixelRange | None) -> list[str]:
    """Notices about colours and values."""
    notes = []
    grey = sum(header.grey for header in headers)
    if 0 < grey < len(headers):
        notes.append(f"{grey} of {len(headers)} images are grey and are read as RGB like the others.")
    if pixel_range not in (None, (0, 65535)):
        deep = [header.values for header in trained_on if header.values is not None]
        low, high = min(low for low, _ in deep), max(high for _, high in deep)
        notes.append(
            f"{len(deep)} training images have more than 8 bits a channel, with values from {low:g} to {high:g}: "
            "{:g} to {:g} become 0 to 255 in all images of that kind.".format(*pixel_range or ())
        )
    return notes


def _raw(
    root: Path,
    listing: Listing,
    files: list[tuple[SplitName, Path, int]],
    pixels: NDArray[np.uint8],
    skipped: dict[int, str],
    notes: tuple[str, ...],
    pixel_range: PixelRange | None,
) -> Raw:
    """Cuts the pixels into splits, without the files that were skipped."""
    splits: dict[SplitName, Split] = {}
    start = 0
    for split in SPLITS:
        if split not in listing.files:
            continue
        stop = start + len(listing.files[split])
        kept = np.array([index for index in range(start, stop) if index not in skipped], np.int64)
        labels = np.array([files[index][2] for index in kept], np.int64)
        splits[split] = Split(pixels[start:stop] if len(kept) == stop - start else pixels[kept], labels)
        start = stop
    reasons = tuple(f"{shown_path(files[i][1], root)}: {skipped[i]}" for i in sorted(skipped))
    warned = (*listing.warnings, *notes)
    if reasons:
        warned = (*warned, f"{len(reasons)} of {len(files)} images cannot be read and are left out.")
    return Raw(listing.classes, splits, reasons, warned, pixel_range)


def _each(
    pool: ThreadPoolExecutor,
    function: Callable[[_Item], _Result],
    items: Sequence[_Item],
    indices: Sequence[int],
    skipped: dict[int, str],
    on_progress: Progress | None,
) -> dict[int, _Result]:
    """Applies a function to the items at `indices`, in chunks over the threads; unreadable ones go to `skipped`."""

    def work(chunk: Sequence[int]) -> list[tuple[int, _Result | UnreadableImage]]:
        done: list[tuple[int, _Result | UnreadableImage]] = []
        for index in chunk:
            try:
                done.append((index, function(items[index])))
            except UnreadableImage as error:
                done.append((index, error))
        return done

    results: dict[int, _Result] = {}
    futures = [pool.submit(work, indices[start : start + 64]) for start in range(0, len(indices), 64)]
    try:
        for future in futures:
            for index, result in future.result():
                if isinstance(result, UnreadableImage):
                    skipped[index] = str(result)
                else:
                    results[index] = result
            if on_progress is not None:
                on_progress(len(results) + len(skipped), len(indices))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    return results


def _check_skipped(root: Path, paths: list[Path], skipped: dict[int, str]) -> None:
    if len(skipped) <= MAX_SKIPPED_SHARE * len(paths):
        return
    listed = [f"{shown_path(paths[index], root)}: {skipped[index]}" for index in sorted(skipped)[:20]]
    raise InvalidData(
        f"{len(skipped)} of {len(paths)} images cannot be read, more than {MAX_SKIPPED_SHARE:.0%}; the first is {listed[0]}.",
        fix="Repair or remove these files, or let hwnas read them where permission is denied.",
        facts={"unreadable": len(skipped), "images": len(paths), "files": list(listed)},
    )


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silences Pillow's warnings about odd metadata; the result reports what matters."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield
