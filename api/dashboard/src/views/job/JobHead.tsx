/** The head of a job's page: what it is, how it stands, what can be done with it, and what it delivered. */
import { Link } from "react-router";

import type { Connection } from "../../api/follow";
import { about, activeSeconds, hasEnded, type Job, jobName, spaceName, stateText, targetsOf, waitingFor } from "../../job/describe";
import { JobActions } from "../../job/JobActions";
import type { Followed } from "../../job/useJob";
import { CopyButton } from "../../ui/CopyButton";
import { duration, moment } from "../../ui/format";
import { Progress } from "../../ui/Progress";
import { StateBadge } from "../../ui/StateBadge";
import { LabelsEditor } from "./LabelsEditor";

interface Props {
  job: Job;
  followed: Followed;
  onDeleted: () => void;
}

export function JobHead({ job, followed, onDeleted }: Props) {
  const waiting = waitingFor(job);
  return (
    <section className="job-head" aria-label="Job">
      <div className="job-title">
        <p className="job-name">{jobName(job)}</p>
        <StateBadge state={stateText(job)} />
        <Heard connection={followed.connection} ended={hasEnded(job.state)} />
        <div className="push">
          <JobActions job={job} onDeleted={onDeleted} />
        </div>
      </div>
      {waiting && <p className="warning">{waiting}</p>}
      <Stage job={job} followed={followed} />
      <Facts job={job} />
      <LabelsEditor job={job} />
      <Models job={job} />
    </section>
  );
}

/** The stage at work, from the events where they know more than the document. */
function Stage({ job, followed }: { job: Job; followed: Followed }) {
  if (job.state !== "running") return null;
  const { progress } = followed.state;
  const current = progress ?? job.progress;
  const phase = progress?.phase ?? job.phase;
  if (phase === null) return null;
  const name = progress?.target ? `${phase} for ${progress.target}` : phase;
  return (
    <div className="job-stage">
      <strong>{name}</strong>
      {current && <Progress of={current} label={name} />}
    </div>
  );
}

function Facts({ job }: { job: Job }) {
  const { data, effort } = about(job);
  const seconds = activeSeconds(job);
  return (
    <dl className="job-facts">
      <Fact name="Targets">
        {targetsOf(job)
          .map(({ target, budget }) => (budget === null ? target : `${target} within ${budget}`))
          .join("; ") || "none"}
      </Fact>
      <Fact name="Data">{data ?? "none"}</Fact>
      <Fact name="Space">{spaceName(job)}</Fact>
      {effort && <Fact name="Effort">{effort}</Fact>}
      <Fact name="Created">
        <time dateTime={job.created_at}>{moment(job.created_at)}</time>
      </Fact>
      <Fact name="Time at work">{seconds === null ? "not begun" : duration(seconds)}</Fact>
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

function Models({ job }: { job: Job }) {
  if (job.result === null || !("models" in job.result)) return null;
  return (
    <p className="job-models">
      Delivered:{" "}
      {Object.entries(job.result.models).map(([target, { model_id }], index) => (
        <span key={model_id}>
          {index > 0 && ", "}
          <Link to={`/models/${model_id}`}>model for {target}</Link>
        </span>
      ))}
    </p>
  );
}

const HEARD: Readonly<Record<Connection, string | null>> = {
  connecting: "connecting",
  open: "live",
  away: "connection lost, trying again",
  ended: null,
  refused: null,
};

function Heard({ connection, ended }: { connection: Connection; ended: boolean }) {
  const text = ended ? null : HEARD[connection];
  return text && <span className={`heard ${connection}`}>{text}</span>;
}
