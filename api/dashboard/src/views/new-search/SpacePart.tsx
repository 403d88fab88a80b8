/** The search space of a job: a built-in one with its options, or a custom one as JSON. */
import { useQuery } from "@tanstack/react-query";

import { api, got } from "../../api/client";
import { Field } from "../../ui/Field";
import { ProblemNotice } from "../../ui/Problem";
import { at } from "./fields";
import { AUTO_SPACE, knownSpace } from "./form";
import { type PartProps, Radios } from "./parts";

const EXAMPLE = {
  name: "small",
  stages: [{ block: "inverted_residual", channels: [16, 24], depth: [1, 2], kernel: [3, 5], expansion: [3, 6], stride: 2 }],
};

export function SpacePart({ form, change, problems }: PartProps) {
  const mayDeclare = form.kind !== "profiling";
  const declares = mayDeclare && form.declared !== null;
  return (
    <section aria-labelledby="space-title">
      <h2 id="space-title">Search space</h2>
      {mayDeclare && (
        <Radios
          legend="Source of the space"
          name="space"
          value={declares ? "declared" : "known"}
          options={[
            { value: "known", name: "Built-in" },
            { value: "declared", name: "Custom" },
          ]}
          onChange={(value) => change({ declared: value === "declared" ? JSON.stringify(EXAMPLE, null, 2) : null })}
        />
      )}
      {declares ? <Declaration {...{ form, change, problems }} /> : <Known {...{ form, change, problems }} />}
    </section>
  );
}

function Known({ form, change, problems }: PartProps) {
  const spaces = useQuery({ queryKey: ["spaces"], queryFn: () => got(api.GET("/v1/search-spaces")), staleTime: 60_000 });
  const known = spaces.data?.items ?? [];
  const space = knownSpace(form);
  const isAuto = space.id === AUTO_SPACE.id;
  const selected = known.find((one) => one.id === space.id);
  const hint = isAuto ? "That of the trained network which the search starts from, else mobilenet." : selected?.summary;
  const set = (name: string, value: string, standard: string | undefined) => {
    const kept = Object.entries(space.options).filter(([one]) => one !== name);
    change({ space: { id: space.id, options: Object.fromEntries(value === standard ? kept : [...kept, [name, value]]) } });
  };
  return (
    <>
      {spaces.isError && <ProblemNotice error={spaces.error} again={() => void spaces.refetch()} />}
      <div className="option-grid">
        <Field label="Space" hint={hint} error={at(problems, "/spec/space", true)}>
          {(control) => (
            <select {...control} value={space.id} onChange={(event) => change({ space: { id: event.target.value, options: {} } })}>
              {form.kind !== "profiling" && <option value={AUTO_SPACE.id}>auto: chosen by the data</option>}
              {selected === undefined && !isAuto && <option value={space.id}>{space.id}</option>}
              {known.map((one) => (
                <option key={one.id} value={one.id}>
                  {one.id}
                </option>
              ))}
            </select>
          )}
        </Field>
        {Object.entries(selected?.options ?? {}).map(([name, values]) => (
          <Field key={name} label={name}>
            {(control) => (
              <select {...control} value={space.options[name] ?? values[0]} onChange={(event) => set(name, event.target.value, values[0])}>
                {values.map((value) => (
                  <option key={value} value={value}>
                    {value}
                  </option>
                ))}
              </select>
            )}
          </Field>
        ))}
      </div>
    </>
  );
}

function Declaration({ form, change, problems }: PartProps) {
  return (
    <Field
      label="Space definition as JSON"
      hint="Fields: name, resolution, activation, stem, stages, head. A list in place of a number is a choice of the search."
      error={at(problems, "/spec/space", true)}
    >
      {(control) => (
        <textarea
          {...control}
          className="code"
          rows={12}
          spellCheck={false}
          value={form.declared ?? ""}
          onChange={(event) => change({ declared: event.target.value })}
        />
      )}
    </Field>
  );
}
