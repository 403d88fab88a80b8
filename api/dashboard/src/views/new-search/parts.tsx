/** What every part of the form is given: the form, how to change it, and what is wrong with its fields. */
import type { FieldProblem, Form } from "./form";

export interface PartProps {
  form: Form;
  change: (change: Partial<Form>) => void;
  problems: readonly FieldProblem[];
}

interface OptionsProps {
  legend: string;
  name: string;
  value: string;
  options: readonly { value: string; name: string; about?: string }[];
  onChange: (value: string) => void;
}

/** One of a few, all of them visible. */
export function Radios({ legend, name, value, options, onChange }: OptionsProps) {
  return (
    <fieldset className="radios">
      <legend>{legend}</legend>
      {options.map((option) => (
        <label key={option.value} className="radio">
          <input type="radio" name={name} value={option.value} checked={option.value === value} onChange={() => onChange(option.value)} />
          <span>
            {option.name}
            {option.about && <small>{option.about}</small>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
