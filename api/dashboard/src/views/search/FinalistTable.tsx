/** The networks that were trained, quantised and judged, each as it was judged last; those that went furthest first. */
import { Link } from "react-router";

import type { FinalistEvent, FrontEvent } from "../../api/events";
import { percent } from "../../ui/format";
import { Latency } from "../../ui/Quantity";
import { TableRegion } from "../../ui/TableRegion";

interface Props {
  finalists: readonly FinalistEvent[];
  finished: Readonly<Record<string, FrontEvent>>;
  /** The name of what networks are compared by. */
  metric: string;
  selected: readonly string[];
  onChoose: (architectureId: string) => void;
  jobId: string;
}

export function FinalistTable({ finalists, finished, metric, selected, onChoose, jobId }: Props) {
  const several = new Set(finalists.map(({ target }) => target)).size > 1;
  return (
    <TableRegion label="Finalists">
      <table>
        <caption>
          Trained in rounds, of which the better half goes on; then quantised and judged in INT8 on the validation set. ± is one standard error, over the draw of its
          images.
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
              Images seen
            </th>
            <th scope="col" className="numeric">
              INT8 {metric}
            </th>
            <th scope="col" className="numeric">
              Latency of its network
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
                  <input type="checkbox" aria-label={`Select finalist ${id}${several ? ` for ${one.target}` : ""}`} checked={selected.includes(id)} onChange={() => onChoose(id)} />
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
                  {percent(one.accuracy)} <span className="kind">± {percent(one.standard_error)}</span>
                </td>
                <td className="numeric nowrap">
                  <Latency ms={one.latency_ms} kind={one.kind} />
                </td>
                <td>{finished[one.target]?.points.some(({ architecture_id }) => architecture_id === id) ? "yes" : ""}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </TableRegion>
  );
}

/** By target, then by round, then by what they are worth; of equals the faster. */
export function ranked(finalists: readonly FinalistEvent[]): FinalistEvent[] {
  const targets = [...new Set(finalists.map(({ target }) => target))];
  return finalists.toSorted(
    (a, b) =>
      targets.indexOf(a.target) - targets.indexOf(b.target) || b.round - a.round || b.accuracy - a.accuracy || a.latency_ms - b.latency_ms,
  );
}
