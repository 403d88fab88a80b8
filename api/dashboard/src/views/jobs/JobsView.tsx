/** All jobs with their progress, targets and actions. The first view that a user sees. */
import { useEffect, useRef } from "react";
import { Link, useSearchParams } from "react-router";

import { Empty, Loading } from "../../ui/Notice";
import { ProblemNotice } from "../../ui/Problem";
import { useTitle } from "../../ui/useTitle";
import { Filters } from "./Filters";
import "./jobs.css";
import { JobsTable } from "./JobsTable";
import { isFiltered, useJobs, type JobFilters, filtersOf } from "./query";

export function JobsView() {
  useTitle("Jobs");
  const [params, setParams] = useSearchParams();
  const filters = filtersOf(params);
  const jobs = useJobs(filters);
  const all = jobs.data?.pages.flatMap((page) => page.items) ?? [];

  function change(changed: Partial<JobFilters>): void {
    setParams(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(changed)) {
          if (value === "" || value === "-created_at") next.delete(name);
          else next.set(name, value);
        }
        return next;
      },
      { replace: true },
    );
  }

  const nothingYet = jobs.isSuccess && all.length === 0 && !isFiltered(filters);
  return (
    <>
      <div className="jobs-head">
        <h1>Jobs</h1>
        <Link to="/new" className="button primary">
          New search
        </Link>
      </div>
      {nothingYet ? (
        <FirstSteps />
      ) : (
        <>
          <Filters filters={filters} onChange={change} />
          {jobs.error !== null && <ProblemNotice error={jobs.error} again={() => void jobs.refetch()} />}
          {jobs.isPending && <Loading />}
          {jobs.isSuccess && all.length === 0 && (
            <Empty title="No job matches">
              <button type="button" onClick={() => change({ state: "", kind: "", target: "", label: "" })}>
                Show all jobs
              </button>
            </Empty>
          )}
          {all.length > 0 && <JobsTable jobs={all} order={filters.order} onOrder={(order) => change({ order })} />}
          {jobs.hasNextPage && <More loading={jobs.isFetchingNextPage} load={() => void jobs.fetchNextPage()} />}
        </>
      )}
    </>
  );
}

function FirstSteps() {
  return (
    <Empty title="No jobs yet">
      <ol>
        <li>
          Start a <Link to="/new">new search</Link>: choose the data set, the target and the latency budget. The built-in digits and
          the target cpu work without set-up; your own images are uploaded there as an archive.
        </li>
        <li>Follow it here: it profiles the target, trains one supernet and searches it.</li>
        <li>Download the INT8 model with its measurements.</li>
      </ol>
    </Empty>
  );
}

/** Loads more when it is scrolled to; a button for the keyboard and for browsers without observers. */
function More({ loading, load }: { loading: boolean; load: () => void }) {
  const end = useRef<HTMLDivElement>(null);
  const latest = useRef(load);
  useEffect(() => {
    latest.current = load;
  });
  useEffect(() => {
    const element = end.current;
    if (element === null || loading) return;
    const seen = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) latest.current();
      },
      { rootMargin: "400px" },
    );
    seen.observe(element);
    return () => seen.disconnect();
  }, [loading]);
  return (
    <div ref={end} className="jobs-more">
      <button type="button" onClick={load} disabled={loading}>
        {loading ? "Loading" : "More jobs"}
      </button>
    </div>
  );
}
