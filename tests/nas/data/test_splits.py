"""Parts of a data set, the side of its images, and bounds on it."""

import numpy as np
import pytest

from nas.data.splits import Split, check_image_size, check_memory, choose_image_size, default_image_size
from nas.errors import InvalidData


@pytest.mark.parametrize(
    ("image_sizes", "one_square_size", "expected"),
    [
        ([28], True, 28),
        ([64], True, 64),
        ([65], True, 64),
        ([100], True, 96),
        ([150], True, 96),
        ([640], False, 96),
        ([95], False, 64),
        ([64], False, 64),
        ([63], False, 56),
        ([30, 45, 90], False, 40),
        ([7], False, 7),
    ],
)
def test_the_default_resolution(image_sizes: list[int], one_square_size: bool, expected: int) -> None:
    assert default_image_size(np.array(image_sizes), one_square_size=one_square_size) == expected


def test_the_price_of_detail_is_said_where_detail_is_lost() -> None:
    def note(image_size: int, resolution: int | None = None) -> str:
        return "".join(choose_image_size(np.array([image_size]), resolution, one_square_size=True)[1])

    assert note(150) == (
        "Images are read at 96 x 96 pixels by default; --resolution N keeps more detail and costs about (N/96)^2 times the time."
    )
    assert note(150, 150) == note(64) == note(96) == note(20) == ""


def test_a_part_is_images_with_as_many_labels() -> None:
    images, labels = np.zeros((3, 1, 4, 4), np.uint8), np.array([0, 2, 2])
    split = Split(images, labels)
    assert len(split) == 3 and split.counts(4).tolist() == [1, 0, 2, 0]
    assert split.take(np.array([2, 0])).labels.tolist() == [2, 0]
    with pytest.raises(ValueError, match="3 images"):
        Split(images, labels[:2])
    with pytest.raises(TypeError, match="uint8"):
        Split(images.astype(np.float32), labels)


def test_sides_and_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for image_size in (3, 4097):
        with pytest.raises(InvalidData, match="outside 4 to 4096"):
            check_image_size(image_size)
    monkeypatch.setattr("nas.data.splits.MAX_BYTES", 1 << 30)
    check_memory(1 << 10, 1, 1 << 10)
    with pytest.raises(InvalidData, match=r"need 3\.0 GiB, more than 1 GiB"):
        check_memory(1 << 10, 3, 1 << 10)
