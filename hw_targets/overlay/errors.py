"""What can go wrong with an overlay. See `search_spaces.errors.HwnasError` for the common form."""

from search_spaces.errors import HwnasError


class InvalidMachine(HwnasError):
    """A card, overlay or calibration file that cannot be read, or options that the machine does not have."""

    code = "invalid_machine"


class DoesNotFit(HwnasError):
    """A network whose weights and maps exceed the card's memory."""

    code = "does_not_fit"
    status = 422
