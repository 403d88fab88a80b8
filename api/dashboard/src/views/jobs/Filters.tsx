/** What narrows the list of jobs. Texts are taken over when the reader has finished typing. */
import { useState } from "react";

import { kindName } from "../../job/describe";
import { Field } from "../../ui/Field";
import { isFiltered, labelFilterProblem, STATES, targetProblem, type Wanted } from "./query";

const KINDS = ["search", "profiling", "supernet_training", "export"];

interface Props {
  wanted: Wanted;
  onChange: (changed: Partial<Wanted>) => void;
}

export function Filters({ wanted, onChange }: Props) {
  return (
    <search className="jobs-filters toolbar end">
      <Choice label="State" value={wanted.state} options={STATES.map((state) => [state, state])} onChange={(state) => onChange({ state })} />
      <Choice label="Kind" value={wanted.kind} options={KINDS.map((kind) => [kind, kindName(kind)])} onChange={(kind) => onChange({ kind })} />
      <TextFilter key={`target ${wanted.target}`} label="Target" placeholder="cpu" value={wanted.target} check={targetProblem} onChange={(target) => onChange({ target })} />
      <TextFilter key={`label ${wanted.label}`} label="Label" placeholder="key=value" value={wanted.label} check={labelFilterProblem} onChange={(label) => onChange({ label })} />
      {isFiltered(wanted) && (
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
  const finish = () => {
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
          onBlur={finish}
          onKeyDown={(event) => {
            if (event.key === "Enter") finish();
          }}
        />
      )}
    </Field>
  );
}
