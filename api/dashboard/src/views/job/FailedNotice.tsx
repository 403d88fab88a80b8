/** A job that failed, or was cancelled: why, what it kept, and the way to go on. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "react-router";

import { api, got } from "../../api/client";
import { useMay } from "../../app/session";
import { useTryAgain } from "../../job/actions";
import type { Job } from "../../job/describe";
import { duration, moment } from "../../ui/format";
import { ProblemNotice, ProblemText } from "../../ui/Problem";

export function FailedNotice({ job }: { job: Job }) {
  const may = useMay("jobs:write");
  const again = useTryAgain(job);
  const navigate = useNavigate();
  return (
    <section className={`notice ${job.state === "failed" ? "bad" : ""}`} aria-label={job.state === "failed" ? "Why it failed" : "Cancelled"}>
      {job.error ? <ProblemText problem={job.error} /> : <p>The job was {job.state} before its end.</p>}
      <Kept jobId={job.id} />
      {may && (
        <p>
          <button
            type="button"
            disabled={again.isPending}
            onClick={() => again.mutate(undefined, { onSuccess: (made) => void navigate(`/jobs/${made.id}`) })}
          >
            Try again
          </button>{" "}
          <span className="quiet small">Queues the same work as a new job, which goes on from what is stored.</span>
        </p>
      )}
      {again.error !== null && <ProblemNotice error={again.error} />}
    </section>
  );
}

/** The stages whose results are stored. */
function Kept({ jobId }: { jobId: string }) {
  const { data } = useQuery({
    queryKey: ["jobs", jobId, "checkpoints"],
    queryFn: () => got(api.GET("/v1/jobs/{job_id}/checkpoints", { params: { path: { job_id: jobId } } })),
  });
  if (data === undefined) return null;
  if (data.items.length === 0) return <p>Nothing was stored before it ended.</p>;
  return (
    <>
      <p>What is stored of its work:</p>
      <ul>
        {data.items.map(({ phase, target, at, reused, seconds, step, total }) => (
          <li key={`${phase} ${target ?? ""} ${step ?? ""}`}>
            {phase}
            {target && ` for ${target}`}
            {step != null && total != null && `, ${step} of ${total} steps`}
            {reused ? " (found in the store)" : seconds != null && ` (${duration(seconds)})`}, {moment(at)}
          </li>
        ))}
      </ul>
    </>
  );
}
