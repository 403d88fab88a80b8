/** What each model costs on each target of the batch: also on those that it was not found for. */
import { Link } from "react-router";

import { Latency } from "../../ui/Quantity";
import { TableRegion } from "../../ui/TableRegion";
import type { BatchAnswer } from "./result";

interface Props {
  result: BatchAnswer;
  nameOf: (data: string) => string;
  /** Ids of models, by cell. */
  models: ReadonlyMap<string, string>;
}

export function CrossTable({ result, nameOf, models }: Props) {
  const { cross, targets, cells } = result;
  if (cross.length === 0 || targets.length < 2) return null;
  return (
    <section aria-labelledby="cross-title">
      <h2 id="cross-title">Every model on every target</h2>
      <TableRegion label="Latencies of every model on every target">
        <table className="matrix">
          <caption>Batch 1, INT8. A model was found for the target whose latency is bold.</caption>
          <thead>
            <tr>
              <th scope="col">Model</th>
              {targets.map((target) => (
                <th key={target} scope="col" className="numeric">
                  {target}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {cross.map(({ cell: id, latencies }) => {
              const cell = cells.find((one) => one.id === id);
              return (
                <tr key={id}>
                  <th scope="row">
                    <Link to={`/models/${models.get(id) ?? ""}`}>{cell ? `${nameOf(cell.data)}, ${cell.space}, ${cell.target}, seed ${cell.seed}` : id}</Link>
                  </th>
                  {targets.map((target) => {
                    const found = latencies.find((one) => one.target === target);
                    return (
                      <td key={target} className="numeric nowrap">
                        {found?.latency_ms != null && found.kind != null ? (
                          <span className={found.own ? "own" : undefined}>
                            <Latency ms={found.latency_ms} kind={found.kind} error={found.error ?? undefined} />
                          </span>
                        ) : (
                          <span className="quiet small">{found?.reason || "unknown"}</span>
                        )}
                      </td>
                    );
                  })}
                </tr>
              );
            })}
          </tbody>
        </table>
      </TableRegion>
    </section>
  );
}
