"""From a trained supernet to one target's bundle: search, measure the best, finish one, measure the file, deliver."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hw_targets.target import Profile, Target
from nas.bundle.receipt import measured, receipt
from nas.events import FrontPoint, MeasurementEvent, PhaseEvent
from nas.result import AccuracyOutcome, LatencyOutcome, ModelOutcome, RemovedValue, SizeOutcome
from nas.search.study import Candidate, front, point
from nas.stages.budget import Goal
from nas.stages.context import Context
from nas.stages.deliver import deliver
from nas.stages.effort import VALIDATION
from nas.stages.explore import explore
from nas.stages.tune import Tuned, tune
from nas.stages.verify import CANDIDATES, keeps, measure_candidates, measure_file, ranked
from search_spaces.network import Network

if TYPE_CHECKING:
    from nas.pipeline import Job
    from nas.stages.train import Supernet


def finish(
    context: Context, job: "Job", goal: Goal, target: Target, supernet: "Supernet", run: Path
) -> tuple[tuple[FrontPoint, ...], ModelOutcome]:
    """The front and the delivered model of one target. Raises what the stages raise."""
    found = explore(context, job, goal, supernet)
    best = front(found)
    candidates = ranked(found, min(job.data.images["val"], VALIDATION))[:CANDIDATES]
    networks = [job.space.network(c.architecture) for c in candidates]
    profiles = {p.network.id: p for p in measure_candidates(context, target, goal, networks)}
    _tell_measured(context, goal, candidates, networks, profiles)
    chosen, tuned, file_latency = _finish_one(context, job, goal, target, supernet, candidates, profiles)
    network = job.space.network(chosen.architecture)
    folder = run / _folder(goal.info.id)
    profile = profiles.get(network.id)
    outcome = _outcome(context, goal, chosen, network, profile, tuned, file_latency, folder)
    document = _receipt(context, job, goal, network, profile, tuned, file_latency, outcome)
    context.on_event(PhaseEvent(phase="delivering", status="started", target=goal.info.id, seconds=None))
    deliver(
        folder,
        data=job.data.name,
        classes=job.data.classes,
        architecture=chosen.architecture,
        network=network,
        outcome=outcome,
        receipt=document,
        int8=context.store.get(tuned.int8),
        fp32=context.store.get(tuned.fp32),
    )
    context.on_event(PhaseEvent(phase="delivering", status="finished", target=goal.info.id, seconds=0.0))
    return tuple(point(c) for c in best), outcome


def _tell_measured(
    context: Context,
    goal: Goal,
    candidates: Sequence[Candidate],
    networks: Sequence[Network],
    profiles: Mapping[str, Profile],
) -> None:
    for candidate, network in zip(candidates, networks, strict=True):
        profile = profiles.get(network.id)
        if profile is not None:
            taken = {name: getattr(profile, name) for name in ("latency_ms", "p50_ms", "p95_ms", "noise")}
            context.on_event(_measurement(goal, candidate, "candidate", taken))


def _measurement(
    goal: Goal, candidate: Candidate, of: Literal["candidate", "file"], taken: Mapping[str, Any]
) -> MeasurementEvent:
    return MeasurementEvent(
        target=goal.info.id,
        architecture_id=candidate.architecture.id,
        of=of,
        kind=goal.info.kind,
        latency_ms=taken["latency_ms"],
        p50_ms=taken["p50_ms"],
        p95_ms=taken["p95_ms"],
        noise=taken["noise"],
    )


def _finish_one(
    context: Context,
    job: "Job",
    goal: Goal,
    target: Target,
    supernet: "Supernet",
    candidates: list[Candidate],
    profiles: dict[str, Profile],
) -> tuple[Candidate, Tuned, dict[str, Any] | None]:
    """The most accurate candidate whose finished file keeps the budget when measured, or the one that misses it least."""
    measured_first = [c for c in candidates if keeps(profiles.get(job.space.network(c.architecture).id), c, goal)]
    if len(measured_first) < len(candidates):
        context.info(
            f"{len(candidates) - len(measured_first)} of the {len(candidates)} best candidates missed the budget when {goal.info.kind} "
            f"on {goal.info.id}; the next are taken."
        )
    missed: list[tuple[float, Candidate, Tuned, dict[str, Any] | None]] = []
    for candidate in measured_first or candidates[-1:]:
        tuned = tune(context, job, goal, supernet, candidate.architecture)
        latency = measure_file(context, target, goal, context.store.get(tuned.int8), tuned.int8)
        if latency is not None:
            context.on_event(_measurement(goal, candidate, "file", latency))
        profile = profiles.get(job.space.network(candidate.architecture).id)
        before = candidate.latency_ms if profile is None else profile.latency_ms
        took = before if latency is None else latency["latency_ms"]
        if took <= goal.budget_ms:
            return candidate, tuned, latency
        context.info(f"A finished model took {took:.4g} ms, beyond the budget; the next is finished.")
        missed.append((took, candidate, tuned, latency))
    took, candidate, tuned, latency = min(missed, key=lambda m: m[0])
    context.warn(
        f"The budget of {goal.budget_ms:g} ms on {goal.info.id} is missed: the delivered model took {took:.4g} ms when "
        f"{goal.info.kind}. {_advice(goal)}"
    )
    return candidate, tuned, latency


def _advice(goal: Goal) -> str:
    if goal.info.kind == "simulated":
        return "Ask for a little more."
    return "Is the machine busy? Ask for a little more, or run again when it is idle."


def _outcome(
    context: Context,
    goal: Goal,
    chosen: Candidate,
    network: Network,
    profile: Profile | None,
    tuned: Tuned,
    latency: dict[str, Any] | None,
    folder: Path,
) -> ModelOutcome:
    prediction = goal.table.predict(network)
    taken = latency or {}
    return ModelOutcome(
        bundle=str(folder.resolve()),
        architecture=str(chosen.architecture),
        architecture_id=chosen.architecture.id,
        latency_ms=LatencyOutcome(
            budget=goal.budget_ms,
            predicted=prediction.latency_ms,
            predicted_error=prediction.error,
            measured=taken.get("latency_ms"),
            measured_p50=taken.get("p50_ms"),
            measured_p95=taken.get("p95_ms"),
            simulated=profile.latency_ms if profile is not None and goal.info.kind == "simulated" else None,
            kind=goal.info.kind,
        ),
        accuracy=AccuracyOutcome(fp32=tuned.accuracy_fp32, int8=tuned.accuracy_int8),
        size_bytes=SizeOutcome(fp32=len(context.store.get(tuned.fp32)), int8=len(context.store.get(tuned.int8))),
        budget=goal.outcome,
        removed=tuple(RemovedValue(**asdict(one)) for one in goal.removed),
    )


def _receipt(
    context: Context,
    job: "Job",
    goal: Goal,
    network: Network,
    profile: Profile | None,
    tuned: Tuned,
    latency: dict[str, Any] | None,
    outcome: ModelOutcome,
) -> dict[str, Any]:
    test = {"part": "test", "images": job.data.images["test"]}
    validation = {"part": "val", "images": job.data.images["val"]}
    numbers: dict[str, Any] = {"budget": {"value": goal.budget_ms, "kind": "requested"}}
    if outcome.latency_ms.simulated is not None:
        numbers["simulated"] = {"value": outcome.latency_ms.simulated, "kind": "simulated"}
    if latency is not None:
        numbers["measured"] = measured(latency["latency_ms"], statistic="least of the rounds' lower quartiles")
        numbers["measured_p50"] = measured(latency["p50_ms"])
        numbers["measured_p95"] = measured(latency["p95_ms"])
        numbers["noise"] = measured(latency["noise"], note="median excess of the rounds over the statistic, a fraction")
    return receipt(
        info=goal.info,
        scheme=goal.scheme,
        space={"name": goal.space.name, "removed": [one.model_dump() for one in outcome.removed]},
        network=network,
        prediction=goal.table.predict(network),
        profile=profile,
        card=goal.table.card,
        latency=numbers,
        accuracy={
            "fp32": measured(tuned.accuracy_fp32, **test),
            "int8": measured(tuned.accuracy_int8, **test),
            "int8_validation": measured(tuned.validation_int8, **validation),
        },
        size_bytes=outcome.size_bytes.model_dump(),
        hashes={**context.hashes, "model.int8.onnx": tuned.int8, "model.fp32.onnx": tuned.fp32},
        seeds={"search": job.spec.seed},
        threads=job.threads,
        warnings=context.warnings,
    )


def _folder(target: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in target)
