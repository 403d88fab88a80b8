"""A look at a data set before anything is learned from it: what is there, what is wrong with it, and what a search will do about it.

Not here: reading the images (`pictures.py`), finding copies (`copies.py`), drawing (`contact_sheet.py`).
"""

from collections import Counter
from collections.abc import Sequence
from math import sqrt
from statistics import median
from typing import Final, Literal

import numpy as np
from pydantic import Field

from nas.data.copies import MOST, Copies, exact_copies, groups, near_copies
from nas.data.dataset import DataSet, load
from nas.data.pictures import Picture, Pictures, read_pictures
from nas.data.splits import Progress
from nas.errors import InvalidData
from nas.frozen import FrozenModel
from nas.spec import Fit

LISTED: Final = 100
"""Files and groups of copies that a report names; it counts all."""
UNSURE: Final = 0.05
"""An accuracy that is known less exactly than this, as half of a 95 % interval, is said to be."""


class Finding(FrozenModel):
    """Something about a data set that its owner should know."""

    severity: Literal["error", "warning"] = Field(description="error: no search begins with these data")
    what: str
    action: str = Field(description="what to do about it, or what a search does; may be empty")


class ClassImages(FrozenModel):
    """How many images of a class each split has as a search uses them, missing splits split off."""

    name: str
    train: int
    val: int
    test: int


class Sizes(FrozenModel):
    """Widths and heights, in pixels."""

    distinct: int = Field(description="how many pairs of width and height there are")
    width: tuple[int, int, int] = Field(description="least, median, most")
    height: tuple[int, int, int]


class CopiesFound(FrozenModel):
    """Images that are in the data more than once."""

    exact: int = Field(description="images with the content of an earlier one")
    near: int | None = Field(
        description="pairs that are nearly the same; null where there are too many images to compare"
    )
    across_splits: int = Field(
        description="images of the validation and test set with a copy, exact or near, in another split"
    )
    other_class: int = Field(description="pairs of copies that bear different classes")
    groups: tuple[tuple[str, ...], ...] = Field(description="the first groups of copies, by the images' names")


class DataReport(FrozenModel):
    """What is known of a data set."""

    source: str
    usable: bool = Field(description="whether a search would begin with it")
    images: int = Field(description="that can be read")
    classes: tuple[ClassImages, ...] = Field(description="empty where no search would begin")
    given_splits: tuple[str, ...] = Field(description="splits of the source; the others are split off train")
    resolution: int | None = Field(description="image size that a search reads by default, in pixels")
    sizes: Sizes | None
    grey: int = Field(description="images without colours")
    unreadable: int
    unreadable_files: tuple[tuple[str, str], ...] = Field(description="name and reason of the first ones")
    copies: CopiesFound
    findings: tuple[Finding, ...]


def report(
    source: str, *, seed: int = 0, fit: Fit = "stretch", on_progress: Progress | None = None
) -> tuple[DataReport, Pictures]:
    """The report of a data set, and its images in little.

    Images from which nothing can be learned are no error: the report says so.

    Args:
        source: as for `dataset.load`.
        seed: of the splits that are missing.
        fit: how images become square.
        on_progress: receives how far the reading is.

    Raises:
        InvalidData: there is no data set, or its layout cannot be read.
    """
    findings: list[Finding] = []
    pictures = read_pictures(source, on_progress)
    data = _loaded(source, seed, fit, on_progress, findings)
    exact = exact_copies([one.digest for one in pictures.images])
    near = None if len(pictures.images) > MOST else _near(pictures, exact)
    findings += _of_copies(pictures, exact, near)
    if data is not None:
        findings += _of_size(data)
    order = {"error": 0, "warning": 1}
    return DataReport(
        source=source,
        usable=data is not None,
        images=len(pictures.images),
        classes=() if data is None else _per_class(data),
        given_splits=pictures.splits,
        resolution=None if data is None else data.resolution,
        sizes=_sizes(pictures.images),
        grey=sum(one.grey for one in pictures.images),
        unreadable=len(pictures.unreadable),
        unreadable_files=pictures.unreadable[:LISTED],
        copies=_counted(pictures, exact, near),
        findings=tuple(sorted(findings, key=lambda one: order[one.severity])),
    ), pictures


