"""The stage that reads the data: facts in the stage's record, images in one blob of the store, read when they are first needed.

So a budget can be checked in a second once the facts and the latency table are known.
"""

from hw_targets.stopping import check_cancelled
from nas.data.dataset import load
from nas.data.facts import DataFacts
from nas.data.fingerprint import source_fingerprint
from nas.data.prepared import pack, summary
from nas.spec import Fit
from nas.stages.context import Context, StageOutput
from nas.store import StageKey

VERSION = 2


def read_data(context: Context, source: str, *, resolution: int | None, seed: int, fit: Fit = "stretch") -> DataFacts:
    """Reads a data source, or returns the cached facts.

    Raises:
        InvalidData: nothing readable there, or nothing that can be learned from.
    """
    fingerprint = source_fingerprint(source, resolution=resolution, seed=seed, fit=fit)
    key = StageKey("prepare", VERSION, {"source": fingerprint})

    def compute() -> StageOutput:
        meter = context.progress("preparing", "images")

        def on_progress(done: int, total: int) -> None:
            meter(done, total)
            check_cancelled()

        data = load(source, resolution=resolution, seed=seed, fit=fit, on_progress=on_progress)
        check_cancelled()
        return StageOutput({"data": pack(data)}, summary(data))

    record = context.run("preparing", key, compute)
    facts = record.facts
    for warning in facts["warnings"]:
        context.warn(warning)
    if facts["skipped"]:
        listed = "; ".join(facts["skipped"][:3])
        context.warn(f"{len(facts['skipped'])} unreadable images were left out: {listed}.")
    return DataFacts(
        facts["name"],
        facts["resolution"],
        facts["channels"],
        tuple(facts["classes"]),
        facts["images"],
        facts["per_class"],
        facts["content_hash"],
        facts["fit"],
        None if facts["pixel_range"] is None else (facts["pixel_range"][0], facts["pixel_range"][1]),
        record.outputs["data"],
    )
