/** How much work a job does, and what it repeats with. */
import { Field } from "../../ui/Field";
import { at } from "./fields";
import { EFFORTS } from "./form";
import { type PartProps, Radios } from "./parts";

const ABOUT = {
  quick: "a first look",
  standard: "the usual",
  thorough: "several times as much again",
} as const;

const FIELDS = [
  { name: "minutes", label: "Minutes at most", hint: "Empty: as long as the effort takes.", kinds: ["search"] },
  { name: "resolution", label: "Image side in pixels", hint: "Empty: that of the data.", kinds: ["search", "profiling", "supernet_training"] },
  { name: "seed", label: "Seed", hint: "Results repeat at equal seeds.", kinds: ["search", "profiling", "supernet_training"] },
  { name: "threads", label: "Threads of training", hint: "Empty: all cores.", kinds: ["search", "supernet_training"] },
] as const;

export function EffortPart({ form, change, problems }: PartProps) {
  const fields = FIELDS.filter((one) => (one.kinds as readonly string[]).includes(form.kind));
  return (
    <section aria-labelledby="effort-title">
      <h2 id="effort-title">Effort and limits</h2>
      <Radios
        legend="Amount of work"
        name="effort"
        value={form.effort}
        options={EFFORTS.map((effort) => ({ value: effort, name: effort, about: ABOUT[effort] }))}
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
    </section>
  );
}
