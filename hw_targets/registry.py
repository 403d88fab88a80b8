"""Finds targets by id: those that come with the package, and those of other packages.

An id is a name with options: `cpu`, `cpu:threads=2`, `name:key=value,flag`. Other packages add targets through the
entry-point group `hwnas.targets`, whose entries are `TargetEntry` values. Not here: any target.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final, Literal

from hw_targets import cpu, cuda
from hw_targets.errors import UnknownTarget
from hw_targets.plugins import loaded
from hw_targets.target import Target

if TYPE_CHECKING:
    from hw_targets.overlay.registry import Listed

GROUP: Final = "hwnas.targets"


@dataclass(frozen=True, slots=True)
class Option:
    """An option's values, for input forms.

    Attributes:
        kind: `choice` is one of `values`.
        default: when it is absent; an empty string where that depends on other options.
        values: those of a choice.
        bare: whether a value is written by itself, `board:VALUE`, in place of `board:name=VALUE`.
        summary: one line.
    """

    name: str
    kind: Literal["choice", "integer", "number", "text"]
    summary: str
    default: str = ""
    values: tuple[str, ...] = ()
    bare: bool = False


@dataclass(frozen=True, slots=True)
class TargetEntry:
    """A kind of target that users can name.

    Attributes:
        name: what its ids begin with.
        summary: one line.
        create: builds it from its options (a flag's value is an empty string), without touching hardware or files.
            Raises `UnknownTarget` for options it does not have.
        unavailable: why it cannot be used on this machine, or an empty string; may be slow.
        options: what each option means, by name.
        takes: the options' values; an option that is not listed takes a text.
    """

    name: str
    summary: str
    create: Callable[[Mapping[str, str]], Target]
    unavailable: Callable[[], str]
    options: Mapping[str, str] = field(default_factory=dict)
    takes: tuple[Option, ...] = ()

    @property
    def forms(self) -> tuple[Option, ...]:
        """Every option with its values."""
        given = {name for option in self.takes for name in (option.values if option.bare else (option.name,))}
        return (*self.takes, *(Option(name, "text", text) for name, text in self.options.items() if name not in given))

    @property
    def reason(self) -> str:
        """Why it cannot be used on this machine, or an empty string."""
        return self.unavailable()

    @property
    def available(self) -> bool:
        """Whether it can be used on this machine."""
        return not self.reason

    def to_json(self) -> dict[str, object]:
        """What a listing shows of it."""
        reason = self.reason
        return {
            "id": self.name,
            "summary": self.summary,
            "options": dict(self.options),
            "available": not reason,
            "reason": reason,
        }


BUILT_IN: Final = (
    TargetEntry(
        "cpu",
        "this machine's processor, INT8 on ONNX Runtime",
        lambda options: cpu.CpuTarget(cpu.threads_of(options)),
        cpu.unavailable,
        {"threads": "how many threads one network runs on, 1 when absent"},
        (Option("threads", "integer", "how many threads one network runs on", default="1"),),
    ),
    TargetEntry(
        "cuda",
        "this machine's NVIDIA GPU, FP16 on PyTorch, tables and estimates only",
        lambda options: cuda.CudaTarget(cuda.batch_of(options)),
        cuda.unavailable,
        {
            "batch": "images of a run, 1 when absent; latencies are of the whole batch",
            "runtime": "how networks run: graph",
        },
        (
            Option("batch", "integer", "images of a run; latencies are of the whole batch", default="1"),
            Option("runtime", "choice", "how networks run", default="graph", values=("graph",)),
        ),
    ),
)


def targets() -> tuple[TargetEntry, ...]:
    """Every kind of target that is installed, by name; one that comes with the package is never replaced."""
    found = {entry.name: entry for entry in loaded(entry_points(group=GROUP), TargetEntry, _broken)}
    found |= {entry.name: entry for entry in (*of_boards(), *BUILT_IN)}
    return tuple(found[name] for name in sorted(found))


def of_boards() -> list[TargetEntry]:
    """One entry a board that the overlay simulator knows, the user's own among them."""
    from hw_targets.overlay import registry as overlays

    return [_of_board(board) for board in overlays.listed()]


def _of_board(board: "Listed") -> TargetEntry:
    from hw_targets.overlay import registry as overlays

    def create(options: Mapping[str, str]) -> Target:
        from hw_targets.overlay.target import OverlayTarget

        given = ",".join(f"{key}={value}" if value else key for key, value in options.items())
        return OverlayTarget(overlays.machine(f"{board.name}:{given}"))

    summary = "cannot be read" if board.problem else f"{board.title}, INT8, simulated"
    builds = {name: "the build" + (" (default)" if name == board.builds[0] else "") for name in board.builds}
    takes = (
        Option("build", "choice", "the build of the board", next(iter(builds), ""), tuple(builds), bare=True),
        Option("clock", "number", overlays.OPTIONS["clock"]),
    )
    return TargetEntry(board.name, summary, create, lambda: board.problem, {**builds, **overlays.OPTIONS}, takes)


def _broken(name: str, reason: str) -> TargetEntry:
    def create(_: Mapping[str, str]) -> Target:
        raise UnknownTarget(
            f"The target {name!r} cannot be loaded: {reason}.", fix="Fix or remove the package that provides it."
        )

    return TargetEntry(name, "cannot be loaded", create, lambda: reason)


def target(target_id: str) -> Target:
    """The target of an id such as `cpu:threads=2`. Cheap: no runtime is loaded and no device touched.

    Raises:
        UnknownTarget: no such target is installed, or it has no such option.
    """
    name, options = parse(target_id)
    known = {entry.name: entry for entry in targets()}
    if name not in known:
        raise UnknownTarget(
            f"There is no target {name!r}.",
            fix=f"Use one of {', '.join(known)}.",
            facts={"target": target_id, "known": list(known)},
        )
    return known[name].create(options)


def parse(target_id: str) -> tuple[str, dict[str, str]]:
    """Name and options of an id: `a:b=1,c` is `a` with `b` "1" and `c` "".

    Raises:
        UnknownTarget: it is not of that form, or gives an option twice.
    """
    name, colon, rest = target_id.strip().partition(":")
    items = [item.partition("=") for item in rest.split(",")] if colon else []
    options = {key.strip(): value.strip() for key, _, value in items}
    if not name or "" in options or len(options) != len(items):
        raise UnknownTarget(
            f"{target_id!r} is no target id.",
            fix="Write a name with options, each once: cpu, or cpu:threads=2.",
            facts={"target": target_id},
        )
    return name, options
