/** A job in words: its name, its targets, and the actions that its state allows. */
import type { Schemas } from "../api/client";

export type Job = Schemas["JobDocument"];

type Spec = Job["spec"];
type Export = Extract<Spec, { kind: "export" }>;
type Batch = Extract<Spec, { kind: "batch" }>;

const KINDS: Readonly<Record<string, string>> = {
  search: "Search",
  profiling: "Profiling",
  supernet_training: "Supernet training",
  export: "Export",
  batch: "Batch",
};

export function kindName(kind: string): string {
  return KINDS[kind] ?? kind;
}

/** What a list calls a job: its label `name`, else what it does with which data. `data` is the name of the data, where it has one. */
export function jobName(job: Pick<Job, "labels" | "spec">, data: string | null): string {
  const { spec } = job;
  const what = spec.kind === "export" ? `${kindName(spec.kind)} of ${spec.architecture_id}` : kindName(spec.kind);
  return job.labels["name"] || (data ? `${what} on ${data}` : what);
}

/** The settings of a job: its own, or those of its search. A kind that this page does not know may have none. */
export function about({ spec }: Pick<Job, "spec">): Partial<Pick<Exclude<Spec, Export | Batch>, "data" | "effort" | "space">> {
  if (spec.kind === "batch") return { effort: spec.search.effort };
  return spec.kind === "export" ? (spec.search ?? {}) : spec;
}

/** The data sets of a job, by their ids. */
export function dataOf(job: Pick<Job, "spec">): readonly string[] {
  if (job.spec.kind === "batch") return job.spec.data;
  const { data } = about(job);
  return data === undefined ? [] : [data];
}

/** What a space is called: its name with options, or that of a declaration. */
export function spaceTitle(space: string | Record<string, unknown>): string {
  if (typeof space === "string") return space;
  return typeof space["name"] === "string" ? space["name"] : "custom";
}

export function spaceName(job: Pick<Job, "spec">): string {
  if (job.spec.kind === "batch") return job.spec.spaces.map(spaceTitle).join(", ");
  const { space } = about(job);
  return typeof space === "object" ? "custom" : (space ?? "none");
}

export interface TargetBudget {
  target: string;
  /** As it was requested: `at most 0.2 ms`, or `at most 40 % of the latency range`; null of a job without budgets. */
  budget: string | null;
  /** Fingerprint of the only device that is allowed. */
  device: string | null;
}

export function targetsOf({ spec }: Pick<Job, "spec">): TargetBudget[] {
  switch (spec.kind) {
    case "search":
      return spec.targets.map(withBudget);
    case "export":
      return (spec.search?.targets ?? []).filter(({ target }) => spec.target == null || target === spec.target).map(withBudget);
    case "batch":
      return spec.targets.map((target) => ({ target, budget: spec.budgets.map(budgetText).join(", "), device: null }));
    case "profiling":
      return [{ target: spec.target, budget: null, device: spec.device ?? null }];
    default:
      return [];
  }
}

/** Limits on other costs than latency: `weight_bytes at most 300,000`; none without any. */
export function limitsOf({ spec }: Pick<Job, "spec">): string[] {
  const search = spec.kind === "export" || spec.kind === "batch" ? spec.search : spec.kind === "search" ? spec : null;
  if (search == null) return [];
  const given: [string, number | string | null][] = Object.entries(search.limits ?? {});
  return given.flatMap(([cost, most]) => (most === null ? [] : [`${cost} at most ${most.toLocaleString("en")}`]));
}

function withBudget({ target, latency_ms, device }: Schemas["WireTarget"]): TargetBudget {
  return { target, budget: budgetText(latency_ms), device: device ?? null };
}

/** `at most 0.2 ms`, `at most 40 % of the latency range`. */
export function budgetText(latency_ms: number | string): string {
  return typeof latency_ms === "number" ? `at most ${latency_ms} ms` : `at most ${latency_ms.replace("%", " %")} of the latency range`;
}

/** Runtime so far in seconds, as the service counts it; null of a job that has not started. */
export function runtimeSeconds(job: Pick<Job, "started_at" | "active_s">): number | null {
  return job.started_at === null ? null : job.active_s;
}

/** Whether the form of a new job can start from it. An export is started from its candidate. */
export function canClone(kind: string): boolean {
  return ["search", "profiling", "supernet_training"].includes(kind);
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

/** A state as it is shown, with a pause that is requested and not done yet. */
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
  if (kind === "batch") return [{ to: "cells", name: "Cells", end: false }, events];
  if (kind === "search") return [{ to: ".", name: "Search", end: true }, training, candidates, events];
  return kind === "profiling" ? [events] : [training, events];
}

/** How many cells are in each state: `3 succeeded, 1 infeasible`. */
export function countsText(counts: Readonly<Record<string, number | undefined>>): string {
  const some = Object.entries(counts).filter(([, count]) => count !== undefined && count > 0);
  return some.map(([state, count]) => `${count} ${state}`).join(", ") || "none";
}
