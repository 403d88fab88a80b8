/** Where a budget lies in the latencies that a space can reach on a target. */
import { ProblemError } from "../../api/problem";
import type { TargetRow } from "./form";

export type Range = readonly [number, number];

/** What a budget comes to. `share` is 0 at the fastest network and 1 at the slowest; beyond both for others. */
export interface Budget {
  ms: number;
  share: number;
  range: Range;
}

/** Undefined while the budget is no number. As the service resolves it: linear between both ends. */
export function budgetIn(row: Pick<TargetRow, "budget" | "unit">, range: Range): Budget | undefined {
  const value = Number.parseFloat(row.budget);
  if (!Number.isFinite(value)) return undefined;
  const [low, high] = range;
  const width = high - low;
  if (row.unit === "%") return { ms: low + (width * value) / 100, share: value / 100, range };
  return { ms: value, share: width > 0 ? (value - low) / width : value < low ? -1 : 1, range };
}

/** The same budget in the other unit, to three digits. */
export function inUnit(row: TargetRow, unit: TargetRow["unit"], range: Range | undefined): TargetRow {
  const found = unit === row.unit || range === undefined ? undefined : budgetIn(row, range);
  if (found === undefined) return { ...row, unit };
  const value = unit === "ms" ? found.ms : Math.min(100, Math.max(0, found.share * 100));
  return { ...row, unit, budget: String(Number(value.toPrecision(3))) };
}

/** The reachable range of a budget that no network meets: the service's problem document has it. */
export function reachableRange(error: unknown): Record<string, Range> {
  if (!(error instanceof ProblemError) || error.problem.code !== "infeasible_budget") return {};
  const { target, reachable_ms: range } = error.problem.facts ?? {};
  if (typeof target !== "string" || !Array.isArray(range)) return {};
  const [low, high] = range as unknown[];
  return typeof low === "number" && typeof high === "number" ? { [target]: [low, high] } : {};
}
