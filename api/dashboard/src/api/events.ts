/**
 * The events of a job as the stream sends them, checked: `docs/reference/events.md` is the vocabulary. Fields and types
 * that this page does not know are ignored, since the service may be newer than the page.
 */
import * as v from "valibot";

const phase = v.string();
const target = v.optional(v.nullable(v.string()), null);
const number = v.pipe(v.number(), v.finite());

const Phase = v.object({
  type: v.literal("phase"),
  phase,
  status: v.picklist(["started", "finished", "reused"]),
  target,
  seconds: v.optional(v.nullable(number), null),
});

const Progress = v.object({
  type: v.literal("progress"),
  phase,
  done: number,
  total: number,
  unit: v.string(),
  eta_s: v.optional(v.nullable(number), null),
  target,
});

const Metric = v.object({ type: v.literal("metric"), phase, name: v.string(), step: number, value: number, target });

/** A metric with its direction: whoever compares two values needs to know no metric by name. */
const MetricValue = v.object({ name: v.string(), value: number, higher_is_better: v.optional(v.boolean(), true) });

const Candidate = v.object({
  type: v.literal("candidate"),
  number,
  architecture: v.string(),
  architecture_id: v.string(),
  metric: MetricValue,
  latency_ms: v.record(v.string(), number),
  feasible: v.record(v.string(), v.boolean()),
  macs: v.optional(v.nullable(number), null),
  params: v.optional(v.nullable(number), null),
  weight_bytes: v.optional(v.nullable(number), null),
  peak_memory_bytes: v.optional(v.nullable(number), null),
  choices: v.optional(v.nullable(v.record(v.string(), v.union([v.string(), number, v.boolean()]))), null),
});

/** How a latency came about. */
const kind = v.picklist(["measured", "predicted", "simulated", "estimated"]);

const Point = v.object({
  architecture: v.string(),
  architecture_id: v.string(),
  metric: MetricValue,
  latency_ms: number,
  kind: v.optional(kind, "predicted"),
});

const Front = v.object({
  type: v.literal("front"),
  of: v.optional(v.picklist(["candidates", "trained"]), "candidates"),
  target: v.string(),
  budget_ms: number,
  limit_ms: v.optional(v.nullable(number), null),
  evaluations: number,
  predicted_error: v.optional(v.nullable(number), null),
  hypervolume: v.optional(v.nullable(number), null),
  points: v.array(Point),
});

const Finalist = v.object({
  type: v.literal("finalist"),
  target: v.string(),
  architecture: v.string(),
  architecture_id: v.string(),
  round: number,
  rounds: number,
  images: number,
  metric: MetricValue,
  standard_error: number,
  latency_ms: number,
  kind,
});

const Plan = v.object({ type: v.literal("plan"), resolution: number, supernet: v.boolean(), note: v.string() });

const Checkpoint = v.object({
  type: v.literal("checkpoint"),
  phase,
  target,
  step: number,
  total: number,
  restored: v.optional(v.boolean(), false),
});

const Measurement = v.object({
  type: v.literal("measurement"),
  target: v.string(),
  architecture_id: v.string(),
  of: v.picklist(["candidate", "file"]),
  kind: v.picklist(["measured", "simulated"]),
  latency_ms: number,
  p50_ms: number,
  p95_ms: number,
});

/** A cell of a batch has another state. */
const Cell = v.object({
  type: v.literal("cell"),
  cell: v.string(),
  state: v.string(),
  metric: v.optional(v.nullable(MetricValue), null),
  latency_ms: v.optional(v.nullable(number), null),
  kind: v.optional(v.nullable(kind), null),
  detail: v.optional(v.string(), ""),
});

/** How far a batch is. */
const Batch = v.object({
  type: v.literal("batch"),
  stage: v.string(),
  done: number,
  total: number,
  cells: v.record(v.string(), number),
  eta_s: v.optional(v.nullable(number), null),
});

const Log = v.object({ type: v.literal("log"), level: v.picklist(["info", "warning", "error"]), message: v.string() });
/** What happened in one search of a batch. */
const Item = v.object({ type: v.literal("item"), item: v.string(), event: v.variant("type", [Phase, Plan, Log]) });
const State = v.object({ type: v.literal("state"), state: v.string() });
const End = v.object({ type: v.literal("end"), state: v.string() });

const Known = v.variant("type", [Phase, Progress, Metric, Candidate, Front, Finalist, Plan, Checkpoint, Measurement, Cell, Batch, Item, Log, State, End]);

const Numbered = v.object({
  seq: v.pipe(v.number(), v.integer(), v.minValue(1)),
  at: v.string(),
  event: v.looseObject({ type: v.string() }),
});

export type JobEvent = v.InferOutput<typeof Known>;
export type MeasurementEvent = v.InferOutput<typeof Measurement>;
export type MetricValue = v.InferOutput<typeof MetricValue>;
export type MetricEvent = v.InferOutput<typeof Metric>;
export type CandidateEvent = v.InferOutput<typeof Candidate>;
export type FrontEvent = v.InferOutput<typeof Front>;
export type FrontPoint = v.InferOutput<typeof Point>;
export type FinalistEvent = v.InferOutput<typeof Finalist>;
export type PlanEvent = v.InferOutput<typeof Plan>;
export type CellEvent = v.InferOutput<typeof Cell>;
export type BatchEvent = v.InferOutput<typeof Batch>;
export type CheckpointEvent = v.InferOutput<typeof Checkpoint>;

/**
 * One event with its number in the job: 1, 2, 3, ... without gaps. `event` is null for a type that this page does not know, and
 * for one whose fields are not as promised; `raw` has it then.
 */
export interface NumberedEvent {
  seq: number;
  at: string;
  event: JobEvent | null;
  raw: { type: string };
}

/**
 * Reads one message of the stream, or one item of a page.
 *
 * @throws ValiError it has no number, time and type.
 */
export function readEvent(value: unknown): NumberedEvent {
  const { seq, at, event } = v.parse(Numbered, value);
  const known = v.safeParse(Known, event);
  return { seq, at, event: known.success ? known.output : null, raw: event };
}
