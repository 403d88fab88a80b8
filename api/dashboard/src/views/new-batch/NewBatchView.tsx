/** A new batch: the lists of its matrix, the number of its cells and their estimated cost before it is started. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useSearchParams } from "react-router";

import { api, got } from "../../api/client";
import { useDatasets } from "../../job/datasets";
import { useSubmit } from "../../job/useSubmit";
import { Field } from "../../ui/Field";
import { ProblemNotice } from "../../ui/Problem";
import { useTitle } from "../../ui/useTitle";
import { at, isElsewhere, problemsOf } from "../new-search/fields";
import { EFFORTS, type FieldProblem } from "../new-search/form";
import "../new-search/new-search.css";
import { Radios } from "../new-search/parts";
import { useTargets } from "../new-search/TargetsPart";
import { useEstimate, useSettled } from "../new-search/useEstimate";
import { BatchEstimate } from "./BatchEstimate";
import { type BatchForm, counted, fromQuery, toggled, toQuery, toSpec } from "./form";
import "./new-batch.css";

interface PartProps {
  form: BatchForm;
  change: (change: Partial<BatchForm>) => void;
  problems: readonly FieldProblem[];
}

export function NewBatchView() {
  useTitle("New batch");
  const [query, setQuery] = useSearchParams();
  const [form, setForm] = useState<BatchForm>(() => fromQuery(query));
  const settled = useSettled(toQuery(form).toString(), 300);
  useEffect(() => {
    setQuery(settled, { replace: true, preventScrollReset: true });
    // Only a change of the form is written.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [settled]);
  const { spec, problems: local } = toSpec(form);
  const { estimate, isChecking, error, again } = useEstimate(spec);
  const submit = useSubmit();
  const rejection = submit.isError && JSON.stringify(submit.variables) === JSON.stringify(spec) ? submit.error : null;
  const problems = [...local, ...problemsOf(rejection ?? error)];
  const part = { form, problems, change: (change: Partial<BatchForm>) => setForm((before) => ({ ...before, ...change })) };
  return (
    <>
      <h1 tabIndex={-1}>New batch</h1>
      <p className="quiet">A search for every combination of the lists below. What the searches can share is computed once.</p>
      <form
        className="new-search new-batch"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (spec !== null && !submit.isPending) submit.mutate(spec);
        }}
      >
        <div className="request">
          <Lists {...part} />
          <Numbers {...part} />
          <EffortPart {...part} />
        </div>
        <aside aria-labelledby="estimate-title" className="panel">
          <Cells form={form} problems={problems} />
          <BatchEstimate estimate={estimate} isChecking={isChecking} wrong={problems.length} />
          {isElsewhere(error) && <ProblemNotice error={error} again={again} />}
          {isElsewhere(rejection) && <ProblemNotice error={rejection} />}
          <button type="submit" className="primary submit" disabled={spec === null} aria-disabled={submit.isPending}>
            {submit.isPending ? "Starting" : "Start batch"}
          </button>
        </aside>
      </form>
    </>
  );
}

/** How many searches it is, and how that comes about. */
function Cells({ form, problems }: Pick<PartProps, "form" | "problems">) {
  const { words, cells } = counted(form);
  const wrong = at(problems, "/spec/cells");
  return (
    <div className="cells">
      <p role="status">
        <strong>{cells.toLocaleString("en")}</strong> {cells === 1 ? "cell" : "cells"}
      </p>
      <p className="quiet small">{words}</p>
      {wrong && <p className="field-error">{wrong}</p>}
    </div>
  );
}

