/** A job that failed, or was cancelled: why, its stored results, and the button that tries it again. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "react-router";

import { api, got } from "../../api/client";
import { useMay } from "../../app/session";
import { useTryAgain } from "../../job/actions";
import type { Job } from "../../job/describe";
import { phaseTitle } from "../../job/phase";
import { duration, moment } from "../../ui/format";
import { ProblemNotice, ProblemText } from "../../ui/Problem";

export function FailedNotice({ job }: { job: Job }) {
  const may = useMay("jobs:write");
  const again = useTryAgain(job);
  const navigate = useNavigate();
  return (
    <section className={`notice ${job.state === "failed" ? "bad" : ""}`} aria-label={job.state === "failed" ? "Why it failed" : "Cancelled"}>
      {job.error ? <ProblemText problem={job.error} /> : <p>The job was {job.state} before it finished.</p>}
      <StoredResults jobId={job.id} />
      {may && (
        <p>
          <button
            type="button"
            disabled={again.isPending}
            onClick={() => again.mutate(undefined, { onSuccess: (made) => void navigate(`/jobs/${made.id}`) })}
          >
            Try again
          </button>{" "}
          <span className="quiet small">Starts the same work as a new job, which resumes from the stored results.</span>
        </p>
      )}
      {again.error !== null && <ProblemNotice error={again.error} />}
    </section>
  );
}

/** The stages whose results are stored. */
function StoredResults({ jobId }: { jobId: string }) {
  const { data } = useQuery({
    queryKey: ["jobs", jobId, "checkpoints"],
    queryFn: () => got(api.GET("/v1/jobs/{job_id}/checkpoints", { params: { path: { job_id: jobId } } })),
  });
  if (data === undefined) return null;
  if (data.items.length === 0) return <p>No results were stored before it ended.</p>;
  return (
    <>
      <p>Stored results:</p>
      <ul>
        {data.items.map(({ phase, target, at, reused, seconds, step, total }) => (
          <li key={`${phase} ${target ?? ""} ${step ?? ""}`}>
            {phaseTitle(phase)}
            {target && ` for ${target}`}
            {step != null && total != null && `, ${step} of ${total} steps`}
            {reused ? " (cached)" : seconds != null && ` (${duration(seconds)})`}, {moment(at)}
          </li>
        ))}
      </ul>
    </>
  );
}
