/** The jobs as a table. */
import { Link } from "react-router";

import { useJobName } from "../../job/datasets";
import { runtimeSeconds, type Job, kindName, stateText, targetsOf } from "../../job/describe";
import { JobActions } from "../../job/JobActions";
import { phaseTitle } from "../../job/phase";
import { duration, moment } from "../../ui/format";
import { Progress } from "../../ui/Progress";
import { StateBadge } from "../../ui/StateBadge";
import { SortHead, TableRegion } from "../../ui/TableRegion";
import { Labels } from "../job/LabelsEditor";
import type { Order } from "./query";

type Column = "created_at" | "state";

interface Props {
  jobs: readonly Job[];
  order: Order;
  onOrder: (order: Order) => void;
}

export function JobsTable({ jobs, order, onOrder }: Props) {
  const by: { column: Column; descending: boolean } = {
    column: order.endsWith("state") ? "state" : "created_at",
    descending: order.startsWith("-"),
  };
  const sort = ({ column, descending }: typeof by) => onOrder(descending ? `-${column}` : column);
  return (
    <TableRegion label="Jobs">
      <table className="jobs">
        <caption className="visually-hidden">Jobs with their state, progress, targets and runtime</caption>
        <thead>
          <tr>
            <th scope="col">Job</th>
            <SortHead column="state" by={by} onSort={sort}>
              State
            </SortHead>
            <th scope="col">Progress</th>
            <th scope="col">Targets</th>
            <th scope="col" className="numeric">
              Runtime
            </th>
            <SortHead column="created_at" by={by} onSort={sort}>
              Created
            </SortHead>
            <th scope="col">Actions</th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <Row key={job.id} job={job} />
          ))}
        </tbody>
      </table>
    </TableRegion>
  );
}

function Row({ job }: { job: Job }) {
  const name = useJobName(job);
  const seconds = runtimeSeconds(job);
  const named = job.labels["name"];
  const labels = Object.fromEntries(Object.entries(job.labels).filter(([key]) => key !== "name"));
  return (
    <tr>
      <th scope="row">
        <Link to={`/jobs/${job.id}`}>{name}</Link>
        {named && <span className="quiet small"> {kindName(job.kind)}</span>}
        <Labels labels={labels} />
      </th>
      <td>
        <StateBadge state={stateText(job)} />
      </td>
      <td className="jobs-progress">
        <Stage job={job} />
      </td>
      <td className="jobs-targets">
        {targetsOf(job).map(({ target, budget }) => (
          <div key={target}>
            {target}
            {budget && <span className="quiet">{budget}</span>}
          </div>
        ))}
      </td>
      <td className="numeric nowrap">{seconds === null ? "" : duration(seconds)}</td>
      <td className="nowrap">
        <time dateTime={job.created_at}>{moment(job.created_at)}</time>
      </td>
      <td className="jobs-actions">
        <JobActions job={job} small />
      </td>
    </tr>
  );
}

function Stage({ job }: { job: Job }) {
  if (job.waiting_for) return <span className="quiet wraps">{job.waiting_for.detail}</span>;
  if (job.error) return <span className="jobs-error">{job.error.detail}</span>;
  if (job.state === "queued" || job.state === "succeeded" || job.phase === null) return null;
  if (job.state !== "running" || job.progress === null) return <span className="quiet">{phaseTitle(job.phase)}</span>;
  return (
    <>
      <span>{phaseTitle(job.phase)}</span>
      <Progress of={job.progress} label={phaseTitle(job.phase)} />
    </>
  );
}
