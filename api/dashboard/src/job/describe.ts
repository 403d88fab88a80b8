/** A job in words: its name, what it is for, and what can be done with it. */
import type { Schemas } from "../api/client";
import { latency } from "../ui/format";

export type Job = Schemas["JobDocument"];

/** What the kinds of specs have in common, for those that this page does not know as well. */
interface AnySpec {
  kind: string;
  data?: string;
  space?: unknown;
  effort?: string;
  target?: string | null;
  targets?: readonly { target: string; latency_ms: number | string }[];
  /** Of an export: the spec of its search. */
  search?: AnySpec | null;
}

const KINDS: Readonly<Record<string, string>> = {
  search: "Search",
  profiling: "Profile",
  supernet_training: "Supernet training",
  export: "Export",
};

export function kindName(kind: string): string {
  return KINDS[kind] ?? kind;
}

/** What a list calls a job: its label `name`, else what it does with which data. */
export function jobName(job: Pick<Job, "labels" | "spec">): string {
  const data = about(job).data;
  return job.labels["name"] || (data ? `${kindName(job.spec.kind)} on ${data}` : kindName(job.spec.kind));
}

/** The settings that a job works with: its own, or those of its search. */
export function about(job: Pick<Job, "spec">): AnySpec {
  const spec: AnySpec = job.spec;
  return spec.search ?? spec;
}

export function spaceName(job: Pick<Job, "spec">): string {
  const { space } = about(job);
  return typeof space === "string" ? space : "own declaration";
}

export interface TargetBudget {
  target: string;
  /** As it was asked for: `0.2 ms`, or `40 % of the range`; null of a job without budgets. */
  budget: string | null;
}

export function targetsOf(job: Pick<Job, "spec">): TargetBudget[] {
  const spec: AnySpec = job.spec;
  if (spec.targets) return spec.targets.map(({ target, latency_ms }) => ({ target, budget: budgetText(latency_ms) }));
  return spec.target ? [{ target: spec.target, budget: null }] : [];
}

function budgetText(latency_ms: number | string): string {
  return typeof latency_ms === "number" ? latency(latency_ms) : `${latency_ms.replace("%", " %")} of the range`;
}

/** Seconds at work by now: as the service counts them, else since it was first taken up. */
export function activeSeconds(job: Job): number | null {
  if (job.started_at === null) return null;
  const counted = (job as { active_s?: number }).active_s;
  return counted ?? (Date.parse(job.finished_at ?? new Date().toISOString()) - Date.parse(job.started_at)) / 1000;
}

/** Why no worker takes a queued job up, in words; null when it only waits for its turn. */
export function waitingFor(job: Job): string | null {
  return (job as { waiting_for?: { detail: string } | null }).waiting_for?.detail ?? null;
}

const ENDED = ["succeeded", "failed", "cancelled"];

export function hasEnded(state: string): boolean {
  return ENDED.includes(state);
}

export function canPause(job: Pick<Job, "state" | "pause_requested_at">): boolean {
  return (job.state === "queued" || job.state === "running") && job.pause_requested_at === null;
}

export function canCancel(state: string): boolean {
  return ["queued", "running", "paused"].includes(state);
}

/** What is shown of a state: with what was asked for and is not done yet. */
export function stateText(job: Pick<Job, "state" | "pause_requested_at">): string {
  return job.state === "running" && job.pause_requested_at !== null ? "pausing" : job.state;
}

interface View {
  /** Relative to the job's own address. */
  to: string;
  name: string;
  end: boolean;
}

/** Which views a job of a kind has, in their order. A search has one at the job's own address. */
export function viewsOf(kind: string): readonly View[] {
  const events = { to: "events", name: "Events", end: false };
  const training = { to: "training", name: "Training", end: false };
  const candidates = { to: "candidates", name: "Candidates", end: false };
  if (kind === "search") return [{ to: ".", name: "Search", end: true }, training, candidates, events];
  return kind === "profiling" ? [events] : [training, events];
}
