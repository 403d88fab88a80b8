/** A new job: the request, its estimated cost, and the same request for the API and the CLI. `?clone=JOB` starts from another job. */
import { Link, Navigate, useSearchParams } from "react-router";

import type { Schemas } from "../../api/client";
import { useJob } from "../../job/useJob";
import { useSubmit } from "../../job/useSubmit";
import { Loading, Notice } from "../../ui/Notice";
import { ProblemNotice } from "../../ui/Problem";
import { useTitle } from "../../ui/useTitle";
import { DataPart } from "./DataPart";
import { EffortPart } from "./EffortPart";
import { Estimate } from "./Estimate";
import { isElsewhere, problemsOf } from "./fields";
import { isFormSpec, KINDS, toForm, toSpec } from "./form";
import "./new-search.css";
import { Radios } from "./parts";
import { PRESETS, withPreset } from "./presets";
import { toQuery } from "./query";
import { reachableRange } from "./reach";
import { SnippetsPart } from "./SnippetsPart";
import { SpacePart } from "./SpacePart";
import { TargetsPart } from "./TargetsPart";
import { useForm } from "./useForm";
import { useEstimate } from "./useEstimate";

const KIND_NAMES = {
  search: { name: "Search", about: "search, train and export a network for each target", start: "Start search" },
  profiling: { name: "Latency table", about: "profile a target before searches", start: "Start profiling" },
  supernet_training: { name: "Supernet", about: "train a supernet that later searches reuse", start: "Start training" },
} as const;

export function NewSearchView() {
  const [query] = useSearchParams();
  const clone = query.get("clone");
  useTitle("New search");
  return (
    <>
      <h1 tabIndex={-1}>New search</h1>
      {clone === null ? <Editor /> : <Cloned jobId={clone} />}
    </>
  );
}

function Cloned({ jobId }: { jobId: string }) {
  const job = useJob(jobId);
  if (job.isError) return <ProblemNotice error={job.error} again={() => void job.refetch()} />;
  if (job.data === undefined) return <Loading />;
  if (!isFormSpec(job.data.spec)) return <NoForm of={job.data.spec} />;
  return <Navigate to={`/new?${toQuery(toForm(job.data.spec)).toString()}`} replace />;
}

/** A job that this form cannot make. */
function NoForm({ of: spec }: { of: Schemas["JobCreate"]["spec"] }) {
  return (
    <>
      <Notice>
        {spec.kind === "export" ? (
          <p>
            An export is started from its candidate: open{" "}
            <Link to={`/jobs/${spec.job}/candidates?ids=${spec.architecture_id}`}>candidate {spec.architecture_id}</Link> and press “Train and export”.
          </p>
        ) : (
          <p>Jobs of this kind cannot be started here.</p>
        )}
      </Notice>
      <p>
        <Link to="/new">New search</Link>
      </p>
    </>
  );
}

function Editor() {
  const { form, setForm, tab, setTab } = useForm();
  const { spec, problems: local } = toSpec(form);
  const { estimate, isChecking, error, again } = useEstimate(spec);
  const submit = useSubmit();
  const rejection = submit.isError && JSON.stringify(submit.variables) === JSON.stringify(spec) ? submit.error : null;
  const problems = [...local, ...problemsOf(rejection ?? error)];
  const ranges = { ...estimate?.reachable_ms, ...reachableRange(error) };
  const part = { form, problems, change: (change: Partial<typeof form>) => setForm((before) => ({ ...before, ...change })) };
  return (
    <form
      className="new-search"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (spec !== null && !submit.isPending) submit.mutate(spec);
      }}
    >
      <div className="request">
        <Presets onSelect={(preset) => setForm((before) => withPreset(before, preset))} />
        <Radios
          legend="Job type"
          name="kind"
          value={form.kind}
          options={KINDS.map((kind) => ({ value: kind, name: KIND_NAMES[kind].name, about: KIND_NAMES[kind].about }))}
          onChange={(value) => part.change({ kind: KINDS.find((one) => one === value) ?? form.kind })}
        />
        <DataPart {...part} />
        {form.kind !== "supernet_training" && <TargetsPart {...part} ranges={ranges} />}
        <SpacePart {...part} />
        <EffortPart {...part} />
      </div>
      <aside aria-labelledby="estimate-title" className="panel">
        <Estimate estimate={estimate} isChecking={isChecking} wrong={problems.length} />
        {isElsewhere(error) && <ProblemNotice error={error} again={again} />}
        {isElsewhere(rejection) && <ProblemNotice error={rejection} />}
        <button type="submit" className="primary submit" disabled={spec === null} aria-disabled={submit.isPending}>
          {submit.isPending ? "Starting" : KIND_NAMES[form.kind].start}
        </button>
      </aside>
      <SnippetsPart spec={spec} tab={tab} onTab={setTab} />
    </form>
  );
}

function Presets({ onSelect }: { onSelect: (preset: (typeof PRESETS)[number]) => void }) {
  return (
    <div className="presets" role="group" aria-label="Starting points">
      {PRESETS.map((preset) => (
        <button key={preset.name} type="button" onClick={() => onSelect(preset)}>
          <span>
            {preset.name}
            <small>{preset.about}</small>
          </span>
        </button>
      ))}
    </div>
  );
}
