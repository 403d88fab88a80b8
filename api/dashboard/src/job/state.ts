/**
 * What the events of a job add up to. `reduce` is pure; what may grow without end is bounded: candidates are the result and
 * all kept, curves are thinned, and of logs and events the newest are kept (older ones are read in pages).
 */
import type {
  BatchEvent, CandidateEvent, CellEvent, CheckpointEvent, FinalistEvent, FrontEvent, MeasurementEvent, MetricEvent, NumberedEvent, PlanEvent,
} from "../api/events";

export interface Curve {
  phase: string;
  /** Whose network is fine-tuned; null of the supernet. */
  target: string | null;
  name: string;
  steps: number[];
  values: number[];
}

export interface PhaseState {
  phase: string;
  target: string | null;
  status: "started" | "finished" | "reused";
  seconds: number | null;
}

export interface JobState {
  /** Number of the last event that is in here. */
  last: number;
  state: string | null;
  ended: boolean;
  phases: PhaseState[];
  progress: { phase: string; target: string | null; done: number; total: number; unit: string; eta_s: number | null } | null;
  /** In the order of evaluation. A new array when it grows. */
  candidates: CandidateEvent[];
  /** How the job's time is divided; null before that is known, and of jobs that did not report it. */
  plan: PlanEvent | null;
  /** Of candidates, by target: estimated before fine-tuning. */
  fronts: Record<string, FrontEvent>;
  /** Of networks that were trained, quantised and evaluated, by target. */
  trainedFronts: Record<string, FrontEvent>;
  /** Each network of each target as it was evaluated last, in the order of their first rounds. */
  finalists: FinalistEvent[];
  curves: Record<string, Curve>;
  checkpoint: CheckpointEvent | null;
  /** Of a batch: the newest event of each cell that has one, by its id. */
  cells: Record<string, CellEvent>;
  /** Candidates and final models that were measured, in that order. */
  measurements: MeasurementEvent[];
  /** The newest events without progress and metrics, oldest first: all of them while there are fewer than `KEPT_EVENTS`. */
  events: NumberedEvent[];
  /** The newest of progress and metrics, likewise. */
  ticks: NumberedEvent[];
}

export const KEPT_EVENTS = 2000;
export const CURVE_POINTS = 2000;

export const EMPTY: JobState = {
  last: 0,
  state: null,
  ended: false,
  phases: [],
  progress: null,
  candidates: [],
  plan: null,
  fronts: {},
  trainedFronts: {},
  finalists: [],
  curves: {},
  checkpoint: null,
  cells: {},
  measurements: [],
  events: [],
  ticks: [],
};

/** Whether an event is one of those that come by the thousand. */
export function isTick(type: string): boolean {
  return type === "progress" || type === "metric";
}

/** The state after some more events. Events that are in it already change nothing. */
export function reduce(before: JobState, events: readonly NumberedEvent[]): JobState {
  const fresh = events.filter((event) => event.seq > before.last);
  const newest = fresh.at(-1);
  if (newest === undefined) return before;
  const after: JobState = { ...before, last: newest.seq };
  const candidates: CandidateEvent[] = [];
  const others: NumberedEvent[] = [];
  const ticks: NumberedEvent[] = [];
  const metrics: MetricEvent[] = [];
  for (const numbered of fresh) {
    const { event } = numbered;
    (isTick(numbered.raw.type) ? ticks : others).push(numbered);
    switch (event?.type) {
      case "phase":
        after.phases = withPhase(after.phases, event);
        after.progress = null;
        break;
      case "progress":
        after.progress = event;
        break;
      case "metric":
        metrics.push(event);
        break;
      case "candidate":
        candidates.push(event);
        break;
      case "plan":
        after.plan = event;
        break;
      case "finalist":
        after.finalists = withFinalist(after.finalists, event);
        break;
      case "front":
        if (event.of === "trained") after.trainedFronts = { ...after.trainedFronts, [event.target]: event };
        else after.fronts = { ...after.fronts, [event.target]: event };
        break;
      case "checkpoint":
        after.checkpoint = event;
        break;
      case "cell":
        after.cells = { ...after.cells, [event.cell]: event };
        break;
      case "batch":
        after.progress = progressOf(event);
        break;
      case "measurement":
        after.measurements = [...after.measurements, event];
        break;
      case "state":
        after.state = event.state;
        if (event.state !== "running") after.progress = null;
        break;
      case "end":
        after.state = event.state;
        after.ended = true;
        after.progress = null;
        break;
      default:
    }
  }
  if (metrics.length > 0) after.curves = withPoints(before.curves, metrics);
  if (candidates.length > 0) after.candidates = withCandidates(before.candidates, candidates);
  if (others.length > 0) after.events = [...before.events, ...others].slice(-KEPT_EVENTS);
  if (ticks.length > 0) after.ticks = [...before.ticks, ...ticks].slice(-KEPT_EVENTS);
  return after;
}

