/** A job in words: its name, what it is for, and what can be done with it. */
import type { Schemas } from "../api/client";
import { latency } from "../ui/format";

export type Job = Schemas["JobDocument"];
export type Spec = Job["spec"];

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
  return job.labels["name"] || `${kindName(job.spec.kind)} on ${job.spec.data}`;
}

export function spaceName(spec: Spec): string {
  return typeof spec.space === "string" ? spec.space : "a space of its own";
}

export interface TargetBudget {
  target: string;
  /** As it was asked for: `0.2 ms`, or `40 % of the range`; null of a job without budgets. */
  budget: string | null;
}

export function targetsOf(spec: Spec): TargetBudget[] {
  if ("targets" in spec) return spec.targets.map(({ target, latency_ms }) => ({ target, budget: budgetText(latency_ms) }));
  return "target" in spec ? [{ target: spec.target, budget: null }] : [];
}

function budgetText(latency_ms: number | string): string {
  return typeof latency_ms === "number" ? latency(latency_ms) : `${latency_ms.replace("%", " %")} of the range`;
}

const ENDED = ["succeeded", "failed", "cancelled"];

export function hasEnded(state: string): boolean {
  return ENDED.includes(state);
}

export function canPause(state: string): boolean {
  return state === "queued" || state === "running";
}

export function canCancel(state: string): boolean {
  return canPause(state) || state === "paused";
}

/** Which views a job of a kind has, in their order. The first is at the job's own address. */
export function viewsOf(kind: string): { to: string; name: string; end: boolean }[] {
  const events = { to: "events", name: "Events", end: false };
  const training = { to: "training", name: "Training", end: false };
  if (kind === "search") {
    return [
      { to: ".", name: "Search", end: true },
      training,
      { to: "candidates", name: "Candidates", end: false },
      events,
    ];
  }
  return kind === "supernet_training" || kind === "export" ? [training, events] : [events];
}
