/** How images are treated and networks compared: what most people leave as it is. */
import { useState } from "react";

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
    name: "metric",
    label: "Compare networks by",
    hint: "On the validation set. The other two count every class alike, however rare.",
    values: { accuracy: "accuracy", balanced_accuracy: "balanced accuracy", macro_f1: "macro F1" },
    kinds: TRAINED,
  },
  {
    name: "class_weights",
    label: "Class weights",
    hint: "Auto weighs rare classes up in training where the metric is not plain accuracy.",
    values: { auto: "auto", none: "none" },
    kinds: TRAINED,
  },
  {
    name: "budget_on",
    label: "Hold the budget against",
    hint: "The quiet latency is that of a machine that does nothing else.",
    values: { quiet: "the quiet latency", p50: "the median run (p50)", p95: "95 % of runs (p95)" },
    kinds: ["search"],
  },
  {
    name: "fit",
    label: "Fit to a square",
    hint: "How images become square; stretching does not keep their aspect.",
    values: { stretch: "stretch", crop: "crop to the middle", pad: "pad with black bars" },
    kinds: TRAINED,
  },
  {
    name: "augment",
    label: "Augmentation",
    hint: "Random changes of training images; auto decides by the kind of data.",
    values: { auto: "auto", none: "none", light: "light", photo: "photo" },
    kinds: TRAINED,
  },
];

export function AdvancedPart({ form, change, problems }: PartProps) {
  const settings = SETTINGS.filter(({ kinds }) => kinds.includes(form.kind));
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