const PHASES: Readonly<Record<string, string>> = { tables: "profiling", supernets: "training", cells: "searching" };

/** The progress of a batch as that of a job; of a stage that this page does not know, by its name. */
function progressOf({ stage, done, total, eta_s }: BatchEvent): JobState["progress"] {
  return { phase: PHASES[stage] ?? stage, target: null, done, total, unit: stage === "preparing" ? "cells" : stage, eta_s };
}

function withPhase(phases: PhaseState[], event: PhaseState): PhaseState[] {
  const { phase, target, status, seconds } = event;
  const at = phases.findIndex((one) => one.phase === phase && one.target === target);
  const changed = { phase, target, status, seconds };
  return at < 0 ? [...phases, changed] : phases.with(at, changed);
}

/**
 * A search that is resumed repeats the candidates since its checkpoint: the newer ones stand. Each target has a search of
 * its own, with numbers of its own.
 */
function withCandidates(before: CandidateEvent[], added: readonly CandidateEvent[]): CandidateEvent[] {
  const all = [...before];
  for (const one of added) {
    const search = searchOf(one);
    const last = all.findLast((other) => searchOf(other) === search);
    const repeats = last !== undefined && one.number <= last.number;
    const at = repeats ? all.findIndex((other) => other.number === one.number && searchOf(other) === search) : -1;
    if (at < 0) all.push(one);
    else all[at] = one;
  }
  return all;
}

function withFinalist(before: FinalistEvent[], event: FinalistEvent): FinalistEvent[] {
  const at = before.findIndex((one) => one.target === event.target && one.architecture_id === event.architecture_id);
  return at < 0 ? [...before, event] : before.with(at, event);
}

function searchOf({ latency_ms }: CandidateEvent): string {
  return Object.keys(latency_ms).join(" ");
}

function withPoints(before: Record<string, Curve>, metrics: readonly MetricEvent[]): Record<string, Curve> {
  const changed = new Map<string, Curve>();
  for (const { phase, target, name, step, value } of metrics) {
    const key = target === null ? `${phase}/${name}` : `${phase}/${target}/${name}`;
    let curve = changed.get(key);
    if (curve === undefined) {
      const { steps = [], values = [] } = before[key] ?? {};
      curve = { phase, target, name, steps: [...steps], values: [...values] };
      changed.set(key, curve);
    }
    append(curve, step, value);
  }
  return { ...before, ...Object.fromEntries(changed) };
}

/** Adds a point to a curve that nobody else has yet. */
function append(curve: Curve, step: number, value: number): void {
  // A training that is resumed from a checkpoint repeats some steps: the newer values stand.
  while ((curve.steps.at(-1) ?? -Infinity) >= step) {
    curve.steps.pop();
    curve.values.pop();
  }
  curve.steps.push(step);
  curve.values.push(value);
  if (curve.steps.length > CURVE_POINTS) {
    curve.steps = curve.steps.filter((_, index) => index % 2 === 0);
    curve.values = curve.values.filter((_, index) => index % 2 === 0);
  }
}
