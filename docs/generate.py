"""Generates the parts of the documentation that come from the code: options, fields, events, errors, recorded results.

A page marks such a part with `<!-- generated: NAME -->` and `<!-- end -->`. `python -m docs.generate` regenerates all of
them; a test fails where one is out of date. Not here: pictures (`make_pictures.py`), and hand-written text.
"""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, get_args

from docs.recorded import baselines, benchmarks, example_front, example_model, example_picture, photographs

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
GENERATED: Final = re.compile(r"(<!-- generated: (?P<name>[a-z_]+) -->\n).*?(<!-- end -->)", re.DOTALL)

PACKAGES: Final = ("search_spaces", "hw_targets", "latency_models", "nas", "api")

COMMAND_LINE_ERRORS: Final = {
    "usage_error": "The command line is wrong.",
    "missing_package": "A required package is not installed.",
    "file_error": "A file or folder cannot be read or written.",
    "out_of_memory": "There is not enough memory.",
    "internal_error": "A bug in hwnas. The traceback is on stderr.",
}
"""Codes without a class: errors that end a command besides the engine's own (`nas/cli/guard.py`)."""


def grid(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    titles = list(headings)
    lines = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    lines += ["| " + " | ".join(re.sub(r"\s+", " ", c).replace("|", "\\|") for c in row) + " |" for row in rows]
    return "\n".join(lines)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command of the console script, in the order of its help."""
    from typer.main import get_command

    import_module("api.cli")  # adds `serve`
    from nas.cli import app

    group: Any = get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from ((f"{name} {inner}", one) for inner, one in command.commands.items())
        else:
            yield name, command


def options(command: Any) -> Iterator[tuple[str, str, str, str]]:
    """(spelling, kind, default, help) of each argument and option of a command."""
    for parameter in command.params:
        kind = _kind(parameter)
        if parameter.param_type_name == "argument":
            spelling = parameter.metavar or parameter.name.upper()
        else:
            spelling = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
        text = parameter.help or getattr(parameter.type_descriptor.parameter_info, "help", "") or ""
        needed = "required" if parameter.required else _default(parameter)
        yield spelling, kind, needed, text + (" Repeatable." if parameter.multiple and "Repeatable" not in text else "")


def _kind(parameter: Any) -> str:
    if getattr(parameter, "is_flag", False):
        return "flag"
    annotation = parameter.type_descriptor.annotation
    if choices := [value for value in get_args(annotation) if isinstance(value, str)]:
        return ", ".join(f"`{value}`" for value in choices)
    inner = next(iter(get_args(annotation)), annotation)
    return {int: "number", float: "number"}.get(inner, "text")


def _default(parameter: Any) -> str:
    if parameter.default is None or parameter.default is False or callable(parameter.default):
        return ""
    return f"`{parameter.default}`"


def cli() -> str:
    """One section to each command."""
    parts = []
    for name, command in commands():
        rows = list(options(command))
        arguments = " ".join(p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument")
        text = inspect.cleandoc(command.help or "")
        parts.append(
            f"### hwnas {name}\n\n`hwnas {name} {f'{arguments} ' if arguments else ''}[options]`\n\n{text}\n\n"
            + grid(("option", "value", "default", "meaning"), rows)
        )
    return "\n\n".join(parts)


def fields(model: Any) -> str:
    """A pydantic model's fields, by its JSON schema: type and bounds, default, meaning."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    needed = set(schema.get("required", ()))
    rows = []
    for name, one in schema["properties"].items():
        default = "required" if name in needed else f"`{json.dumps(one['default'])}`" if "default" in one else ""
        rows.append((f"`{name}`", _type(one, definitions), default, one.get("description", "")))
    return grid(("field", "type", "default", "meaning"), rows)


def _type(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_type(one, definitions) for one in schema["anyOf"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        if "prefixItems" in schema:
            return "list of " + ", ".join(_type(one, definitions) for one in schema["prefixItems"])
        return f"list of {_type(schema.get('items', {}), definitions)}"
    if kind == "object" and isinstance(extra := schema.get("additionalProperties"), dict):
        return f"object of {_type(extra, definitions)}"
    return str(kind) + _bounds(schema)


def _bounds(schema: Mapping[str, Any]) -> str:
    low = (
        f"above {schema['exclusiveMinimum']:g}"
        if "exclusiveMinimum" in schema
        else f"from {schema['minimum']:,}"
        if "minimum" in schema
        else ""
    )
    high = (
        f"below {schema['exclusiveMaximum']:,}"
        if "exclusiveMaximum" in schema
        else f"to {schema['maximum']:,}"
        if "maximum" in schema
        else ""
    )
    return f" {low} {high}".rstrip() if low or high else ""


def spec() -> str:
    """The search spec's fields."""
    from nas.limits import Limits
    from nas.spec import SearchSpec, TargetBudget
    from nas.work import ProfileWork, Work

    parts = [
        ("Each entry of `targets`", TargetBudget),
        ("`limits`", Limits),
        ("`work`", Work),
        ("Its `profile`", ProfileWork),
    ]
    return "\n\n".join([fields(SearchSpec), *(f"{title}:\n\n{fields(model)}" for title, model in parts)])


def space_spec() -> str:
    """A declared space's fields."""
    from search_spaces.declarative import HeadSpec, SpaceSpec, StageSpec, StemSpec

    parts = [
        ("The space", SpaceSpec),
        ("`stem`", StemSpec),
        ("Each entry of `stages`", StageSpec),
        ("`head`", HeadSpec),
    ]
    return "\n\n".join(f"{title}:\n\n{fields(model)}" for title, model in parts)


def effort() -> str:
    """Each effort's time and the size of its latency table. The rest is resolved when a job runs."""
    from nas.work import EFFORT_S, PROFILES

    rows = (
        (f"`{effort}`", f"{seconds / 60:g}", *(str(size) for size in PROFILES[effort].model_dump().values()))
        for effort, seconds in EFFORT_S.items()
    )
    headings = ("effort", "minutes, about", "networks that fit the latency table", "held out", "timing rounds")
    return grid(headings, rows)


def known_spaces() -> str:
    """The spaces that come with the package, and how large they are."""
    from search_spaces.errors import InvalidSpace
    from search_spaces.lattice import Lattice
    from search_spaces.registry import KNOWN, space

    listed = grid(
        ("space", "what it varies", "options, the default first"),
        ((f"`{s.name}`", s.summary, "; ".join(f"`{o}`: {', '.join(v)}" for o, v in s.options.items())) for s in KNOWN),
    )
    rows = []
    for known in KNOWN:
        for image_size in (8, 28, 96, 224):
            try:
                built = space(known.name, resolution=image_size, channels=3, classes=10)
            except InvalidSpace:  # it does not fit images this small
                continue
            sizes = ", ".join(str(v) for v in built.resolution.values)
            rows.append(
                (f"`{known.name}`", str(image_size), sizes, str(len(built.choices)), f"{Lattice.of(built).size:.2e}")
            )
    headings = ("space", "image size", "input sizes", "choices", "architectures (exact count)")
    return f"{listed}\n\n{grid(headings, rows)}"


def sources() -> str:
    """The trained networks that a search can start from."""
    from nas.pretrained import SOURCES

    rows = (
        (f"`{s.name}`", f"`{s.space}`", s.trained_on, s.licence, f"`{s.package.replace('_', '-')}`", s.origin)
        for s in SOURCES.values()
    )
    return grid(("network", "space", "trained on", "licence of the weights", "package", "origin"), rows)


def targets() -> str:
    """The targets that come with the package."""
    from hw_targets.registry import BUILT_IN, of_boards

    own = (*BUILT_IN, *of_boards())
    rows = ((f"`{t.name}`", t.summary, "; ".join(f"`{o}`: {m}" for o, m in t.options.items())) for t in own)
    return grid(("target", "what it is", "options"), rows)


def events() -> str:
    """One section to each event type."""
    import nas.events as module

    union = get_args(get_args(module.Event)[0])
    parts = []
    for event in union:
        kind = event.model_fields["type"].default
        parts.append(f"### `{kind}`\n\n{inspect.cleandoc(event.__doc__ or '')}\n\n{fields(event)}")
    parts.append(f"### FrontPoint\n\n{fields(module.FrontPoint)}")
    return "\n\n".join(parts)


def error_classes() -> list[tuple[str, type]]:
    """(package, class) of every error that a user can see, by package and code."""
    from search_spaces.errors import HwnasError

    found = []
    for package in PACKAGES:
        module = import_module(f"{package}.errors")
        own = [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__]
        named = [c for c in own if issubclass(c, HwnasError) and "code" in vars(c) and c is not HwnasError]
        found += [(package, c) for c in sorted(named, key=lambda c: str(c.code))]
    return found


def errors() -> str:
    """Every error's code, exit status and HTTP status."""
    from nas.cli.guard import describe

    parts = []
    for package in PACKAGES:
        rows = []
        for owner, error in error_classes():
            if owner == package:
                _, exit_status = describe(error("", fix=""))
                text = inspect.cleandoc(error.__doc__ or "")
                code, status = vars(error)["code"], getattr(error, "status", 400)
                exit_cell = "-" if package == "api" and code not in _ERRORS_OF_COMMANDS else str(exit_status)
                rows.append((f"`{code}`", exit_cell, str(status), text))
        parts.append(f"### From `{package}`\n\n" + grid(("code", "exit", "HTTP", "when"), rows))
    rows = [
        (f"`{code}`", "2" if code == "usage_error" else "1", "-", text) for code, text in COMMAND_LINE_ERRORS.items()
    ]
    parts.append("### From the command line itself\n\n" + grid(("code", "exit", "HTTP", "when"), rows))
    return "\n\n".join(parts)


_ERRORS_OF_COMMANDS: Final = (
    "database_version", "home_in_use", "no_answer", "port_forbidden", "port_in_use", "remote_job_ended", "unhealthy", "unknown_home",
    "unknown_host", "unknown_key", "unusable_database", "unusable_key", "unusable_pepper",
    "wrong_content",
)  # fmt: skip
"""Errors of the service and its client that end a command; others are responses to requests."""


def result() -> str:
    """The documents that a search and an export return."""
    import nas.result as module
    from nas import search_report as report

    models = [
        module.SearchResult, module.ModelOutcome, module.LatencyOutcome, module.PrecisionMetrics, module.TestOutcome,
        module.ClassOutcome, module.SizeOutcome, module.BudgetOutcome, module.ArchitectureCount, module.LimitOutcome, module.RemovedValue,
        module.CommonOutcome, module.CommonTarget, report.SearchCost, report.TrustScore, report.RankCorrelation, report.ComparedNetwork,
        module.ExportResult,
    ]  # fmt: skip
    return "\n\n".join(f"### {m.__name__}\n\n{inspect.cleandoc(m.__doc__ or '')}\n\n{fields(m)}" for m in models)


def batch_spec() -> str:
    """A batch spec's fields."""
    from nas.batch.spec import BatchSpec, Excluded

    return f"{fields(BatchSpec)}\n\nEach entry of `exclude`, the values that a cell must have to be left out:\n\n{fields(Excluded)}"


def batch_result() -> str:
    """The documents that a batch returns."""
    import nas.batch.result as module

    models = [
        module.BatchResult, module.CellResult, module.Problem, module.Best, module.CrossRow, module.CrossLatency, module.SharedWork,
        module.Savings, module.BatchPlan,
    ]  # fmt: skip
    return "\n\n".join(f"### {m.__name__}\n\n{inspect.cleandoc(m.__doc__ or '')}\n\n{fields(m)}" for m in models)


GENERATORS: Final[dict[str, Callable[[], str]]] = {
    "cli": cli,
    "spec": spec,
    "space_spec": space_spec,
    "effort": effort,
    "known_spaces": known_spaces,
    "sources": sources,
    "targets": targets,
    "events": events,
    "errors": errors,
    "result": result,
    "batch_spec": batch_spec,
    "batch_result": batch_result,
    "example_model": example_model,
    "example_picture": example_picture,
    "example_front": example_front,
    "baselines": baselines,
    "photographs": photographs,
    "benchmarks": benchmarks,
}


def regenerated(text: str, cache: dict[str, str]) -> str:
    """A page's text with every generated part up to date; `cache` holds parts for the next pages."""

    def part(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in cache:
            cache[name] = GENERATORS[name]()
        return f"{match[1]}\n{cache[name]}\n\n{match[3]}"

    return GENERATED.sub(part, text)


def main() -> None:
    """Regenerates every page."""
    cache: dict[str, str] = {}
    for page in PAGES:
        before = page.read_text()
        after = regenerated(before, cache)
        if after != before:
            page.write_text(after)


if __name__ == "__main__":
    main()
