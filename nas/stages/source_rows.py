"""What a user would have had without a search: the source itself, fine-tuned on the data, quantised and measured in the same way."""

from nas.result import SourceOutcome
from nas.stages.quantize import quantized, tested
from nas.stages.target_run import TargetRun
from nas.stages.verify import measure_candidates
from search_spaces.space import Architecture


def source_rows(run: TargetRun) -> tuple[SourceOutcome, ...]:
    """The whole source, and the source at its best end where that is another; none where the job starts from scratch.

    One that the target does not run is left out.
    """
    job, adapted = run.job, run.adapted
    if adapted is None or job.source is None:
        return ()
    rows = []
    architectures = [one for one in dict.fromkeys((adapted.exits[-1], adapted.best)) if run.runs(one)]
    networks = [job.space.network(one) for one in architectures]
    profiles = {profile.network.id: profile for profile in measure_candidates(run, networks)}
    for architecture, network in zip(architectures, networks, strict=True):
        run.context.check_cancelled()
        int8, _ = tested(run.context, job, network, quantized(run, network, adapted.supernet.hash))
        profile = profiles.get(network.id)
        latency_ms = run.target_plan.table.predict(network).latency_ms if profile is None else profile.latency_ms
        rows.append(
            SourceOutcome(
                source=job.source.name,
                architecture=str(architecture),
                whole=architecture == adapted.exits[-1],
                metric=int8.reported,
                latency_ms=latency_ms,
                kind="predicted" if profile is None else run.target_plan.info.kind,
                images=job.work.adapt_images,
            )
        )
    return tuple(rows)


def source_within(run: TargetRun) -> tuple[Architecture, ...]:
    """The best end of the source that is predicted to meet the limits: it competes with what the search finds. None where none does."""
    adapted, region = run.adapted, run.target_plan.region
    if adapted is None:
        return ()
    meeting = [
        (value, -number, one)
        for number, (value, one) in enumerate(zip(adapted.values, adapted.exits, strict=True))
        if run.runs(one) and region.meet(region.encode([one])).all()
    ]
    return (max(meeting)[2],) if meeting else ()
