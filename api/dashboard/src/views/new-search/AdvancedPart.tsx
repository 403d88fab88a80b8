/** The trained network to start from, the metric, class weights, the budget's statistic, image preprocessing and other limits: most users keep the defaults. */
import { useState } from "react";

import { useNetworks } from "../../job/networks";
import { Field } from "../../ui/Field";
import { at } from "./fields";
import { ADVANCED, type AdvancedName, withSetting } from "./form";
import { COST_NAMES } from "./limits";
import { LimitsPart } from "./LimitsPart";
import type { PartProps } from "./parts";
import { StartPart } from "./StartPart";

interface Setting {
  name: AdvancedName;
  label: string;
  hint: string;
  /** Value and what it does, in the order of the list. */
  values: Readonly<Record<string, string>>;
  kinds: readonly string[];
}

const TRAINED = ["search", "supernet_training"];

const SETTINGS: readonly Setting[] = [
  {
    name: "method",
    label: "Method",
    hint: "From a trained network. Auto decides by the time.",
    values: { auto: "auto", search: "search: train a supernet from it", prune: "prune: cut networks out of it" },
    kinds: ["search"],
  },
  {
    name: "device",
    label: "Train on",
    hint: "Auto takes the worker's NVIDIA GPU where there is one. Latency is measured on the target in any case.",
    values: { auto: "auto", cpu: "processor", cuda: "NVIDIA GPU" },
    kinds: TRAINED,
  },
  {
    name: "metric",
    label: "Search metric",
    hint: "On the validation set. Balanced accuracy and macro F1 weight all classes equally.",
    values: { accuracy: "accuracy", balanced_accuracy: "balanced accuracy", macro_f1: "macro F1" },
    kinds: TRAINED,
  },
  {
    name: "class_weights",
    label: "Class weights",
    hint: "Auto gives rare classes more weight in training, unless the metric is plain accuracy.",
    values: { auto: "auto", none: "none" },
    kinds: TRAINED,
  },
  {
    name: "budget_on",
    label: "Latency statistic of the budget",
    hint: "Quiet is the latency on an idle machine.",
    values: { quiet: "quiet", p50: "median (p50)", p95: "95th percentile (p95)" },
    kinds: ["search"],
  },
  {
    name: "searcher",
    label: "Searcher",
    hint: "Suggests the architectures to evaluate.",
    values: {
      hwnas: "hwnas: Gaussian process",
      nsga2: "NSGA-II",
      regularised_evolution: "regularised evolution",
      local_search: "local search",
      random: "random",
      tpe: "Optuna TPE",
      gp: "Optuna GP",
    },
    kinds: ["search"],
  },
  {
    name: "objective",
    label: "Objective",
    hint: "What the search is after within the budget.",
    values: { front: "front of metric and latency", metric: "best metric", reward: "MnasNet reward" },
    kinds: ["search"],
  },
  {
    name: "fit",
    label: "Resize to square",
    hint: "Stretching changes the aspect ratio.",
    values: { stretch: "stretch", crop: "center crop", pad: "pad with black bars" },
    kinds: TRAINED,
  },
  {
    name: "augment",
    label: "Augmentation",
    hint: "Random transforms of training images; auto decides by the data.",
    values: { auto: "auto", none: "none", light: "light", photo: "photo" },
    kinds: TRAINED,
  },
];

export function AdvancedPart({ form, change, problems }: PartProps) {
  const settings = SETTINGS.filter(({ kinds }) => kinds.includes(form.kind));
  const named = [{ name: "start_from" as const, label: "Start from" }, ...settings];
  const set = named.filter(({ name }) => form.advanced[name] !== undefined);
  const limits = form.kind === "search" ? COST_NAMES.filter((cost) => form.limits[cost] !== undefined) : [];
  const isWrong = named.some(({ name }) => at(problems, `/spec/${name}`) !== undefined) || at(problems, "/spec/limits", true) !== undefined;
  const { data: networks } = useNetworks();
  const words = (value = "") => networks?.items.find(({ id }) => id === value)?.name ?? value;
  const changed = [
    ...set.map(({ label, name }) => `${label.toLowerCase()}: ${words(form.advanced[name])}`),
    ...limits.map((cost) => `${cost} at most ${form.limits[cost]}`),
  ];
  const [opensAtFirst] = useState(changed.length > 0);
  return (
    <details className="options" open={opensAtFirst || isWrong || undefined}>
      <summary>
        Advanced <span className="quiet">{changed.length === 0 ? "all at their defaults" : changed.join(", ")}</span>
      </summary>
      <StartPart {...{ form, change, problems }} />
      <div className="option-grid">
        {settings.map(({ name, label, hint, values }) => {
          const value = form.advanced[name] ?? ADVANCED[name];
          return (
            <Field key={name} label={label} hint={hint} error={at(problems, `/spec/${name}`)}>
              {(control) => (
                <select {...control} value={value} onChange={(event) => change({ advanced: withSetting(form.advanced, name, event.target.value) })}>
                  {!(value in values) && <option value={value}>{value}</option>}
                  {Object.entries(values).map(([one, words]) => (
                    <option key={one} value={one}>
                      {words}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          );
        })}
      </div>
      {form.kind === "search" && <LimitsPart {...{ form, change, problems }} />}
    </details>
  );
}