def _loaded(source: str, seed: int, fit: Fit, on_progress: Progress | None, findings: list[Finding]) -> DataSet | None:
    """The data as a search reads them, with what it says of them."""
    try:
        data = load(source, seed=seed, fit=fit, on_progress=on_progress)
    except InvalidData as error:
        findings.append(Finding(severity="error", what=error.detail, action=error.fix))
        return None
    findings += [Finding(severity="warning", what=warning, action="") for warning in data.warnings]
    return data


def _near(pictures: Pictures, exact: Sequence[Copies]) -> list[Copies]:
    if not pictures.images:
        return []
    return near_copies(np.stack([one.miniature for one in pictures.images]), exact)


def _across(pictures: Pictures, pairs: Sequence[Copies]) -> set[int]:
    """Images of the validation or test set with a copy in another split."""
    images = pictures.images
    found = set()
    for group in groups(pairs):
        splits = {images[index].split for index in group}
        if len(splits) > 1:
            found |= {index for index in group if images[index].split != "train"}
    return found


def _counted(pictures: Pictures, exact: Sequence[Copies], near: Sequence[Copies] | None) -> CopiesFound:
    images, pairs = pictures.images, [*exact, *(near or ())]
    named = tuple(tuple(images[index].name for index in group) for group in groups(pairs)[:LISTED])
    other = sum(images[pair.first].label != images[pair.second].label for pair in pairs)
    return CopiesFound(
        exact=len(exact),
        near=None if near is None else len(near),
        across_splits=len(_across(pictures, pairs)),
        other_class=other,
        groups=named,
    )


def _of_copies(pictures: Pictures, exact: Sequence[Copies], near: Sequence[Copies] | None) -> list[Finding]:
    pairs, findings = [*exact, *(near or ())], []
    across, images = _across(pictures, pairs), pictures.images
    if across:
        findings.append(
            _warning(
                f"{len(across)} images of the validation and test set have a copy, exact or near, in another split: metrics on them are "
                "too high.",
                "Remove them, or keep all copies of an image in one split. A search uses them as they are.",
            )
        )
    inside = sum(pair.second not in across and pair.first not in across for pair in pairs)
    if inside and len(pictures.splits) < 3:
        findings.append(
            _warning(
                f"{inside} pairs of images are copies, exact or near, of each other. Splits that are missing are drawn image by image, "
                "so that copies can end up on both sides, and metrics are too high then.",
                "Keep one of each, or give splits of your own with all copies of an image in one of them.",
            )
        )
    other = [pair for pair in pairs if images[pair.first].label != images[pair.second].label]
    if other:
        first = other[0]
        names = " and ".join(
            f"{images[i].name} ({pictures.classes[images[i].label]})" for i in (first.first, first.second)
        )
        findings.append(
            _warning(
                f"{len(other)} pair{'s' * (len(other) > 1)} of copies bear{'s' * (len(other) == 1)} different classes, such as {names}.",
                "Look which class is right, and remove the other.",
            )
        )
    if near is None:
        findings.append(
            _warning(
                f"Near copies are searched among at most {MOST:,} images.", "Exact copies were searched among all."
            )
        )
    return findings


def _of_size(data: DataSet) -> list[Finding]:
    """How exactly a metric can be known."""
    count = len(data.test)
    half = 1.96 * sqrt(0.25 / count)
    if half <= UNSURE:
        return []
    return [
        _warning(
            f"The test set has {count} images: an accuracy of 50 % is known to ±{100 * half:.0f} points (95 % interval), one of 95 % to "
            f"±{100 * 1.96 * sqrt(0.95 * 0.05 / count):.0f}.",
            "Collect more images, or compare networks that differ by more than that only.",
        )
    ]


def _warning(what: str, action: str) -> Finding:
    return Finding(severity="warning", what=what, action=action)


def _per_class(data: DataSet) -> tuple[ClassImages, ...]:
    counts = [split.counts(len(data.classes)).tolist() for split in (data.train, data.val, data.test)]
    return tuple(
        ClassImages(name=name, train=train, val=val, test=test)
        for name, train, val, test in zip(data.classes, *counts, strict=True)
    )


def _sizes(images: Sequence[Picture]) -> Sizes | None:
    if not images:
        return None

    def three(values: list[int]) -> tuple[int, int, int]:
        return min(values), int(median(values)), max(values)

    widths, heights = [one.width for one in images], [one.height for one in images]
    distinct = len(Counter(zip(widths, heights, strict=True)))
    return Sizes(distinct=distinct, width=three(widths), height=three(heights))
