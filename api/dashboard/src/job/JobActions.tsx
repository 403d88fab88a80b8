/** The buttons of a job: what its state allows, and what the key that is signed in may do. */
import { useState } from "react";
import { Link } from "react-router";

import { useMay } from "../app/session";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { ProblemNotice } from "../ui/Problem";
import { useChangeState, useDelete, type Verb } from "./actions";
import { useJobName } from "./datasets";
import { canCancel, canClone, canPause, hasEnded, type Job } from "./describe";

interface Props {
  job: Job;
  /** After it was deleted. */
  onDeleted?: () => void;
  /** In a list: smaller, and named for the job. */
  small?: boolean;
}

export function JobActions({ job, onDeleted, small = false }: Props) {
  const name = useJobName(job);
  const may = useMay("jobs:write");
  const change = useChangeState(job.id);
  const remove = useDelete(job.id);
  const [confirming, setConfirming] = useState<"cancel" | "delete" | null>(null);
  if (!may) return null;
  const look = small ? "plain" : undefined;
  const named = (verb: string) => (small ? `${verb} ${name}` : undefined);
  const button = (verb: Verb, word: string) => (
    <button type="button" className={look} aria-label={named(word)} disabled={change.isPending} onClick={() => change.mutate(verb)}>
      {word}
    </button>
  );
  return (
    <div className="toolbar">
      {canPause(job) && button("pause", "Pause")}
      {job.state === "paused" && button("resume", "Resume")}
      {canCancel(job.state) && (
        <button type="button" className={look} aria-label={named("Cancel")} onClick={() => setConfirming("cancel")}>
          Cancel
        </button>
      )}
      {canClone(job.kind) && (
        <Link to={`/new?clone=${job.id}`} className={`button ${look ?? ""}`} aria-label={named("Clone")}>
          Clone
        </Link>
      )}
      {hasEnded(job.state) && (
        <button type="button" className={look} aria-label={named("Delete")} onClick={() => setConfirming("delete")}>
          Delete
        </button>
      )}
      {change.error !== null && <ProblemNotice error={change.error} />}
      {confirming === "cancel" && (
        <ConfirmDialog
          title="Cancel this job?"
          confirm="Cancel the job"
          keep="Keep running"
          danger
          busy={change.isPending}
          onClose={() => setConfirming(null)}
          onConfirm={() => change.mutate("cancel", { onSettled: () => setConfirming(null) })}
        >
          <p>A cancelled job cannot be resumed. Its stored results stay: the same search, started again, resumes from them.</p>
        </ConfirmDialog>
      )}
      {confirming === "delete" && (
        <ConfirmDialog
          title="Delete this job?"
          confirm="Delete"
          danger
          busy={remove.isPending}
          error={remove.error}
          onClose={() => setConfirming(null)}
          onConfirm={() =>
            remove.mutate(undefined, {
              onSuccess: () => {
                setConfirming(null);
                onDeleted?.();
              },
            })
          }
        >
          <p>{name} is deleted with its events and candidates. Its exported models stay.</p>
        </ConfirmDialog>
      )}
    </div>
  );
}
