"""The environment of Python processes that this one starts."""

import os
import sys
from pathlib import Path


def child_environment(**extra: str) -> dict[str, str]:
    """The environment of a child Python that imports what this process imports."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path), **extra}
