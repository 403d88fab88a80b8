/** Limits on other costs than latency, as the user typed them: whole numbers, or with a decimal unit (`300k`, `50M`). */
import type { FieldProblem } from "./form";

/** Costs that can be limited, with their names and units. */
export const COSTS = {
  macs: { label: "Multiply-accumulates", unit: "of one image" },
  params: { label: "Parameters", unit: "weights and biases" },
  weight_bytes: { label: "Weight bytes", unit: "INT8 weights and INT32 biases" },
  peak_memory_bytes: { label: "Peak activation memory", unit: "bytes, INT8, one image" },
} as const;
export type CostName = keyof typeof COSTS;
export const COST_NAMES = Object.keys(COSTS) as CostName[];
/** What is typed for each cost; one without a limit is left out. */
export type Limits = Partial<Record<CostName, string>>;

const UNITS: Readonly<Record<string, bigint>> = { "": 1n, k: 1_000n, M: 1_000_000n, G: 1_000_000_000n };
const MOST = 1_000_000_000_000_000n;

/** The whole number of a text such as `1.5M`; null where it is none from 1 to 10^15. */
export function amount(typed: string): number | null {
  const match = /^(\d{1,16})(?:\.(\d{1,9}))?([kMG]?)$/.exec(typed.trim());
  if (match === null) return null;
  const [, whole = "", fraction = "", unit = ""] = match;
  const [scaled, parts] = [BigInt(whole + fraction) * (UNITS[unit] ?? 1n), 10n ** BigInt(fraction.length)];
  const value = scaled / parts;
  return scaled % parts === 0n && value >= 1n && value <= MOST ? Number(value) : null;
}

/** The limits of a spec, with units as they were typed; undefined without any. */
export function limitsOf(typed: Limits, problems: FieldProblem[]): Record<string, number | string> | undefined {
  const found: Record<string, number | string> = {};
  for (const cost of COST_NAMES) {
    const text = typed[cost]?.trim() ?? "";
    if (text === "") continue;
    const value = amount(text);
    if (value === null) problems.push({ pointer: `/spec/limits/${cost}`, detail: "Give a whole number above 0, such as 300000 or 300k." });
    else found[cost] = /^\d+$/.test(text) ? value : text;
  }
  return Object.keys(found).length === 0 ? undefined : found;
}

/** The form's limits of a spec's. */
export function typedLimits(limits: Partial<Record<string, number | string | null>> | null | undefined): Limits {
  return Object.fromEntries(COST_NAMES.flatMap((cost) => (limits?.[cost] == null ? [] : [[cost, String(limits[cost])]])));
}

/** With one of them typed, or left out where it is empty. */
export function withLimit(limits: Limits, cost: CostName, typed: string): Limits {
  const others = Object.fromEntries(Object.entries(limits).filter(([one]) => one !== cost));
  return typed === "" ? others : { ...others, [cost]: typed };
}
