/** The cells of one data set: spaces and seeds below each other, targets and budgets beside each other. */
import { Link } from "react-router";

import { budgetText } from "../../job/describe";
import { metricText } from "../../job/metric";
import { Latency } from "../../ui/Quantity";
import { StateBadge } from "../../ui/StateBadge";
import { TableRegion } from "../../ui/TableRegion";
import type { Cell, Matrix } from "./matrix";

interface Props {
  matrix: Matrix;
  /** Of the data set. */
  name: string;
  /** Ids of models, by cell. */
  models: ReadonlyMap<string, string>;
  /** Cells with the best model of their target. */
  best: ReadonlySet<string>;
}

export function MatrixTable({ matrix, name, models, best }: Props) {
  const seeds = new Set(matrix.rows.map(({ seed }) => seed)).size > 1;
  return (
    <TableRegion label={`Cells on ${name}`}>
      <table className="matrix">
        <caption>{name}: the metric of each model in INT8, and its latency.</caption>
        <thead>
          <tr>
            <th scope="col">Space</th>
            {seeds && <th scope="col">Seed</th>}
            {matrix.columns.map(({ target, budget }) => (
              <th key={`${target} ${budget}`} scope="col">
                {target}
                <span className="budget">{budgetText(budget)}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {matrix.rows.map(({ space, seed, cells }) => (
            <tr key={`${space} ${seed}`}>
              <th scope="row">{space}</th>
              {seeds && <td>{seed}</td>}
              {cells.map((cell, index) => (
                <td key={cell?.id ?? index}>{cell ? <State cell={cell} model={models.get(cell.id)} isBest={best.has(cell.id)} /> : <span className="quiet">left out</span>}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </TableRegion>
  );
}

function State({ cell, model, isBest }: { cell: Cell; model: string | undefined; isBest: boolean }) {
  const { state, metric, measured_ms, kind, detail } = cell;
  if (metric === null) {
    return (
      <>
        <StateBadge state={state} />
        {detail !== "" && <span className="small detail">{detail}</span>}
      </>
    );
  }
  const figures = (
    <>
      <strong>{metricText(metric)}</strong> {metric.name !== "accuracy" && <span className="kind">{metric.name}</span>}
    </>
  );
  return (
    <>
      {model === undefined ? figures : <Link to={`/models/${model}`}>{figures}</Link>}
      {isBest && <span className="badge good">best</span>}
      {measured_ms !== null && (
        <span className="detail">
          <Latency ms={measured_ms} kind={kind ?? "estimated"} />
        </span>
      )}
    </>
  );
}