function Lists({ form, change, problems }: PartProps) {
  const datasets = useDatasets();
  const spaces = useQuery({ queryKey: ["spaces"], queryFn: () => got(api.GET("/v1/search-spaces")), staleTime: 60_000 });
  const targets = useTargets();
  const lists = [
    {
      name: "data" as const,
      legend: "Data sets",
      query: datasets,
      entries: [{ id: "digits", about: "built in" }, ...(datasets.data?.items ?? []).map(({ id, name, summary }) => ({ id, title: name, about: `${summary.classes.length} classes` }))],
    },
    { name: "spaces" as const, legend: "Search spaces", query: spaces, entries: (spaces.data?.items ?? []).map(({ id, summary }) => ({ id, about: summary })) },
    {
      name: "targets" as const,
      legend: "Targets",
      query: targets,
      entries: (targets.data?.items ?? []).filter((one) => one.available).map(({ id, summary }) => ({ id, about: summary })),
    },
  ];
  return lists.map(({ name, legend, query, entries }) => (
    <section key={name} aria-labelledby={`${name}-title`}>
      <h2 id={`${name}-title`}>{legend}</h2>
      {query.isError && <ProblemNotice error={query.error} again={() => void query.refetch()} />}
      <Checks legend={legend} entries={withSelected(entries, form[name])} selected={form[name]} onToggle={(id) => change({ [name]: toggled(form[name], id) })} />
      {[`/spec/${name}`, ...(name === "spaces" ? ["/spec/space"] : [])].map((pointer) => {
        const wrong = at(problems, pointer, true);
        return (
          wrong && (
            <p key={pointer} className="field-error">
              {wrong}
            </p>
          )
        );
      })}
    </section>
  ));
}

interface Entry {
  id: string;
  title?: string;
  about?: string;
}

/** The entries, and those that are selected and not among them, such as a space with options of another page. */
function withSelected(entries: readonly Entry[], selected: readonly string[]): readonly Entry[] {
  return [...entries, ...selected.filter((id) => !entries.some((one) => one.id === id)).map((id) => ({ id }))];
}

interface ChecksProps {
  legend: string;
  entries: readonly Entry[];
  selected: readonly string[];
  onToggle: (id: string) => void;
}

function Checks({ legend, entries, selected, onToggle }: ChecksProps) {
  return (
    <fieldset className="checks">
      <legend className="visually-hidden">{legend}</legend>
      {entries.map(({ id, title, about }) => (
        <label key={id} className="radio">
          <input type="checkbox" checked={selected.includes(id)} onChange={() => onToggle(id)} />
          <span>
            {title ?? id}
            {about && <small>{about}</small>}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function Numbers({ form, change, problems }: PartProps) {
  return (
    <section aria-labelledby="numbers-title">
      <h2 id="numbers-title">Budgets and seeds</h2>
      <div className="two">
        <Field
          label="Latency budgets"
          hint="Milliseconds at batch 1 in INT8 (0.2), or points of each target's latency range (40%), separated by commas."
          error={at(problems, "/spec/budgets", true)}
        >
          {(control) => <input {...control} autoComplete="off" value={form.budgets} onChange={(event) => change({ budgets: event.target.value })} />}
        </Field>
        <Field label="Seeds" hint="Whole numbers, separated by commas." error={at(problems, "/spec/seeds", true)}>
          {(control) => <input {...control} autoComplete="off" value={form.seeds} onChange={(event) => change({ seeds: event.target.value })} />}
        </Field>
      </div>
    </section>
  );
}

const ABOUT = { quick: "about 5 minutes each", standard: "about 45 minutes each", thorough: "about 8 hours each" } as const;

function EffortPart({ form, change, problems }: PartProps) {
  return (
    <section aria-labelledby="effort-title">
      <h2 id="effort-title">Effort of each search</h2>
      <Radios
        legend="Effort"
        name="effort"
        value={form.effort}
        options={EFFORTS.map((effort) => ({ value: effort, name: effort, about: ABOUT[effort] }))}
        onChange={(value) => change({ effort: EFFORTS.find((one) => one === value) ?? form.effort })}
      />
      <Field label="Time limit in minutes" hint="Of each search, in place of the time above." error={at(problems, "/spec/search/minutes")}>
        {(control) => <input {...control} inputMode="decimal" autoComplete="off" value={form.minutes} onChange={(event) => change({ minutes: event.target.value })} />}
      </Field>
      <label className="radio">
        <input type="checkbox" checked={form.measureCross} onChange={() => change({ measureCross: !form.measureCross })} />
        <span>
          Measure every model on every target
          <small>Else their latencies on other targets than their own are predicted.</small>
        </span>
      </label>
    </section>
  );
}
