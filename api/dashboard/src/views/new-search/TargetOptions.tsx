/** The options of a target: a build to choose, where there are builds, and values to give. */
import type { Schemas } from "../../api/client";
import { Field } from "../../ui/Field";
import { nameOf, type TargetRow } from "./form";

interface Props {
  target: Schemas["TargetDocument"];
  row: TargetRow;
  onChange: (row: TargetRow) => void;
}

export function TargetOptions({ target, row, onChange }: Props) {
  const names = Object.keys(target.options);
  if (names.length === 0) return null;
  const builds = names.filter((name) => isBuild(target.options[name]));
  const values = names.filter((name) => !builds.includes(name));
  const set = (options: Record<string, string>) => onChange({ ...row, options: inOrder(options, names) });
  const chosen = Object.keys(row.options).length;
  return (
    <details className="options" open={chosen > 0}>
      <summary>
        Options <span className="quiet">{chosen === 0 ? "all at their defaults" : <code>{nameOf(row)}</code>}</span>
      </summary>
      <div className="option-grid">
        {builds.length > 1 && (
          <Field label="build">
            {(control) => (
              <select
                {...control}
                value={builds.find((name) => name in row.options) ?? ""}
                onChange={(event) => set(withBuild(row.options, builds, event.target.value))}
              >
                {builds.map((name) => (
                  <option key={name} value={target.options[name]?.includes("default") ? "" : name}>
                    {name}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        {values.map((name) => (
          <Field key={name} label={name} hint={target.options[name]}>
            {(control) => (
              <input
                {...control}
                autoComplete="off"
                size={10}
                value={row.options[name] ?? ""}
                onChange={(event) => set(withValue(row.options, name, event.target.value.trim()))}
              />
            )}
          </Field>
        ))}
      </div>
    </details>
  );
}

/** Builds are options without a value; the service says so in words only. */
function isBuild(meaning: string | undefined): boolean {
  return meaning?.startsWith("the build") ?? false;
}

function withBuild(options: Record<string, string>, builds: readonly string[], chosen: string): Record<string, string> {
  const kept = Object.fromEntries(Object.entries(options).filter(([name]) => !builds.includes(name)));
  return chosen === "" ? kept : { [chosen]: "", ...kept };
}

function withValue(options: Record<string, string>, name: string, value: string): Record<string, string> {
  const kept = Object.fromEntries(Object.entries(options).filter(([one]) => one !== name));
  return value === "" ? kept : { ...kept, [name]: value };
}

/** As the target lists them, so that equal choices have one name; unknown ones (of an address) stay at the end. */
function inOrder(options: Record<string, string>, names: readonly string[]): Record<string, string> {
  const place = (name: string) => (names.includes(name) ? names.indexOf(name) : names.length);
  return Object.fromEntries(Object.entries(options).sort(([a], [b]) => place(a) - place(b)));
}
