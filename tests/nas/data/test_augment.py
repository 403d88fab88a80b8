"""Random changes of training images, as values."""

import pytest

from nas.data.augment import LIGHT, NO_AUGMENT, PHOTO, Augment


@pytest.mark.parametrize(
    "wrong", [{"shift": 0.6}, {"turn_deg": -1.0}, {"zoom": 1.5}, {"crop": 0.0}, {"colour": 1.0}], ids=str
)
def test_a_change_beyond_all_measure_is_no_augmentation(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"not (between 0 and|above 0|from 0)"):
        Augment(**wrong)  # type: ignore[arg-type]


def test_only_photographs_are_mirrored_and_cut() -> None:
    assert PHOTO.flip and PHOTO.crop < 1
    for one in (NO_AUGMENT, LIGHT):
        assert not one.flip and one.crop == 1
