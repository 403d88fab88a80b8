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
  const [asked, setAsked] = useState<"cancel" | "delete" | null>(null);
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
        <button type="button" className={look} aria-label={named("Cancel")} onClick={() => setAsked("cancel")}>
          Cancel
        </button>
      )}
      {canClone(job.kind) && (
        <Link to={`/new?clone=${job.id}`} className={`button ${look ?? ""}`} aria-label={named("Clone")}>
          Clone
        </Link>
      )}
      {hasEnded(job.state) && (
        <button type="button" className={look} aria-label={named("Delete")} onClick={() => setAsked("delete")}>
          Delete
        </button>
      )}
      {change.error !== null && <ProblemNotice error={change.error} />}
      {asked === "cancel" && (
        <ConfirmDialog
          title="Cancel this job?"
          confirm="Cancel the job"
          keep="Go on"
          danger
          busy={change.isPending}
          onClose={() => setAsked(null)}
          onConfirm={() => change.mutate("cancel", { onSettled: () => setAsked(null) })}
        >
          <p>It ends for good. What it stored stays: the same search, started again, goes on from there.</p>
        </ConfirmDialog>
      )}
      {asked === "delete" && (
        <ConfirmDialog
          title="Delete this job?"
          confirm="Delete"
          danger
          busy={remove.isPending}
          error={remove.error}
          onClose={() => setAsked(null)}
          onConfirm={() =>
            remove.mutate(undefined, {
              onSuccess: () => {
                setAsked(null);
                onDeleted?.();
              },
            })
          }
        >
          <p>{name} goes with its events and candidates. The models that it delivered stay.</p>
        </ConfirmDialog>
      )}
    </div>
  );
}
