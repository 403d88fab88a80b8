/** A batch as it runs: the matrix of its cells; once it has ended, its best models, what each costs on each target, what was shared, and its report. */
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useParams } from "react-router";

import { api, got } from "../../api/client";
import { useDataNames } from "../../job/datasets";
import { countsText, dataOf, hasEnded } from "../../job/describe";
import { useJob } from "../../job/useJob";
import { Loading } from "../../ui/Notice";
import { ProblemNotice } from "../../ui/Problem";
import { useFollowed, useJobTitle } from "../job/JobLayout";
import { Files } from "../model/Files";
import "./batch.css";
import { CrossTable } from "./CrossTable";
import { countsOf, current, matrices } from "./matrix";
import { MatrixTable } from "./MatrixTable";
import type { BatchAnswer } from "./result";
import { Shared } from "./Shared";

export function BatchView() {
  return (
    <>
      <h1>Cells</h1>
      <Batch />
    </>
  );
}

function Batch() {
  const { jobId = "" } = useParams<"jobId">();
  const { state } = useFollowed();
  const { data: job } = useJob(jobId);
  const cells = useQuery({
    queryKey: ["cells", jobId],
    queryFn: () => got(api.GET("/v1/jobs/{job_id}/cells", { params: { path: { job_id: jobId } } })),
    staleTime: Infinity, // the stream has what happens since
  });
  const nameOf = useDataNames(job === undefined ? [] : dataOf(job));
  const now = useMemo(() => current(cells.data?.items ?? [], state.cells), [cells.data, state.cells]);
  useJobTitle("Cells");
  if (cells.isError) return <ProblemNotice error={cells.error} again={() => void cells.refetch()} />;
  if (cells.data === undefined || job === undefined) return <Loading />;
  const result = job.result !== null && "counts" in job.result ? job.result : null;
  const models = new Map(result?.cells.flatMap(({ id, model }) => (model ? [[id, model.model_id] as const] : [])));
  return (
    <div className="batch-view">
      <p role="status">
        {now.length.toLocaleString("en")} cells: {countsText(countsOf(now))}
      </p>
      {matrices(now).map((matrix) => (
        <MatrixTable key={matrix.data} matrix={matrix} name={nameOf(matrix.data)} models={models} best={bestOf(result)} />
      ))}
      {result && <CrossTable result={result} nameOf={nameOf} models={models} />}
      {result && <Shared result={result} />}
      {hasEnded(job.state) && <Report jobId={jobId} />}
    </div>
  );
}

function bestOf(result: BatchAnswer | null): ReadonlySet<string> {
  return new Set(result?.best.flatMap(({ cell }) => (cell == null ? [] : [cell])));
}

/** The report's files, which stand alone. */
function Report({ jobId }: { jobId: string }) {
  const files = useQuery({
    queryKey: ["job-artifacts", jobId],
    queryFn: () => got(api.GET("/v1/jobs/{job_id}/artifacts", { params: { path: { job_id: jobId } } })),
  });
  if (files.isError) return <ProblemNotice error={files.error} again={() => void files.refetch()} />;
  if (files.data === undefined || files.data.items.length === 0) return null;
  return (
    <section aria-labelledby="report-title">
      <h2 id="report-title">Report</h2>
      <Files artifacts={files.data.items} />
    </section>
  );
}
