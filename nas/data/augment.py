"""Which random changes of training images there are, and which suit what data. Needs no torch; `batches.py` applies them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Augment:
    """Random changes of training images; the same random numbers at every resolution. Pixels from outside are zeros.

    Attributes:
        shift: largest shift in each direction, as a fraction of the image size; by whole pixels.
        turn_deg: largest rotation in each direction, about the middle.
        zoom: largest change of size, as a factor to or from 1: 0.1 is between 1 / 1.1 and 1.1.
        crop: smallest share of the area that a random crop keeps, at any place and of a shape between 4:5 and 5:4; it is scaled to
            the whole image (Szegedy et al. 2015, section 6). 1 keeps all.
        colour: largest change of brightness, contrast and saturation, as a fraction.
        flip: mirror half of the images left to right.
    """

    shift: float = 0.0
    turn_deg: float = 0.0
    zoom: float = 0.0
    crop: float = 1.0
    colour: float = 0.0
    flip: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.shift <= 0.5:
            raise ValueError(f"shift {self.shift} is not between 0 and 0.5")
        if not 0 <= self.turn_deg <= 180 or not 0 <= self.zoom <= 1:
            raise ValueError(
                f"turn_deg {self.turn_deg} is not between 0 and 180, or zoom {self.zoom} not between 0 and 1"
            )
        if not 0 < self.crop <= 1 or not 0 <= self.colour < 1:
            raise ValueError(f"crop {self.crop} is not above 0 and up to 1, or colour {self.colour} not from 0 up to 1")


NO_AUGMENT: Final = Augment()
LIGHT: Final = Augment(shift=1 / 8, turn_deg=10.0, zoom=0.1)
"""For digits, letters and many splits: nothing that is not symmetric is mirrored, nothing is cut away."""
PHOTO: Final = Augment(turn_deg=5.0, crop=0.5, colour=0.25, flip=True)
"""For photographs."""
