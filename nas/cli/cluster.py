"""`hwnas cluster status [ADDRESS]`: the nodes of a Ray cluster, what runs where, and what is wrong."""

from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli.answer import Answer, Json
from nas.cli.guard import Commands

if TYPE_CHECKING:
    from rich.console import Console

    from nas.execution.cluster_status import ClusterStatus

cluster = typer.Typer(name="cluster", cls=Commands, help="Ray clusters that work runs on.", no_args_is_help=True)
cluster.callback()(lambda: None)  # one command is a group, too


@cluster.command("status")
def status(
    address: Annotated[
        str,
        typer.Argument(
            help="Host and port of the head; when absent, the cluster that this machine is a node of.",
            metavar="ADDRESS",
        ),
    ] = "auto",
    json: Json = False,
) -> Answer:
    """Look at a Ray cluster: nodes, versions, devices, what runs where, and what is wrong."""
    from nas.execution.cluster_status import cluster_status

    found = cluster_status(address)
    return Answer(found.model_dump(mode="json"), lambda console: _render(console, found))


def _render(console: "Console", found: "ClusterStatus") -> None:
    from nas.cli.drawing import table

    console.print(
        f"Ray cluster at {found.address}: {found.cores} cores on usable nodes, {found.cores_free:g} free", markup=False
    )
    nodes = table("node", "machine", "used", "cores", "memory", "devices", "hwnas", "Python", "Ray")
    for node in found.nodes:
        versions = node.versions or {}
        nodes.add_row(
            node.address, f"{node.host or '?'}{' (this one)' if node.driver else ''}",
            "yes" if node.usable else "no" if node.alive else "left", str(node.cores), f"{node.memory_bytes / 1e9:.1f} GB",
            ", ".join(f"{name} x{count}" for name, count in node.devices.items()),
            " ".join(versions.get(name, "?") for name in ("hwnas", "code")), versions.get("python", "?"), versions.get("ray", "?"),
        )  # fmt: skip
    console.print(nodes)
    if found.workers:
        workers = table("worker", "node", "runs", "seconds")
        for worker in found.workers:
            seconds = "" if worker.seconds is None else f"{worker.seconds:.0f}"
            workers.add_row(worker.name.partition(" ")[2], worker.node, worker.item or "nothing", seconds)
        console.print(workers)
    for problem in found.problems:
        console.print(problem, style="yellow", markup=False)
