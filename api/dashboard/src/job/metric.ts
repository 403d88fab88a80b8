/** What networks are compared by: its name in words, its values as people read them, and which of two is better. */
import type { MetricValue } from "../api/events";
import type { Shown } from "../charts/axis";
import { percent, significant } from "../ui/format";
import type { Job } from "./describe";

/** A metric without a value. */
export type Metric = Pick<MetricValue, "name" | "higher_is_better">;

/** Those that are shares from 0 to 1, shown in percent. */
const SHARES: Readonly<Record<string, string>> = { accuracy: "accuracy", balanced_accuracy: "balanced accuracy", macro_f1: "macro F1" };

/** `accuracy`, `balanced accuracy`, `macro F1`; of a metric that this page does not know, its name with spaces. */
export function metricTitle(name: string): string {
  return SHARES[name] ?? name.replaceAll("_", " ");
}

/** How values of a metric are written: in percent where they are shares. */
export function metricFormat(name: string): (value: number) => string {
  return name in SHARES ? (value) => percent(value) : (value) => significant(value, 4);
}

export function metricText({ name, value }: Pick<MetricValue, "name" | "value">): string {
  return metricFormat(name)(value);
}

/** In which unit a metric is shown on an axis. */
export function metricUnit(name: string): Shown {
  return name in SHARES ? { factor: 100, unit: "%" } : { factor: 1, unit: "" };
}

/** How a value differs from another one of the same metric: in percentage points where they are shares. */
export function metricDifference(name: string, value: number, from: number): string {
  const difference = (value - from) * metricUnit(name).factor;
  const digits = name in SHARES ? Math.abs(difference).toFixed(2) : significant(Math.abs(difference));
  if (Number(digits) === 0) return "equal";
  return `${difference > 0 ? "+" : "−"}${digits}${name in SHARES ? " points" : ""}`;
}

/** For `sort`: the better first. */
export function byMetric(one: MetricValue, other: MetricValue): number {
  return one.higher_is_better ? other.value - one.value : one.value - other.value;
}

/** What a job compares networks by: as its events say, else as it was requested. */
export function metricOf(job: Pick<Job, "spec"> | undefined, reported: Metric | undefined): Metric {
  const spec = job?.spec.kind === "export" ? job.spec.search : job?.spec;
  return reported ?? { name: spec && "metric" in spec ? spec.metric : "accuracy", higher_is_better: true };
}
