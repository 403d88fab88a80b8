/** Which export finishes an architecture of a search, or has finished it. */
import type { Schemas } from "../../api/client";
import { hasEnded, type Job } from "../../job/describe";

/** The first that goes on or delivered a model, of jobs from the newest on; null where all came to nothing. */
export function exportOf(jobs: readonly Job[], searchId: string, architectureId: string, target: string): Job | null {
  const isMine = ({ spec }: Job): boolean => {
    if (spec.kind !== "export" || spec.job !== searchId || spec.architecture_id !== architectureId) return false;
    // The only target of a search may have been named in another way: `cpu:threads=1` is `cpu`.
    return spec.target === target || spec.search?.targets.length === 1;
  };
  return jobs.find((one) => isMine(one) && (!hasEnded(one.state) || modelOf(one) !== null)) ?? null;
}

export function modelOf({ result }: Job): Schemas["DeliveredModel"] | null {
  return result && "model" in result ? result.model : null;
}
