"""The errors of a home folder that is full or not writable, as clients see them: without paths, which are in the log."""

from nas.errors import OutOfSpace, UnwritableFolder
from nas.files import write_error
from search_spaces.errors import HwnasError


def home_error(error: OSError) -> HwnasError | None:
    """The typed error of a full disk or a missing permission; None of any other error."""
    found = write_error(error)
    if isinstance(found, OutOfSpace):
        return home_full()
    return None if found is None else home_forbidden()


def home_full() -> OutOfSpace:
    """The disk is full."""
    return OutOfSpace("The disk of the server's home is full.", fix="Free space there and try again.")


def home_forbidden() -> UnwritableFolder:
    """The server may not read or write it."""
    return UnwritableFolder(
        "The server lacks the right to a file or folder of its home.",
        fix="Give the user that runs the server the right to read and write all of it (hwnas doctor reports where), and try again.",
    )
