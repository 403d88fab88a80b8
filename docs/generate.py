"""Writes the parts of the documentation that repeat what the code says: options, fields, events, errors, recorded results.

A page marks such a part with `<!-- generated: NAME -->` and `<!-- end -->`; `python -m docs.generate` renews all of them,
and a test fails where one is out of date. Not here: pictures (`make_pictures.py`), and everything that a person writes.
"""

import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, get_args

from docs.recorded import baselines, benchmarks, example_front, example_model, example_picture

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
PART: Final = re.compile(r"(<!-- generated: (?P<name>[a-z_]+) -->\n).*?(<!-- end -->)", re.DOTALL)

FLOORS: Final = ("search_spaces", "hw_targets", "latency_models", "nas", "api")

OF_THE_COMMAND_LINE: Final = {
    "usage_error": "The command line is wrong.",
    "missing_package": "A package that this needs is not installed.",
    "file_error": "A file or folder cannot be read or written.",
    "out_of_memory": "There is not enough memory.",
    "internal_error": "A defect of the program. The trace is on stderr.",
}
"""Codes without a class: what ends a command besides the engine's own errors (`nas/cli/guard.py`)."""


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
    from nas.spec import SearchSpec, TargetBudget
    from nas.work import ProfileWork, Work

    parts = [("Each entry of `targets`", TargetBudget), ("`work`", Work), ("Its `profile`", ProfileWork)]
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
    """What each effort stands for: its time, and the size of its latency table. The rest is resolved when a job runs."""
    from nas.work import EFFORT_S, PROFILES

    rows = (
        (f"`{effort}`", f"{seconds / 60:g}", *(str(size) for size in PROFILES[effort].model_dump().values()))
        for effort, seconds in EFFORT_S.items()
    )
    headings = ("effort", "minutes, about", "networks fitted in a latency table", "held out", "rounds of timing")
    return grid(headings, rows)


def known_spaces() -> str:
    """The spaces that come with the package, and how large they are."""
    from search_spaces.lattice import Lattice
    from search_spaces.registry import KNOWN, space

    listed = grid(
        ("space", "what it varies", "options, the default first"),
        ((f"`{s.name}`", s.summary, "; ".join(f"`{o}`: {', '.join(v)}" for o, v in s.options.items())) for s in KNOWN),
    )
    rows = []
    for known in KNOWN:
        for side in (8, 28, 96, 224):
            made = space(known.name, resolution=side, channels=3, classes=10)
            sides = ", ".join(str(v) for v in made.resolution.values)
            rows.append((f"`{known.name}`", str(side), sides, str(len(made.choices)), f"{Lattice.of(made).size:.2e}"))
    headings = ("space", "images of", "input sides", "choices", "architectures (counted)")
    return f"{listed}\n\n{grid(headings, rows)}"


def targets() -> str:
    """The targets that come with the package."""
    from hw_targets.registry import BUILT_IN, of_cards

    own = (*BUILT_IN, *of_cards())
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
    parts.append(f"### Points of a front\n\n{fields(module.FrontPoint)}")
    return "\n\n".join(parts)


def error_classes() -> list[tuple[str, type]]:
    """(floor, class) of every error that a user can meet, by floor and code."""
    from search_spaces.errors import HwnasError

    found = []
    for floor in FLOORS:
        module = import_module(f"{floor}.errors")
        own = [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__]
        named = [c for c in own if issubclass(c, HwnasError) and "code" in vars(c) and c is not HwnasError]
        found += [(floor, c) for c in sorted(named, key=lambda c: str(c.code))]
    return found


def errors() -> str:
    """Every error's code, exit status and HTTP status."""
    from nas.cli.guard import describe

    parts = []
    for floor in FLOORS:
        rows = []
        for owner, error in error_classes():
            if owner == floor:
                _, leave = describe(error("", fix=""))
                text = inspect.cleandoc(error.__doc__ or "")
                code, status = vars(error)["code"], getattr(error, "status", 400)
                shown = "-" if floor == "api" and code not in _OF_COMMANDS else str(leave)
                rows.append((f"`{code}`", shown, str(status), text))
        parts.append(f"### From `{floor}`\n\n" + grid(("code", "exit", "HTTP", "when"), rows))
    rows = [
        (f"`{code}`", "2" if code == "usage_error" else "1", "-", text) for code, text in OF_THE_COMMAND_LINE.items()
    ]
    parts.append("### From the command line itself\n\n" + grid(("code", "exit", "HTTP", "when"), rows))
    return "\n\n".join(parts)


_OF_COMMANDS: Final = (
    "database_version", "home_in_use", "no_answer", "port_forbidden", "port_in_use", "remote_job_ended", "unhealthy", "unknown_home",
    "unknown_host", "unknown_key", "unusable_database", "unusable_key", "unusable_pepper",
    "wrong_content",
)  # fmt: skip
"""Errors of the service and its client that end a command; others are answers to requests."""


def result() -> str:
    """The documents that a search and an export answer."""
    import nas.result as module

    models = [
        module.SearchResult, module.ModelOutcome, module.LatencyOutcome, module.PrecisionMetrics, module.TestOutcome,
        module.ClassOutcome, module.SizeOutcome, module.BudgetOutcome, module.RemovedValue, module.ExportResult,
    ]  # fmt: skip
    return "\n\n".join(f"### {m.__name__}\n\n{inspect.cleandoc(m.__doc__ or '')}\n\n{fields(m)}" for m in models)


MAKERS: Final[dict[str, Callable[[], str]]] = {
    "cli": cli,
    "spec": spec,
    "space_spec": space_spec,
    "effort": effort,
    "known_spaces": known_spaces,
    "targets": targets,
    "events": events,
    "errors": errors,
    "result": result,
    "example_model": example_model,
    "example_picture": example_picture,
    "example_front": example_front,
    "baselines": baselines,
    "benchmarks": benchmarks,
}


def renewed(text: str, made: dict[str, str]) -> str:
    """A page's text with every generated part as the code has it now; `made` remembers parts between pages."""

    def part(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in made:
            made[name] = MAKERS[name]()
        return f"{match[1]}\n{made[name]}\n\n{match[3]}"

    return PART.sub(part, text)


def main() -> None:
    """Renews every page."""
    made: dict[str, str] = {}
    for page in PAGES:
        before = page.read_text()
        after = renewed(before, made)
        if after != before:
            page.write_text(after)


if __name__ == "__main__":
    main()
