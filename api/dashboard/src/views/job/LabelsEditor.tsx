/** The labels of a job, and the dialog in which they are changed. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useId, useState } from "react";

import { useMay } from "../../app/session";
import { LabelsChanged, saveLabels } from "../../job/actions";
import type { Job } from "../../job/describe";
import { labelLines, readLabels } from "../../job/labels";
import { announce } from "../../ui/announce";
import { Field } from "../../ui/Field";
import { ProblemNotice } from "../../ui/Problem";
import { useModal } from "../../ui/useModal";

export function Labels({ labels }: { labels: Readonly<Record<string, string>> }) {
  const all = Object.entries(labels);
  if (all.length === 0) return null;
  return (
    <ul className="chips" aria-label="Labels">
      {all.map(([key, value]) => (
        <li key={key} className="chip">
          {key}: {value}
        </li>
      ))}
    </ul>
  );
}

export function LabelsEditor({ job }: { job: Job }) {
  const may = useMay("jobs:write");
  const [open, setOpen] = useState(false);
  return (
    <div className="toolbar">
      <Labels labels={job.labels} />
      {may && (
        <button type="button" className="plain" onClick={() => setOpen(true)}>
          {Object.keys(job.labels).length > 0 ? "Change labels" : "Add labels"}
        </button>
      )}
      {open && <LabelsDialog job={job} onClose={() => setOpen(false)} />}
    </div>
  );
}

function LabelsDialog({ job, onClose }: { job: Job; onClose: () => void }) {
  const dialog = useModal();
  const title = useId();
  const queries = useQueryClient();
  const [seen, setSeen] = useState<Readonly<Record<string, string>>>(job.labels);
  const [text, setText] = useState(labelLines(job.labels));
  const [wrong, setWrong] = useState<string | null>(null);
  const save = useMutation({
    mutationFn: (labels: Record<string, string>) => saveLabels(job.id, seen, labels),
    onSuccess: (changed) => {
      queries.setQueryData(["jobs", job.id], changed);
      void queries.invalidateQueries({ queryKey: ["jobs"] });
      announce("The labels are saved");
      onClose();
    },
    onError: (error) => {
      if (!(error instanceof LabelsChanged)) return;
      setSeen(error.labels);
      setText(labelLines(error.labels));
    },
  });

  function submit(event: SubmitEvent<HTMLFormElement>): void {
    event.preventDefault();
    const read = readLabels(text);
    setWrong("wrong" in read ? read.wrong : null);
    if ("labels" in read) save.mutate(read.labels);
  }

  return (
    <dialog ref={dialog} aria-labelledby={title} onClose={onClose}>
      <h2 id={title}>Labels</h2>
      <form onSubmit={submit} noValidate>
        <Field label="One label per line" hint="key=value, such as project=digits. The label name sets the name of the job in lists." error={wrong}>
          {(control) => <textarea {...control} rows={6} spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} />}
        </Field>
        {save.error !== null && <ProblemNotice error={save.error} />}
        <div className="toolbar">
          <button type="button" onClick={onClose} disabled={save.isPending}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={save.isPending}>
            Save
          </button>
        </div>
      </form>
    </dialog>
  );
}
