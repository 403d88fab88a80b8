"""From a trained supernet to one target's bundle: search, measure the best, finish one, measure the file, deliver.

`finish` takes what the search finds best; `finish_chosen` an architecture that somebody chose. Both finish a model in one way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hw_targets.target import Profile, Target
from nas.bundle.receipt import measured, receipt
from nas.events import MeasurementEvent, PhaseEvent
from nas.result import AccuracyOutcome, LatencyOutcome, ModelOutcome, RemovedValue, SizeOutcome
from nas.search.study import Candidate
from nas.stages.budget import Goal
from nas.stages.context import Context
from nas.stages.deliver import deliver
from nas.stages.effort import VALIDATION
from nas.stages.explore import explore
from nas.stages.tune import Tuned, tune
from nas.stages.verify import CANDIDATES, keeps, measure_candidates, measure_file, ranked
from search_spaces.network import Network
from search_spaces.space import Architecture

if TYPE_CHECKING:
    from nas.pipeline import Job
    from nas.stages.train import Supernet


@dataclass(frozen=True, slots=True)
class _Finished:
    """A finished architecture with what was measured of it.

    Attributes:
        profile: of the network with random weights; none where it was not measured.
        latency: of the file, see `measure_file`; none where it is simulated.
        predicted_ms: by the latency table.
    """

    architecture: Architecture
    network: Network
    profile: Profile | None
    tuned: Tuned
    latency: dict[str, Any] | None
    predicted_ms: float

    @property
    def took_ms(self) -> float:
        """The file's latency, or else the network's, or else its prediction."""
        if self.latency is not None:
            return float(self.latency["latency_ms"])
        return self.predicted_ms if self.profile is None else self.profile.latency_ms


def finish(
    context: Context, job: "Job", goal: Goal, target: Target, supernet: "Supernet", run: Path
) -> tuple[list[Candidate], ModelOutcome]:
    """What was evaluated for one target, and its delivered model. Raises what the stages raise."""
    found = explore(context, job, goal, supernet)
    candidates = ranked(found, min(job.data.images["val"], VALIDATION))[:CANDIDATES]
    profiles = _measured(context, job, goal, target, [c.architecture for c in candidates])
    finished = _best(context, job, goal, target, supernet, candidates, profiles)
    _warn_if_missed(context, goal, finished, _advice(goal))
    return found, _hand_over(context, job, goal, finished, run / folder_of(goal.info.id))


def finish_chosen(
    context: Context,
    job: "Job",
    goal: Goal,
    target: Target,
    supernet: "Supernet",
    architecture: Architecture,
    folder: Path,
) -> ModelOutcome:
    """The delivered model of an architecture of the target's part of the space, whether it keeps the budget or not."""
    profiles = _measured(context, job, goal, target, [architecture])
    finished = _finished(context, job, goal, target, supernet, architecture, profiles)
    _warn_if_missed(context, goal, finished, "It was chosen, so it is delivered all the same.")
    return _hand_over(context, job, goal, finished, folder)


def _measured(
    context: Context, job: "Job", goal: Goal, target: Target, architectures: Sequence[Architecture]
) -> dict[str, Profile]:
    """Profiles of those that the target measures, by the ids of their networks; tells of each."""
    networks = [job.space.network(one) for one in architectures]
    profiles = {p.network.id: p for p in measure_candidates(context, target, goal, networks)}
    for architecture, network in zip(architectures, networks, strict=True):
        profile = profiles.get(network.id)
        if profile is not None:
            taken = {name: getattr(profile, name) for name in ("latency_ms", "p50_ms", "p95_ms", "noise")}
            context.on_event(_measurement(goal, architecture, "candidate", taken))
    return profiles


def _measurement(
    goal: Goal, architecture: Architecture, of: Literal["candidate", "file"], taken: Mapping[str, Any]
) -> MeasurementEvent:
    return MeasurementEvent(
        target=goal.info.id,
        architecture_id=architecture.id,
        of=of,
        kind=goal.info.kind,
        latency_ms=taken["latency_ms"],
        p50_ms=taken["p50_ms"],
        p95_ms=taken["p95_ms"],
        noise=taken["noise"],
    )


