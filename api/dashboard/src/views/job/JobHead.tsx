/** The head of a job's page: its name, its state, its actions, and what it exported. */
import { Link } from "react-router";

import type { Connection } from "../../api/follow";
import { useDataName, useJobName } from "../../job/datasets";
import { about, countsText, runtimeSeconds, hasEnded, type Job, limitsOf, spaceName, stateText, targetsOf } from "../../job/describe";
import { JobActions } from "../../job/JobActions";
import { metricText } from "../../job/metric";
import { phaseTitle } from "../../job/phase";
import type { Followed } from "../../job/useJob";
import { CopyButton } from "../../ui/CopyButton";
import { duration, latency, moment } from "../../ui/format";
import { Progress } from "../../ui/Progress";
import { Latency } from "../../ui/Quantity";
import { StateBadge } from "../../ui/StateBadge";
import { LabelsEditor } from "./LabelsEditor";

interface Props {
  job: Job;
  followed: Followed;
  onDeleted: () => void;
}

export function JobHead({ job, followed, onDeleted }: Props) {
  const name = useJobName(job);
  return (
    <section className="job-head" aria-label="Job">
      <div className="job-title">
        <p className="job-name">{name}</p>
        <StateBadge state={stateText(job)} />
        <ConnectionState connection={followed.connection} ended={hasEnded(job.state)} />
        <div className="push">
          <JobActions job={job} onDeleted={onDeleted} />
        </div>
      </div>
      {job.waiting_for && <p className="warning">Waiting: {job.waiting_for.detail}</p>}
      <Stage job={job} followed={followed} />
      <Facts job={job} />
      {followed.state.plan && <p className="quiet small job-plan">{followed.state.plan.note}</p>}
      <LabelsEditor job={job} />
      <Result result={job.result} jobId={job.id} />
    </section>
  );
}

/** The running stage, from the events where they are newer than the document. */
function Stage({ job, followed }: { job: Job; followed: Followed }) {
  if (job.state !== "running") return null;
  const { progress } = followed.state;
  const current = progress ?? job.progress;
  const phase = progress?.phase ?? job.phase;
  if (phase === null) return null;
  const name = `${phaseTitle(phase)}${progress?.target ? ` for ${progress.target}` : ""}`;
  return (
    <div className="job-stage">
      <strong>{name}</strong>
      {current && <Progress of={current} label={name} />}
    </div>
  );
}

function Facts({ job }: { job: Job }) {
  const { effort } = about(job);
  const data = useDataName(job);
  const seconds = runtimeSeconds(job);
  const limits = limitsOf(job);
  return (
    <dl className="job-facts">
      <Fact name="Targets">
        {targetsOf(job)
          .map(({ target, budget, device }) => `${target}${budget === null ? "" : ` ${budget}`}${device === null ? "" : `, only on ${device}`}`)
          .join("; ") || "none"}
      </Fact>
      {limits.length > 0 && <Fact name="Limits">{limits.join("; ")}</Fact>}
      {job.spec.kind === "export" && (
        <Fact name="Architecture">
          <Link to={`/jobs/${job.spec.job}/candidates?ids=${job.spec.architecture_id}`}>candidate {job.spec.architecture_id}</Link> of{" "}
          <Link to={`/jobs/${job.spec.job}`}>this search</Link>
        </Fact>
      )}
      <Fact name="Data">{data ?? "none"}</Fact>
      <Fact name="Search space">{spaceName(job)}</Fact>
      {effort && <Fact name="Effort">{effort}</Fact>}
      <Fact name="Created">
        <time dateTime={job.created_at}>{moment(job.created_at)}</time>
      </Fact>
      <Fact name="Runtime">{seconds === null ? "not started" : duration(seconds)}</Fact>
      <Fact name="Id">
        <code>{job.id}</code> <CopyButton text={job.id}>Copy id</CopyButton>
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The result of a job that succeeded. */
function Result({ result, jobId }: { result: Job["result"]; jobId: string }) {
  if (result === null) return null;
  if ("models" in result)
    return (
      <>
        <p className="job-models">
          Exported:{" "}
          {Object.entries(result.models).map(([target, { model_id }], index) => (
            <span key={model_id}>
              {index > 0 && ", "}
              <Link to={`/models/${model_id}`}>model for {target}</Link>
            </span>
          ))}
        </p>
        {result.common && <Common jobId={jobId} common={result.common} />}
      </>
    );
  if ("counts" in result) return <p className="job-models">Cells: {countsText(result.counts)}</p>;
  if ("model" in result)
    return (
      <p className="job-models">
        Exported: <Link to={`/models/${result.model.model_id}`}>model for {result.target}</Link>, which{" "}
        {result.within_budget ? "meets the budget and the limits of the search" : <strong>exceeds the budget or a limit of the search</strong>}
      </p>
    );
  if ("reachable_ms" in result)
    return (
      <p className="job-models">
        Profiled: {result.keys.toLocaleString("en")} distinct layers on {result.device}; predicted latencies of the space: {latency(result.reachable_ms[0])} to{" "}
        {latency(result.reachable_ms[1])}
      </p>
    );
  return <p className="job-models">Trained at {result.resolution} × {result.resolution} pixels; searches with the same settings reuse this supernet</p>;
}

type SearchAnswer = Extract<NonNullable<Job["result"]>, { models: unknown }>;

/** One network for all targets, beside what each has for itself. */
function Common({ common, jobId }: { common: NonNullable<SearchAnswer["common"]>; jobId: string }) {
  const targets = Object.entries(common.targets);
  const regret = 100 * Math.max(...targets.map(([, one]) => one.regret));
  return (
    <p className="job-models">
      One network for all targets: <Link to={`/jobs/${jobId}/candidates?ids=${common.architecture_id}`}>candidate {common.architecture_id}</Link>,{" "}
      {targets.map(([target, one], index) => (
        <span key={target}>
          {index > 0 && ", "}
          {metricText(one.metric)} on {target} at <Latency ms={one.latency_ms} kind={one.kind} />
        </span>
      ))}
      {regret > 0 ? `; at most ${regret.toFixed(2)} points below a target's own on the validation set` : "; nowhere below a target's own on the validation set"}
    </p>
  );
}

const CONNECTIONS: Readonly<Record<Connection, string | null>> = {
  connecting: "connecting",
  open: "live",
  away: "connection lost, reconnecting",
  ended: null,
  rejected: null,
};

function ConnectionState({ connection, ended }: { connection: Connection; ended: boolean }) {
  const text = ended ? null : CONNECTIONS[connection];
  return text && <span className={`connection ${connection}`}>{text}</span>;
}
