/** Candidates of a job: a list to choose from, or up to five of them in full and beside each other. */
import { useQueries } from "@tanstack/react-query";
import { Link, useParams, useSearchParams } from "react-router";

import { api, got } from "../../api/client";
import { Loading, Notice } from "../../ui/Notice";
import { ProblemNotice } from "../../ui/Problem";
import { metricOf, metricTitle } from "../../job/metric";
import { useJob } from "../../job/useJob";
import { useFollowed, useJobTitle } from "../job/JobLayout";
import "./candidate.css";
import { Drawing } from "./Drawing";
import { type Candidate, Facts, targetNames } from "./Facts";
import { idsOf } from "./ids";
import { LayersTable } from "./LayersTable";
import { Picker, withValue } from "./Picker";

export function CandidateView() {
  const [query] = useSearchParams();
  const ids = idsOf(query.get("ids"));
  useJobTitle(ids.length === 0 ? "Candidates" : ids.join(", "));
  return (
    <div className="candidate-view">
      <h1 tabIndex={-1}>{ids.length === 0 ? "Candidates" : ids.length === 1 ? "Candidate" : `${ids.length} candidates`}</h1>
      {ids.length === 0 ? <Picker /> : <Selected ids={ids} />}
    </div>
  );
}

function Selected({ ids }: { ids: readonly string[] }) {
  const { jobId = "" } = useParams<"jobId">();
  const found = useQueries({
    queries: ids.map((id) => ({
      queryKey: ["jobs", jobId, "candidates", id],
      queryFn: () =>
        got(api.GET("/v1/jobs/{job_id}/candidates/{architecture_id}", { params: { path: { job_id: jobId, architecture_id: id } } })) as Promise<Candidate>,
    })),
  });
  const candidates = found.flatMap((one) => one.data ?? []);
  return (
    <>
      <p>
        <Link to={`?pick=${ids.join(",")}`}>All candidates</Link>
      </p>
      {found.map((one, index) => one.isError && <ProblemNotice key={ids[index]} error={one.error} again={() => void one.refetch()} />)}
      {found.some((one) => one.isPending) && <Loading />}
      {candidates.length > 0 && <Compared candidates={candidates} />}
    </>
  );
}

function Compared({ candidates }: { candidates: readonly Candidate[] }) {
  const [query, setQuery] = useSearchParams();
  const { state } = useFollowed();
  const { data: job } = useJob(candidates[0]?.job_id ?? "");
  const targets = targetNames(candidates);
  const target = targets.find((one) => one === query.get("target")) ?? targets[0] ?? "";
  const notes = [...new Set(candidates.flatMap((one) => [...one.notes, ...one.targets.flatMap((each) => each.notes)]))];
  const without = (id: string) => candidates.flatMap((one) => (one.architecture_id === id ? [] : one.architecture_id)).join(",");
  return (
    <>
      <Facts
        candidates={candidates}
        metric={metricTitle(metricOf(job, candidates[0]?.metric).name)}
        estimated={Object.keys(state.fronts).length > 0}
        head={(candidate) => (
          <span className="candidate-head">
            <code>{candidate.architecture_id}</code>
            {candidates.length > 1 && (
              <Link to={`?${withValue(query, "ids", without(candidate.architecture_id)).toString()}`} aria-label={`Remove ${candidate.architecture_id}`}>
                remove
              </Link>
            )}
          </span>
        )}
      />
      {notes.map((note) => (
        <Notice key={note} tone="warning">
          {note}
        </Notice>
      ))}
      <h2>Networks</h2>
      {targets.length > 1 && (
        <div className="toolbar" role="group" aria-label="Target of the latencies">
          <span className="small">Latencies on</span>
          {targets.map((one) => (
            <button key={one} type="button" aria-pressed={one === target} onClick={() => setQuery((before) => withValue(before, "target", one), { replace: true })}>
              {one}
            </button>
          ))}
        </div>
      )}
      <p className="quiet small">
        Layers run from top to bottom. Outlined values: the selected choices. Bars: predicted latency of each layer on {target}. Lines on the left: residual
        connections (solid) and attention scales (dashed).
      </p>
      <Drawing candidates={candidates} target={target} />
      {candidates.map((candidate) => candidate.network && <LayersTable key={candidate.architecture_id} candidate={candidate} target={target} />)}
    </>
  );
}
