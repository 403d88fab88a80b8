"""`hwnas spaces`: the search spaces that come with the package, and the trained networks that a search can start from."""

from typing import TYPE_CHECKING

from nas.cli.answer import Answer, Json

if TYPE_CHECKING:
    from rich.console import Console


def spaces(json: Json = False) -> Answer:
    """List the search spaces with their options, and the trained networks to start from."""
    from nas.pretrained import INSTALL, SOURCES, installed
    from search_spaces.registry import KNOWN

    document = {
        "spaces": [
            {
                "name": s.name,
                "summary": s.summary,
                "options": {name: list(values) for name, values in s.options.items()},
            }
            for s in KNOWN
        ],
        "sources": [
            {
                "name": s.name,
                "space": s.space,
                "trained_on": s.trained_on,
                "licence": s.licence,
                "origin": s.origin,
                "installed": installed(s),
                "install": INSTALL,
            }
            for s in SOURCES.values()
        ],
    }

    def render(console: "Console") -> None:
        from nas.cli.drawing import table

        built = table("space", "choices", "options (default first)")
        for known in KNOWN:
            options = "\n".join(f"{name}={'|'.join(values)}" for name, values in known.options.items())
            built.add_row(known.name, known.summary, options)
        built.columns[2].no_wrap = True
        console.print(built)
        console.print(
            "Options are written name:option=value, and a .yaml or .py file is a space of your own.", style="dim"
        )
        trained = table("trained network", "space", "trained on", "licence", "installed")
        for source in SOURCES.values():
            there = "yes" if installed(source) else "no"
            trained.add_row(source.name, source.space, source.trained_on, source.licence, there)
        trained.columns[0].no_wrap = True
        console.print(trained)
        hint = f"A search starts from one with --from NAME, from none of them with --from none. Install them: {INSTALL}"
        console.print(hint, style="dim", markup=False)

    return Answer(document, render)
