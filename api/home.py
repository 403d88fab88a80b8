"""What clients are told when the server's home is full or closed to it. No paths: those are in the log."""

from nas.errors import OutOfSpace, UnwritableFolder
from nas.files import write_error
from search_spaces.errors import HwnasError


def home_error(error: OSError) -> HwnasError | None:
    """The typed error of a home that is full or closed to the server; None of anything else."""
    found = write_error(error)
    if isinstance(found, OutOfSpace):
        return home_full()
    return None if found is None else home_forbidden()


def home_full() -> OutOfSpace:
    """The disk is full."""
    return OutOfSpace("The disk of the server's home is full.", fix="Free space there and try again.")


def home_forbidden() -> UnwritableFolder:
    """The server has not the right to use it."""
    return UnwritableFolder(
        "The server lacks the right to a file or folder of its home.",
        fix="Give the user that runs the server the right to read and write all of it (hwnas doctor tells where), and try again.",
    )
