/** The filters of the list of jobs. Texts apply when the user leaves the field or presses Enter. */
import { useState } from "react";

import { kindName } from "../../job/describe";
import { Field } from "../../ui/Field";
import { isFiltered, labelFilterProblem, STATES, targetProblem, type JobFilters } from "./query";

const KINDS = ["search", "profiling", "supernet_training", "export"];

interface Props {
  filters: JobFilters;
  onChange: (changed: Partial<JobFilters>) => void;
}

export function Filters({ filters, onChange }: Props) {
  return (
    <search className="jobs-filters toolbar end">
      <Choice label="State" value={filters.state} options={STATES.map((state) => [state, state])} onChange={(state) => onChange({ state })} />
      <Choice label="Kind" value={filters.kind} options={KINDS.map((kind) => [kind, kindName(kind)])} onChange={(kind) => onChange({ kind })} />
      <TextFilter key={`target ${filters.target}`} label="Target" placeholder="cpu" value={filters.target} check={targetProblem} onChange={(target) => onChange({ target })} />
      <TextFilter key={`label ${filters.label}`} label="Label" placeholder="key=value" value={filters.label} check={labelFilterProblem} onChange={(label) => onChange({ label })} />
      {isFiltered(filters) && (
        <button type="button" className="plain" onClick={() => onChange({ state: "", kind: "", target: "", label: "" })}>
          Clear filters
        </button>
      )}
    </search>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: readonly (readonly [string, string])[];
  onChange: (value: string) => void;
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  return (
    <Field label={label}>
      {(control) => (
        <select {...control} value={value} onChange={(event) => onChange(event.target.value)}>
          <option value="">all</option>
          {options.map(([option, name]) => (
            <option key={option} value={option}>
              {name}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

interface TextProps {
  label: string;
  placeholder: string;
  value: string;
  check: (text: string) => string | null;
  onChange: (value: string) => void;
}

function TextFilter({ label, placeholder, value, check, onChange }: TextProps) {
  const [text, setText] = useState(value);
  const [wrong, setWrong] = useState(check(value));
  const apply = () => {
    const found = check(text.trim());
    setWrong(found);
    if (found === null && text.trim() !== value) onChange(text.trim());
  };
  return (
    <Field label={label} error={wrong}>
      {(control) => (
        <input
          {...control}
          type="search"
          size={14}
          placeholder={placeholder}
          value={text}
          spellCheck={false}
          autoCapitalize="none"
          onChange={(event) => setText(event.target.value)}
          onBlur={apply}
          onKeyDown={(event) => {
            if (event.key === "Enter") apply();
          }}
        />
      )}
    </Field>
  );
}
