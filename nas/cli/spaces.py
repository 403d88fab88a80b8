"""`hwnas spaces`: the search spaces that come with the package."""

from typing import TYPE_CHECKING

from nas.cli.answer import Answer, Json

if TYPE_CHECKING:
    from rich.console import Console


def spaces(json: Json = False) -> Answer:
    """List the search spaces and their options."""
    from search_spaces.registry import KNOWN

    document = {
        "spaces": [
            {
                "name": s.name,
                "summary": s.summary,
                "options": {name: list(values) for name, values in s.options.items()},
            }
            for s in KNOWN
        ]
    }

    def render(console: "Console") -> None:
        from nas.cli.drawing import table

        built = table("space", "choices", "options (default first)")
        for known in KNOWN:
            options = "\n".join(f"{name}={'|'.join(values)}" for name, values in known.options.items())
            built.add_row(known.name, known.summary, options)
        console.print(built)
        console.print(
            "Options are written name:option=value, and a .yaml or .py file is a space of your own.", style="dim"
        )

    return Answer(document, render)
