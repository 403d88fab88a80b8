/** The curves of a job in the groups that are drawn together: `nas/stages` names them. */
import { smoothed } from "../../charts/curves";
import type { Line } from "../../charts/LineChart";
import type { Curve } from "../../job/state";

export interface CurveGroup {
  key: string;
  title: string;
  yLabel: string;
  /** Whether values are shares, shown in percent. */
  share: boolean;
  lines: Line[];
}

interface Kind {
  key: string;
  title: string;
  yLabel: string;
  share: boolean;
  /** Series by the end of the curve's name. */
  names: readonly (readonly [end: string, label: string])[];
}

const SUBNETS = [
  ["largest", "largest subnet"],
  ["random", "sampled subnets, mean"],
  ["smallest", "smallest subnet"],
] as const;

const SUPERNET: readonly Kind[] = [
  { key: "loss", title: "Training loss", yLabel: "Loss", share: false, names: SUBNETS.map(([end, label]) => [`loss_${end}`, label]) },
  { key: "accuracy", title: "Training accuracy", yLabel: "Accuracy (%)", share: true, names: SUBNETS.map(([end, label]) => [`accuracy_${end}`, label]) },
  { key: "images_per_second", title: "Throughput", yLabel: "Images per second", share: false, names: [["images_per_second", "images per second"]] },
  { key: "learning_rate", title: "Learning rate", yLabel: "Learning rate", share: false, names: [["learning_rate", "learning rate"]] },
];

const STEPS = [
  ["tune_", "fine-tuning"],
  ["int8_", "quantisation-aware training (INT8)"],
] as const;

/** What the curves of the trained network are of, where it is not all of it. */
const SOURCE: Readonly<Record<string, string>> = { loss: "mean over its ends", accuracy: "whole network" };

const FINE_TUNING: readonly Omit<Kind, "names">[] = [
  { key: "loss", title: "Loss", yLabel: "Loss", share: false },
  { key: "accuracy", title: "Accuracy", yLabel: "Accuracy (%)", share: true },
  { key: "images_per_second", title: "Throughput", yLabel: "Images per second", share: false },
  { key: "learning_rate", title: "Learning rate", yLabel: "Learning rate", share: false },
];

/** Curves of the trained network that the job starts from, while it is fine-tuned on the data. */
export function sourceGroups(curves: Readonly<Record<string, Curve>>, weight: number): CurveGroup[] {
  const all = Object.values(curves).filter(({ phase }) => phase === "training");
  return FINE_TUNING.flatMap((kind) => grouped({ ...kind, names: [[`source_${kind.key}`, SOURCE[kind.key] ?? kind.title.toLowerCase()]] }, all, weight));
}

/** Curves of the supernet; those that do not exist yet are left out. `weight` smooths, see `smoothed`. */
export function supernetGroups(curves: Readonly<Record<string, Curve>>, weight: number): CurveGroup[] {
  const all = Object.values(curves).filter(({ phase }) => phase === "training");
  return SUPERNET.flatMap((kind) => grouped(kind, all, weight));
}

/** Curves of the fine-tuning of one target's network; `target` is null for jobs that did not report it. */
export function fineTuningGroups(curves: Readonly<Record<string, Curve>>, target: string | null, weight: number): CurveGroup[] {
  const all = Object.values(curves).filter((curve) => curve.phase === "fine_tuning" && curve.target === target);
  return FINE_TUNING.flatMap((kind) => {
    const names = STEPS.map(([prefix, label]) => [prefix + kind.key, label] as const);
    const title = target === null ? kind.title : `${kind.title}, ${target}`;
    return grouped({ ...kind, key: `${target ?? ""}/${kind.key}`, title, names }, all, weight);
  });
}

/** The targets whose networks were fine-tuned, in that order. */
export function fineTunedTargets(curves: Readonly<Record<string, Curve>>): (string | null)[] {
  return [...new Set(Object.values(curves).flatMap(({ phase, target }) => (phase === "fine_tuning" ? [target] : [])))];
}

function grouped({ names, ...kind }: Kind, curves: readonly Curve[], weight: number): CurveGroup[] {
  const lines = names.flatMap(([wanted, label], series): Line[] => {
    const curve = curves.find(({ name }) => name === wanted);
    if (curve === undefined || curve.steps.length === 0) return [];
    const { steps, values } = curve;
    // A schedule has no noise.
    const isSmoothed = weight > 0 && !wanted.endsWith("learning_rate");
    return [{ name: label, series, steps, values: isSmoothed ? smoothed(values, weight) : values, raw: isSmoothed ? values : undefined }];
  });
  return lines.length === 0 ? [] : [{ ...kind, lines }];
}
