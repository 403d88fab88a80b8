"""Which version of the program this is."""

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """The installed version of the package."""
    try:
        return version("hwnas")
    except PackageNotFoundError:
        return "0+unknown"
