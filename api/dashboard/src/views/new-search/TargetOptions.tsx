/** The options of a target, each as the service describes it: values to choose from, or a value to give. */
import { useState } from "react";

import type { Schemas } from "../../api/client";
import { Field } from "../../ui/Field";
import { nameOf, type TargetRow } from "./form";

type Target = Schemas["TargetDocument"];
type OptionForm = Target["forms"][number];

interface Props {
  target: Target;
  row: TargetRow;
  onChange: (row: TargetRow) => void;
}

export function TargetOptions({ target, row, onChange }: Props) {
  const chosen = Object.keys(row.options).length;
  const [opensAtFirst] = useState(chosen > 0);
  if (target.forms.length === 0) return null;
  return (
    <details className="options" open={opensAtFirst}>
      <summary>
        Options <span className="quiet">{chosen === 0 ? "all at their defaults" : <code>{nameOf(row)}</code>}</span>
      </summary>
      <div className="option-grid">
        {target.forms.map((form) => (
          <Option
            key={form.name}
            form={form}
            value={valueOf(row.options, form)}
            onChange={(value) => onChange({ ...row, options: withValue(row.options, target.forms, form, value) })}
          />
        ))}
      </div>
    </details>
  );
}

function Option({ form, value, onChange }: { form: OptionForm; value: string; onChange: (value: string) => void }) {
  return (
    <Field label={form.name} hint={form.summary}>
      {(control) =>
        form.kind === "choice" ? (
          <select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
            {form.default === null && <option value="">default</option>}
            {form.values.map((one) => (
              <option key={one} value={one}>
                {one}
                {one === form.default ? " (default)" : ""}
              </option>
            ))}
          </select>
        ) : (
          <input
            {...control}
            inputMode={form.kind === "integer" ? "numeric" : form.kind === "number" ? "decimal" : "text"}
            autoComplete="off"
            placeholder={form.default ?? ""}
            value={value}
            onChange={(event) => onChange(event.target.value.trim())}
          />
        )
      }
    </Field>
  );
}

function valueOf(options: Record<string, string>, form: OptionForm): string {
  const given = form.bare ? form.values.find((one) => one in options) : options[form.name];
  return given ?? (form.kind === "choice" ? (form.default ?? "") : "");
}

/** Without what is at its default, and in the target's own order, so that equal choices have one name. Unknown ones stay at the end. */
export function withValue(
  options: Record<string, string>,
  forms: readonly OptionForm[],
  form: OptionForm,
  value: string,
): Record<string, string> {
  const own = form.bare ? form.values : [form.name];
  const kept = Object.entries(options).filter(([name]) => !own.includes(name));
  const isDefault = value === "" || value === form.default;
  const added: [string, string][] = isDefault ? [] : [form.bare ? [value, ""] : [form.name, value]];
  const place = (name: string) => {
    const at = forms.findIndex((one) => (one.bare ? one.values.includes(name) : one.name === name));
    return at < 0 ? forms.length : at;
  };
  return Object.fromEntries([...kept, ...added].sort(([a], [b]) => place(a) - place(b)));
}
