/** The networks that were trained, quantised and evaluated, each as it was evaluated last; those of the most rounds first. */
import { Link } from "react-router";

import type { FinalistEvent, FrontEvent } from "../../api/events";
import { byMetric, metricFormat, metricText } from "../../job/metric";
import { Latency } from "../../ui/Quantity";
import { TableRegion } from "../../ui/TableRegion";

interface Props {
  finalists: readonly FinalistEvent[];
  trainedFronts: Readonly<Record<string, FrontEvent>>;
  /** The name of what networks are compared by. */
  metric: string;
  selected: readonly string[];
  onSelect: (architectureId: string) => void;
  jobId: string;
}

export function FinalistTable({ finalists, trainedFronts, metric, selected, onSelect, jobId }: Props) {
  const several = new Set(finalists.map(({ target }) => target)).size > 1;
  return (
    <TableRegion label="Finalists">
      <table>
        <caption>
          Trained by successive halving, quantised, and evaluated in INT8 on the validation set. ± is one standard error over the sampling of validation images.
        </caption>
        <thead>
          <tr>
            <th scope="col">
              <span className="visually-hidden">Selected</span>
            </th>
            <th scope="col">Candidate</th>
            {several && <th scope="col">Target</th>}
            <th scope="col">Round</th>
            <th scope="col" className="numeric">
              Training images
            </th>
            <th scope="col" className="numeric">
              INT8 {metric}
            </th>
            <th scope="col" className="numeric">
              Latency
            </th>
            <th scope="col">On front</th>
          </tr>
        </thead>
        <tbody>
          {ranked(finalists).map((one) => {
            const id = one.architecture_id;
            return (
              <tr key={`${one.target} ${id}`} className={selected.includes(id) ? "selected" : undefined}>
                <td>
                  <input type="checkbox" aria-label={`Select finalist ${id}${several ? ` for ${one.target}` : ""}`} checked={selected.includes(id)} onChange={() => onSelect(id)} />
                </td>
                <th scope="row">
                  <Link to={`/jobs/${jobId}/candidates?ids=${id}`} title={one.architecture}>
                    <code>{id}</code>
                  </Link>
                </th>
                {several && <td>{one.target}</td>}
                <td className="nowrap">
                  {one.round + 1} of {one.rounds}
                </td>
                <td className="numeric">{one.images.toLocaleString("en")}</td>
                <td className="numeric nowrap">
                  {metricText(one.metric)} <span className="kind">± {metricFormat(one.metric.name)(one.standard_error)}</span>
                </td>
                <td className="numeric nowrap">
                  <Latency ms={one.latency_ms} kind={one.kind} />
                </td>
                <td>{trainedFronts[one.target]?.points.some(({ architecture_id }) => architecture_id === id) ? "yes" : ""}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </TableRegion>
  );
}

/** By target, then by round, then by the metric; of equals the faster. */
export function ranked(finalists: readonly FinalistEvent[]): FinalistEvent[] {
  const targets = [...new Set(finalists.map(({ target }) => target))];
  return finalists.toSorted(
    (a, b) =>
      targets.indexOf(a.target) - targets.indexOf(b.target) || b.round - a.round || byMetric(a.metric, b.metric) || a.latency_ms - b.latency_ms,
  );
}