def _best(
    context: Context,
    job: "Job",
    goal: Goal,
    target: Target,
    supernet: "Supernet",
    candidates: list[Candidate],
    profiles: dict[str, Profile],
) -> _Finished:
    """The most accurate candidate whose finished file keeps the budget when measured, or the one that misses it least."""
    measured_first = [c for c in candidates if keeps(profiles.get(job.space.network(c.architecture).id), c, goal)]
    if len(measured_first) < len(candidates):
        context.info(
            f"{len(candidates) - len(measured_first)} of the {len(candidates)} best candidates missed the budget when {goal.info.kind} "
            f"on {goal.info.id}; the next are taken."
        )
    missed: list[_Finished] = []
    for candidate in measured_first or candidates[-1:]:
        finished = _finished(context, job, goal, target, supernet, candidate.architecture, profiles)
        if finished.took_ms <= goal.budget_ms:
            return finished
        context.info(f"A finished model took {finished.took_ms:.4g} ms, beyond the budget; the next is finished.")
        missed.append(finished)
    return min(missed, key=lambda one: one.took_ms)


def _finished(
    context: Context,
    job: "Job",
    goal: Goal,
    target: Target,
    supernet: "Supernet",
    architecture: Architecture,
    profiles: dict[str, Profile],
) -> _Finished:
    """An architecture fine-tuned, quantised, retrained in INT8, its file measured."""
    network = job.space.network(architecture)
    tuned = tune(context, job, goal, supernet, architecture)
    latency = measure_file(context, target, goal, context.store.get(tuned.int8), tuned.int8)
    if latency is not None:
        context.on_event(_measurement(goal, architecture, "file", latency))
    predicted_ms = goal.table.predict(network).latency_ms
    return _Finished(architecture, network, profiles.get(network.id), tuned, latency, predicted_ms)


def _warn_if_missed(context: Context, goal: Goal, finished: _Finished, advice: str) -> None:
    if finished.took_ms > goal.budget_ms:
        context.warn(
            f"The budget of {goal.budget_ms:g} ms on {goal.info.id} is missed: the delivered model took {finished.took_ms:.4g} ms "
            f"when {goal.info.kind}. {advice}"
        )


def _advice(goal: Goal) -> str:
    if goal.info.kind == "simulated":
        return "Ask for a little more."
    return "Is the machine busy? Ask for a little more, or run again when it is idle."


def _hand_over(context: Context, job: "Job", goal: Goal, finished: _Finished, folder: Path) -> ModelOutcome:
    """Writes the bundle of a finished model."""
    tuned = finished.tuned
    outcome = _outcome(context, goal, finished, folder)
    context.on_event(PhaseEvent(phase="delivering", status="started", target=goal.info.id, seconds=None))
    context.check_cancelled()
    deliver(
        folder,
        data=job.data.name,
        classes=job.data.classes,
        input_spec=job.data.input_spec(),
        architecture=finished.architecture,
        network=finished.network,
        outcome=outcome,
        receipt=_receipt(context, job, goal, finished, outcome),
        int8=context.store.get(tuned.int8),
        fp32=context.store.get(tuned.fp32),
    )
    context.on_event(PhaseEvent(phase="delivering", status="finished", target=goal.info.id, seconds=0.0))
    return outcome


def _outcome(context: Context, goal: Goal, finished: _Finished, folder: Path) -> ModelOutcome:
    tuned, profile, taken = finished.tuned, finished.profile, finished.latency or {}
    prediction = goal.table.predict(finished.network)
    return ModelOutcome(
        bundle=str(folder.resolve()),
        architecture=str(finished.architecture),
        architecture_id=finished.architecture.id,
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


def _receipt(context: Context, job: "Job", goal: Goal, finished: _Finished, outcome: ModelOutcome) -> dict[str, Any]:
    network, tuned, latency = finished.network, finished.tuned, finished.latency
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
        profile=finished.profile,
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


def folder_of(target: str) -> str:
    """The name of a target's folder in a run."""
    return "".join(c if c.isalnum() else "-" for c in target)
