"""The files of the repository, for tests of the project as a whole. No tests."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("search_spaces", "hw_targets", "latency_models", "nas", "api")


def tracked() -> list[Path]:
    """Files of the repository; in an unpacked archive, without git, those of the packages."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]
    folders = [ROOT / name for name in (*PACKAGES, "benchmarks", "tests")]
    return [path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Python files that are no tests, parsed."""
    for path in tracked():
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] != "tests":
            yield path, ast.parse(path.read_text())
