/** Which candidates the address names, and the order in which they are listed. */
import type { CandidateEvent, FrontEvent } from "../../api/events";
import { byMetric } from "../../job/metric";

export const MAX_COMPARED = 5;

export function idsOf(text: string | null): string[] {
  const ids = (text ?? "").split(",").filter((id) => /^[A-Za-z0-9_-]{1,64}$/.test(id));
  return [...new Set(ids)].slice(0, MAX_COMPARED);
}

/** With or without one more; beyond the most that can be compared, nothing is added. */
export function toggled(ids: readonly string[], id: string): string[] {
  if (ids.includes(id)) return ids.filter((one) => one !== id);
  return ids.length < MAX_COMPARED ? [...ids, id] : [...ids];
}

export interface CandidateRow {
  candidate: CandidateEvent;
  /** Targets whose front it is on. */
  fronts: string[];
}

/** Those on a front first, from the fastest; then the others, the best by the metric first. Each architecture once. */
export function rowsOfCandidates(candidates: readonly CandidateEvent[], fronts: Readonly<Record<string, FrontEvent>>): CandidateRow[] {
  const on = new Map<string, string[]>();
  for (const front of Object.values(fronts))
    for (const point of front.points) on.set(point.architecture_id, [...(on.get(point.architecture_id) ?? []), front.target]);
  const once = [...new Map(candidates.map((one) => [one.architecture_id, one])).values()];
  const rows = once.map((candidate) => ({ candidate, fronts: on.get(candidate.architecture_id) ?? [] }));
  const fastest = ({ candidate }: CandidateRow) => Math.min(...Object.values(candidate.latency_ms));
  return rows.sort((a, b) => {
    if (a.fronts.length > 0 && b.fronts.length > 0) return fastest(a) - fastest(b);
    if (a.fronts.length !== b.fronts.length) return b.fronts.length - a.fronts.length;
    return byMetric(a.candidate.metric, b.candidate.metric);
  });
}
