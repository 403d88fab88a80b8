/** The delivered models of a finished search, as its result has them. */
import * as v from "valibot";

import type { CandidateEvent } from "../../api/events";
import { targetOf } from "./dimensions";
import type { Rows } from "./rows";

const maybe = v.optional(v.nullable(v.number()), null);

const Latency = v.object({
  predicted: v.number(),
  predicted_error: v.optional(v.number(), 0),
  measured: maybe,
  measured_p95: maybe,
  simulated: maybe,
});

const Model = v.object({ architecture_id: v.string(), latency_ms: Latency });
const Result = v.object({ models: v.record(v.string(), v.unknown()) });

export interface Delivered {
  target: string;
  series: number;
  /** Null where the search told of none. */
  candidate: CandidateEvent | null;
  /** Milliseconds. */
  predicted: number;
  /** Mean error of the table, a fraction. */
  error: number;
  measured: number | null;
  p95: number | null;
  kind: "measured" | "simulated";
}

/** Empty while there is no result, or when it is of another form. */
export function deliveredOf(result: unknown, { candidates, targets }: Rows): Delivered[] {
  const parsed = v.safeParse(Result, result);
  if (!parsed.success) return [];
  return Object.entries(parsed.output.models).flatMap(([target, value]) => {
    const model = v.safeParse(Model, value);
    if (!model.success) return [];
    const { architecture_id: id, latency_ms: ms } = model.output;
    const series = targets.indexOf(target);
    return [
      {
        target,
        series: Math.max(0, series),
        candidate: candidates.find((one) => one.architecture_id === id && targetOf(one) === target) ?? null,
        predicted: ms.predicted,
        error: ms.predicted_error,
        measured: ms.measured ?? ms.simulated,
        p95: ms.measured_p95,
        kind: ms.measured === null ? "simulated" : "measured",
      } satisfies Delivered,
    ];
  });
}
