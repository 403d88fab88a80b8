/**
 * What candidates can be compared by: their objectives, and the choices of the space. A choice's coordinate is the place of its
 * value among all values that were seen, from the smallest.
 */
import type { CandidateEvent } from "../../api/events";
import { PLAIN, type Shown } from "../../charts/axis";
import { type Metric, metricFormat, metricTitle, metricUnit } from "../../job/metric";
import { bytes, count, latency, significant } from "../../ui/format";

export interface Dimension {
  /** In addresses: `metric`, `latency_ms`, `choice.s1.depth`. */
  id: string;
  /** In files: `accuracy`, `latency_ms`, `s1.depth`. */
  name: string;
  label: string;
  /** Of a choice: its values; null of an objective. */
  values: readonly string[] | null;
  /** Whether more is better. */
  highest: boolean;
  /** NaN where it is not known. */
  of: (candidate: CandidateEvent) => number;
  format: (value: number) => string;
  /** In which unit values up to a greatest are shown on an axis. */
  shown: (greatest: number) => Shown;
}

const BYTES = ["B", "kB", "MB", "GB"];
const COUNTS = ["", "k", "M", "G", "T"];

function byThousands(units: readonly string[]): (greatest: number) => Shown {
  return (greatest) => {
    const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, greatest)) / 3)));
    return { factor: 1000 ** -step, unit: units[step] ?? "" };
  };
}

function objective(id: string, label: string, of: (one: CandidateEvent) => number | null | undefined, rest: Partial<Dimension>): Dimension {
  return { id, name: id, label, values: null, highest: false, of: (one) => of(one) ?? Number.NaN, format: significant, shown: () => PLAIN, ...rest };
}

/** Predicted latency on the target that the candidate was evaluated for. */
export const LATENCY = objective("latency_ms", "Predicted latency", (one) => one.latency_ms[targetOf(one)], {
  format: latency,
  shown: () => ({ factor: 1, unit: "ms" }),
});

export const METRIC_ID = "metric";

/** What the search compares networks by. */
export function metricDimension({ name, higher_is_better }: Metric): Dimension {
  return objective(METRIC_ID, `INT8 ${metricTitle(name)}, validation`, (one) => one.metric.value, {
    name,
    highest: higher_is_better,
    format: metricFormat(name),
    shown: () => metricUnit(name),
  });
}

const COSTS = [
  LATENCY,
  objective("weight_bytes", "Size of weights", (one) => one.weight_bytes, { format: bytes, shown: byThousands(BYTES) }),
  objective("macs", "MACs", (one) => one.macs, { format: count, shown: byThousands(COUNTS) }),
  objective("params", "Parameters", (one) => one.params, { format: count, shown: byThousands(COUNTS) }),
  objective("peak_memory_bytes", "Peak memory", (one) => one.peak_memory_bytes, { format: bytes, shown: byThousands(BYTES) }),
];

/** The target whose search evaluated a candidate. */
export function targetOf({ latency_ms }: CandidateEvent): string {
  for (const target in latency_ms) return target;
  return "";
}

/** The search's metric, and those costs that any candidate has. */
export function objectivesOf(candidates: readonly CandidateEvent[], metric: Dimension): Dimension[] {
  const has = ({ of }: Dimension) => candidates.some((one) => !Number.isNaN(of(one)));
  return [metric, ...COSTS.filter((cost) => cost === LATENCY || has(cost))];
}

type Value = string | number | boolean;

/** The choices in which candidates differ, in the order of their names in the space. */
export function choicesOf(candidates: readonly CandidateEvent[]): Dimension[] {
  const seen = new Map<string, Set<Value>>();
  for (const { choices } of candidates) {
    for (const name in choices) {
      const value = choices[name];
      if (value === undefined) continue;
      const values = seen.get(name);
      if (values === undefined) seen.set(name, new Set([value]));
      else values.add(value);
    }
  }
  return [...seen].filter(([, values]) => values.size > 1).map(([name, values]) => choice(name, values));
}

function choice(name: string, seen: ReadonlySet<Value>): Dimension {
  const values = [...seen].sort(compared);
  const places = new Map(values.map((value, index) => [value, index]));
  const texts = values.map(String);
  return {
    id: `choice.${name}`,
    name,
    label: name,
    values: texts,
    highest: true,
    of: (one) => {
      const value = one.choices?.[name];
      return value === undefined ? Number.NaN : (places.get(value) ?? Number.NaN);
    },
    format: (value) => texts[Math.round(value)] ?? "inactive",
    shown: () => PLAIN,
  };
}

function compared(one: Value, other: Value): number {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other));
}

/** Latencies are predicted for candidates and measured for trained networks: an axis of both names neither. */
export function axisLabel({ id, label }: Dimension): string {
  return id === LATENCY.id ? "Latency" : label;
}

/** `Size of weights (MB)`. */
export function withUnit(label: string, { unit }: Shown): string {
  return unit === "" ? label : `${label} (${unit})`;
}
