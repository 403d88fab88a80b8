/**
 * What the events of a job add up to. `reduce` is pure; what may grow without end is bounded: candidates are the result and
 * all kept, curves are thinned, and of logs and events the newest are kept (older ones are read in pages).
 */
import type { CandidateEvent, CheckpointEvent, FrontEvent, NumberedEvent } from "../api/events";

export interface Curve {
  phase: string;
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

export interface HypervolumePoint {
  queries: number;
  hypervolume: number;
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
  fronts: Record<string, FrontEvent>;
  hypervolumes: Record<string, HypervolumePoint[]>;
  curves: Record<string, Curve>;
  checkpoint: CheckpointEvent | null;
  /** The newest events without progress and metrics, oldest first. */
  events: NumberedEvent[];
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
  fronts: {},
  hypervolumes: {},
  curves: {},
  checkpoint: null,
  events: [],
};

/** The state after some more events. Events that are in it already change nothing. */
export function reduce(before: JobState, events: readonly NumberedEvent[]): JobState {
  const fresh = events.filter((event) => event.seq > before.last);
  const newest = fresh.at(-1);
  if (newest === undefined) return before;
  const after: JobState = { ...before, last: newest.seq };
  const candidates: CandidateEvent[] = [];
  const told: NumberedEvent[] = [];
  for (const numbered of fresh) {
    const { event } = numbered;
    if (event?.type !== "progress" && event?.type !== "metric") told.push(numbered);
    switch (event?.type) {
      case "phase":
        after.phases = withPhase(after.phases, event);
        if (event.status !== "finished") after.progress = null;
        break;
      case "progress":
        after.progress = event;
        break;
      case "metric": {
        const key = `${event.phase}/${event.name}`;
        after.curves = { ...after.curves, [key]: withPoint(after.curves[key], event) };
        break;
      }
      case "candidate":
        candidates.push(event);
        break;
      case "front":
        after.fronts = { ...after.fronts, [event.target]: event };
        if (event.hypervolume !== null) {
          const points = after.hypervolumes[event.target] ?? [];
          const point = { queries: event.queries, hypervolume: event.hypervolume };
          after.hypervolumes = { ...after.hypervolumes, [event.target]: [...points, point] };
        }
        break;
      case "checkpoint":
        after.checkpoint = event;
        break;
      case "state":
        after.state = event.state;
        break;
      case "end":
        after.state = event.state;
        after.ended = true;
        break;
      default:
    }
  }
  if (candidates.length > 0) after.candidates = [...before.candidates, ...candidates];
  if (told.length > 0) after.events = [...before.events, ...told].slice(-KEPT_EVENTS);
  return after;
}

function withPhase(phases: PhaseState[], event: PhaseState): PhaseState[] {
  const { phase, target, status, seconds } = event;
  const at = phases.findIndex((one) => one.phase === phase && one.target === target);
  const changed = { phase, target, status, seconds };
  return at < 0 ? [...phases, changed] : phases.with(at, changed);
}

function withPoint(
  curve: Curve | undefined,
  { phase, name, step, value }: { phase: string; name: string; step: number; value: number },
): Curve {
  if (curve === undefined) return { phase, name, steps: [step], values: [value] };
  const last = curve.steps.at(-1) ?? -1;
  // A training that goes on from a checkpoint repeats some steps: the newer values stand.
  const kept = step > last ? curve.steps.length : curve.steps.findIndex((one) => one >= step);
  let steps = [...curve.steps.slice(0, kept), step];
  let values = [...curve.values.slice(0, kept), value];
  if (steps.length > CURVE_POINTS) {
    steps = steps.filter((_, index) => index % 2 === 0);
    values = values.filter((_, index) => index % 2 === 0);
  }
  return { phase, name, steps, values };
}
