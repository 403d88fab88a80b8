/** The effort of a job, its limits and its seed. */
import { Field } from "../../ui/Field";
import { AdvancedPart } from "./AdvancedPart";
import { at } from "./fields";
import { type Effort, EFFORTS, type Kind } from "./form";
import { type PartProps, Radios } from "./parts";

const ABOUT = {
  quick: "a first look, about 5 minutes",
  standard: "the default, about 45 minutes",
  thorough: "about 8 hours",
} as const;

/** Of a latency table: how many networks are measured, as `nas/work.py` has it. */
const NETWORKS = { quick: 64, standard: 130, thorough: 240 } as const;

const FIELDS = [
  { name: "minutes", label: "Time limit in minutes", hint: "Replaces the time above.", kinds: ["search", "supernet_training"] },
  { name: "resolution", label: "Input size in pixels", hint: "Empty: chosen from the data and the time.", kinds: ["search", "profiling", "supernet_training"] },
  { name: "seed", label: "Seed", hint: "The same seed gives the same result.", kinds: ["search", "profiling", "supernet_training"] },
  { name: "threads", label: "Training threads", hint: "Empty: all cores.", kinds: ["search", "supernet_training"] },
  { name: "at_once", label: "Architectures at once", hint: "Suggested together, so that workers evaluate them at the same time.", kinds: ["search"] },
] as const;

function aboutOf(kind: Kind, effort: Effort): string {
  return kind === "profiling" ? `${NETWORKS[effort]} networks measured` : ABOUT[effort];
}

export function EffortPart({ form, change, problems }: PartProps) {
  const fields = FIELDS.filter((one) => (one.kinds as readonly string[]).includes(form.kind));
  return (
    <section aria-labelledby="effort-title">
      <h2 id="effort-title">Effort and limits</h2>
      <Radios
        legend="Effort"
        name="effort"
        value={form.effort}
        options={EFFORTS.map((effort) => ({ value: effort, name: effort, about: aboutOf(form.kind, effort) }))}
        onChange={(value) => change({ effort: EFFORTS.find((one) => one === value) ?? form.effort })}
      />
      <div className="option-grid">
        {fields.map(({ name, label, hint }) => (
          <Field key={name} label={label} hint={hint} error={at(problems, `/spec/${name}`)}>
            {(control) => (
              <input
                {...control}
                inputMode={name === "minutes" ? "decimal" : "numeric"}
                autoComplete="off"
                value={form[name]}
                onChange={(event) => change({ [name]: event.target.value })}
              />
            )}
          </Field>
        ))}
      </div>
      {form.kind !== "profiling" && <AdvancedPart {...{ form, change, problems }} />}
    </section>
  );
}
