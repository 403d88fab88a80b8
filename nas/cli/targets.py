"""`hwnas targets`: the targets, and whether each can be used on this machine."""

from typing import TYPE_CHECKING

from nas.cli.answer import Answer, Json

if TYPE_CHECKING:
    from rich.console import Console


def targets(json: Json = False) -> Answer:
    """List the targets, their options, and whether each can be used here."""
    from hw_targets.registry import targets as installed

    entries = [(entry, entry.unavailable()) for entry in installed()]
    document = {
        "targets": [
            {
                "name": entry.name, "summary": entry.summary, "options": dict(entry.options),
                "available": not reason, "reason": reason or None,
            }
            for entry, reason in entries
        ]
    }  # fmt: skip

    def render(console: "Console") -> None:
        from nas.cli.drawing import table

        built = table("target", "what it is", "options", "usable here")
        for entry, reason in entries:
            options = "\n".join(f"{name}: {meaning}" for name, meaning in entry.options.items())
            built.add_row(entry.name, entry.summary, options, f"no: {reason}" if reason else "yes")
        console.print(built)
        console.print("Options are written target:option=value, such as cpu:threads=2.", style="dim", markup=False)

    return Answer(document, render)
