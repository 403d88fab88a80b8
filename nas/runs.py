"""The files of a finished run besides its result, so that another of its architectures can be exported later. Not here: bundles.

`spec.json` is the search's spec as requested, with the work that its time was resolved to; `candidates.json` has every
architecture that it evaluated, by target.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from nas.errors import UnknownArchitecture, UnknownRun
from nas.events import FrontPoint
from nas.files import write_atomically
from nas.spec import SearchSpec

CANDIDATES: TypeAdapter[dict[str, tuple[FrontPoint, ...]]] = TypeAdapter(dict[str, tuple[FrontPoint, ...]])


def keep(folder: Path, spec: SearchSpec, candidates: Mapping[str, Sequence[FrontPoint]]) -> None:
    """Writes what `select_architecture` reads.

    Raises:
        OutOfSpace: the disk is full.
    """
    write_atomically(folder / "spec.json", spec.model_dump_json(indent=1).encode())
    found = {target: tuple(points) for target, points in candidates.items()}
    write_atomically(folder / "candidates.json", CANDIDATES.dump_json(found, indent=1))


def run_folder(run: str, runs: Path) -> Path:
    """The folder of a run that is named by its folder, or by its name in the folder of runs."""
    folder = Path(run)
    return folder if folder.is_dir() and len(folder.parts) > 1 else runs / run


def select_architecture(folder: Path, architecture: str) -> tuple[SearchSpec, str]:
    """A run's spec, and the canonical string of the named architecture.

    Args:
        folder: of the run.
        architecture: its canonical string, or its id or the beginning of it where the run evaluated it.

    Raises:
        UnknownRun: there is no such run, or one of a version that did not keep its spec.
        UnknownArchitecture: no architecture, or more than one, has an id that begins so.
    """
    try:
        spec = SearchSpec.model_validate_json((folder / "spec.json").read_text())
        points = CANDIDATES.validate_json((folder / "candidates.json").read_text())
    except FileNotFoundError as error:
        raise UnknownRun(
            f"There is no finished run with a search spec in {folder}.",
            fix="Name a run of --out, or run its search again: its results are cached.",
        ) from error
    except ValidationError as error:
        raise UnknownRun(
            f"The run in {folder} is of another version of hwnas.", fix="Run its search again with this version."
        ) from error
    if "=" in architecture:
        return spec, architecture
    by_id = {point.architecture_id: point.architecture for found in points.values() for point in found}
    return spec, by_id[resolve_id(by_id, architecture, str(folder / "candidates.json"))]


def resolve_id(ids: Collection[str], architecture: str, listed: str) -> str:
    """The id of an evaluated architecture by the id or its beginning; `listed` names the list of all of them.

    Raises:
        UnknownArchitecture: no architecture, or more than one, has an id that begins so.
    """
    found = [one for one in ids if architecture and one.startswith(architecture)]
    if architecture in found:
        return architecture
    if len(found) == 1:
        return found[0]
    raise UnknownArchitecture(
        f"{len(found) or 'No'} architectures of the run have ids that begin with {architecture!r}.",
        fix="Give more of the id." if found else f"Use an id of the front or of {listed}.",
        facts={"known": (found or list(ids))[:20]},
    )
