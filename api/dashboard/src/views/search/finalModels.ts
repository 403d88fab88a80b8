/** The final models of a search that succeeded, as its result has them. */
import type { CandidateEvent } from "../../api/events";
import type { Job } from "../../job/describe";
import { targetOf } from "./dimensions";
import type { Network } from "./networks";
import type { Rows } from "./rows";

export interface FinalModel {
  target: string;
  series: number;
  /** With the metric of the trained network where the search reported it; null where it reported no candidate. */
  candidate: CandidateEvent | null;
  /** Milliseconds. */
  predicted: number;
  /** Mean error of the table, a fraction. */
  error: number;
  measured: number | null;
  p95: number | null;
  kind: "measured" | "simulated";
}

/** Empty while there is no result. */
export function finalModelsOf(
  result: Job["result"] | undefined,
  { candidates, targets }: Rows,
  trained: (target: string, id: string) => Network | null,
): FinalModel[] {
  if (!result || !("models" in result)) return [];
  return Object.entries(result.models).map(([target, { architecture_id: id, latency_ms: ms }]) => ({
    target,
    series: Math.max(0, targets.indexOf(target)),
    candidate: trained(target, id)?.as ?? candidates.find((one) => one.architecture_id === id && targetOf(one) === target) ?? null,
    predicted: ms.predicted,
    error: ms.predicted_error,
    measured: ms.measured ?? ms.simulated ?? null,
    p95: ms.measured_p95,
    kind: ms.kind,
  }));
}
