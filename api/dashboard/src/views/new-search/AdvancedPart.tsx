/** The trained network to start from, the metric, class weights, the budget's statistic and image preprocessing: most users keep the defaults. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, got } from "../../api/client";
import { Field } from "../../ui/Field";
import { at } from "./fields";
import { ADVANCED, type AdvancedName, withSetting } from "./form";
import type { PartProps } from "./parts";

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
    name: "start_from",
    label: "Start from",
    hint: "A trained network. Auto starts photographs from EfficientNet-Lite0, where its weights are installed.",
    values: { auto: "auto", none: "none: random weights" },
    kinds: TRAINED,
  },
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
  const sources = useQuery({ queryKey: ["sources"], queryFn: () => got(api.GET("/v1/sources")), staleTime: 60_000 });
  const trained = Object.fromEntries((sources.data?.items ?? []).map(({ id, installed }) => [id, installed ? id : `${id} (not installed)`]));
  const settings = SETTINGS.filter(({ kinds }) => kinds.includes(form.kind)).map((one) =>
    one.name === "start_from" ? { ...one, values: { ...one.values, ...trained } } : one,
  );
  const set = settings.filter(({ name }) => form.advanced[name] !== undefined);
  const isWrong = settings.some(({ name }) => at(problems, `/spec/${name}`) !== undefined);
  const [opensAtFirst] = useState(set.length > 0);
  return (
    <details className="options" open={opensAtFirst || isWrong || undefined}>
      <summary>
        Advanced <span className="quiet">{set.length === 0 ? "all at their defaults" : set.map(({ label, name }) => `${label.toLowerCase()}: ${form.advanced[name] ?? ""}`).join(", ")}</span>
      </summary>
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
    </details>
  );
}
