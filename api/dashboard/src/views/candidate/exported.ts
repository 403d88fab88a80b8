/** Which export trains and exports an architecture of a search, or has done so. */
import { hasEnded, type Job } from "../../job/describe";

export type ExportedModel = Extract<NonNullable<Job["result"]>, { model: object }>["model"];

/** The first that is not over or has exported a model, of jobs from the newest on; null where all failed or were cancelled. */
export function exportOf(jobs: readonly Job[], searchId: string, architectureId: string, target: string): Job | null {
  const isMine = ({ spec }: Job): boolean => {
    if (spec.kind !== "export" || spec.job !== searchId || spec.architecture_id !== architectureId) return false;
    // The only target of a search may have been named in another way: `cpu:threads=1` is `cpu`.
    return spec.target === target || spec.search?.targets.length === 1;
  };
  return jobs.find((one) => isMine(one) && (!hasEnded(one.state) || modelOf(one) !== null)) ?? null;
}

export function modelOf({ result }: Job): ExportedModel | null {
  return result && "model" in result ? result.model : null;
}
