/** What networks are compared by, in words. Events and documents call its value `accuracy`, whichever it is. */
import type { Job } from "./describe";

const NAMES: Readonly<Record<string, string>> = { accuracy: "accuracy", balanced_accuracy: "balanced accuracy", macro_f1: "macro F1" };

/** `accuracy`, `balanced accuracy`, `macro F1`. */
export function metricName(metric: string): string {
  return NAMES[metric] ?? metric.replaceAll("_", " ");
}

/** The name of what a job compares networks by. */
export function metricOf(job: Pick<Job, "spec"> | undefined): string {
  const spec = job?.spec.kind === "export" ? job.spec.search : job?.spec;
  return metricName(spec && "metric" in spec ? spec.metric : "accuracy");
}
