/** Limits on other costs than latency; most users leave them empty. */
import { Field } from "../../ui/Field";
import { at } from "./fields";
import { COST_NAMES, COSTS, withLimit } from "./limits";
import type { PartProps } from "./parts";

export function LimitsPart({ form, change, problems }: PartProps) {
  const wrong = at(problems, "/spec/limits");
  return (
    <fieldset className="limits">
      <legend>Limits on every target's network</legend>
      <div className="option-grid">
        {COST_NAMES.map((cost) => (
          <Field key={cost} label={COSTS[cost].label} hint={`At most; ${COSTS[cost].unit}. Empty: no limit.`} error={at(problems, `/spec/limits/${cost}`)}>
            {(control) => (
              <input
                {...control}
                autoComplete="off"
                placeholder={cost === "macs" ? "50M" : "300k"}
                value={form.limits[cost] ?? ""}
                onChange={(event) => change({ limits: withLimit(form.limits, cost, event.target.value) })}
              />
            )}
          </Field>
        ))}
      </div>
      {wrong && (
        <p className="field-error" role="alert">
          {wrong}
        </p>
      )}
    </fieldset>
  );
}
