/**
 * What the views of one job share: its head, the links between them, and one stream of its events. The head has no heading:
 * the one `h1` of the page is the view's.
 */
import { Link, Navigate, Outlet, useLocation, useNavigate, useOutletContext, useParams } from "react-router";

import { ProblemError } from "../../api/problem";
import { useJobName } from "../../job/datasets";
import { hasEnded, type Job, viewsOf } from "../../job/describe";
import { type Followed, useJob, useJobEvents } from "../../job/useJob";
import { Loading } from "../../ui/Notice";
import { ProblemNotice } from "../../ui/Problem";
import { useTitle } from "../../ui/useTitle";
import { ViewLinks } from "../../ui/ViewLinks";
import { FailedNotice } from "./FailedNotice";
import { JobHead } from "./JobHead";
import "./job.css";

export function JobLayout() {
  const { jobId = "" } = useParams<"jobId">();
  return <JobViews key={jobId} jobId={jobId} />;
}

function JobViews({ jobId }: { jobId: string }) {
  const followed = useJobEvents(jobId);
  const { data: job, error, refetch } = useJob(jobId);
  if (job !== undefined) return <Shown job={job} followed={followed} />;
  if (error === null) return <Loading />;
  return error instanceof ProblemError && [404, 422].includes(error.problem.status) ? (
    <NoJob />
  ) : (
    <ProblemNotice error={error} again={() => void refetch()} />
  );
}

function Shown({ job, followed }: { job: Job; followed: Followed }) {
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const name = useJobName(job);
  const links = viewsOf(job.spec.kind);
  const ownAddress = pathname.replace(/\/$/, "") === `/jobs/${job.id}`;
  const first = links[0]?.to ?? ".";
  if (ownAddress && first !== ".") return <Navigate to={first} replace />;
  return (
    <div className="job">
      <JobHead job={job} followed={followed} onDeleted={() => void navigate("/")} />
      {hasEnded(job.state) && job.state !== "succeeded" && <FailedNotice job={job} />}
      <ViewLinks label={`Views of ${name}`} links={links} />
      <Outlet context={{ ...followed, name } satisfies Shared} />
    </div>
  );
}

function NoJob() {
  useTitle("No such job");
  return (
    <>
      <h1>There is no such job</h1>
      <p>
        It was deleted, or it belongs to someone else. <Link to="/">All jobs</Link>
      </p>
    </>
  );
}

interface Shared extends Followed {
  name: string;
}

/** The events of the job that the view belongs to. */
export function useFollowed(): Followed {
  return useOutletContext<Shared>();
}

/** Titles the page with the view and the name of its job. */
export function useJobTitle(view: string): void {
  useTitle(view, useOutletContext<Shared>().name);
}
