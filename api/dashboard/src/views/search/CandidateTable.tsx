/** All candidates within the ranges, sortable; only the rows in sight are in the page. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { Link } from "react-router";

import { metricText } from "../../job/metric";
import { SortHead } from "../../ui/TableRegion";
import type { Sort } from "./address";
import { type Dimension, LATENCY, METRIC_ID, targetOf } from "./dimensions";
import { column, isFeasible, type Rows, sorted } from "./rows";

interface Props {
  rows: Rows;
  looks: Uint8Array;
  onFront: Uint8Array;
  objectives: readonly Dimension[];
  /** The title of what networks are compared by. */
  metric: string;
  /** Whether it is estimated before fine-tuning; else it is of trained networks. */
  estimated: boolean;
  sort: Sort;
  onSort: (sort: Sort) => void;
  selected: readonly string[];
  onSelect: (architectureId: string) => void;
  jobId: string;
}

const ROW = 34;

export function CandidateTable({ rows, looks, onFront, objectives, metric, estimated, sort, onSort, selected, onSelect, jobId }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const costs = useMemo(() => objectives.filter(({ id }) => id !== METRIC_ID && id !== LATENCY.id), [objectives]);
  const order = useMemo(() => sorted(looks, keyOf(sort.column, rows, onFront, objectives), sort.descending), [looks, sort, rows, onFront, objectives]);
  // The library keeps what it measures outside of React; this component reads it anew at each of its renders.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({ count: order.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 8 });
  const items = virtual.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  const several = rows.targets.length > 1;
  const columns = 6 + rows.targets.length + costs.length;
  const head = { by: sort, onSort };
  return (
    <div ref={scroller} className="table-region candidates" role="region" aria-label="Candidates" tabIndex={0}>
      <table aria-rowcount={order.length + 1}>
        <caption>
          {order.length.toLocaleString("en")} of {rows.candidates.length.toLocaleString("en")} candidates
        </caption>
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col">
              <span className="visually-hidden">Selected</span>
            </th>
            <SortHead column="number" numeric {...head}>
              Evaluation
            </SortHead>
            <th scope="col">Candidate</th>
            <SortHead column={METRIC_ID} numeric {...head}>
              INT8 {metric} {estimated && <span className="kind">estimated before fine-tuning</span>}
            </SortHead>
            {rows.targets.map((target) => (
              <SortHead key={target} column={`latency.${target}`} numeric {...head}>
                {several ? `Latency, ${target}` : "Latency"} <span className="kind">predicted</span>
              </SortHead>
            ))}
            {costs.map(({ id, label }) => (
              <SortHead key={id} column={id} numeric {...head}>
                {label}
              </SortHead>
            ))}
            <SortHead column="feasible" {...head}>
              Meets budget
            </SortHead>
            <SortHead column="front" {...head}>
              {estimated ? "On estimated front" : "On front"}
            </SortHead>
          </tr>
        </thead>
        <tbody>
          {before > 0 && <Space height={before} columns={columns} />}
          {items.map(({ index, key }) => {
            const row = order[index] ?? 0;
            const one = rows.candidates[row];
            if (one === undefined) return null;
            const id = one.architecture_id;
            return (
              <tr key={key} aria-rowindex={index + 2} className={selected.includes(id) ? "selected" : undefined}>
                <td>
                  <input type="checkbox" aria-label={`Select ${id}`} checked={selected.includes(id)} onChange={() => onSelect(id)} />
                </td>
                <td className="numeric">{one.number + 1}</td>
                <th scope="row">
                  <Link to={`/jobs/${jobId}/candidates?ids=${id}`} title={one.architecture}>
                    <code>{id}</code>
                  </Link>
                </th>
                <td className="numeric">{metricText(one.metric)}</td>
                {rows.targets.map((target) => (
                  <td key={target} className="numeric">
                    {shown(LATENCY, one.latency_ms[target])}
                  </td>
                ))}
                {costs.map((cost) => (
                  <td key={cost.id} className="numeric">
                    {shown(cost, cost.of(one))}
                  </td>
                ))}
                <td>{isFeasible(one) ? "yes" : "no"}</td>
                <td>{onFront[row] ? "yes" : ""}</td>
              </tr>
            );
          })}
          {after > 0 && <Space height={after} columns={columns} />}
        </tbody>
      </table>
    </div>
  );
}

function Space({ height, columns }: { height: number; columns: number }) {
  return (
    <tr aria-hidden="true" className="space">
      <td colSpan={columns} style={{ height, padding: 0 }} />
    </tr>
  );
}

function shown({ format }: Dimension, value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? "–" : format(value);
}

/** What a column is sorted by; null keeps the order of evaluation. */
function keyOf(name: string, rows: Rows, onFront: Uint8Array, objectives: readonly Dimension[]): ArrayLike<number> | null {
  if (name === "number" && rows.targets.length < 2) return null;
  if (name === "number") return rows.candidates.map((one) => one.number);
  if (name === "front") return onFront;
  if (name === "feasible") return rows.candidates.map((one) => Number(isFeasible(one)));
  if (name.startsWith("latency.")) {
    const target = name.slice("latency.".length);
    return rows.candidates.map((one) => (targetOf(one) === target ? (one.latency_ms[target] ?? Number.NaN) : Number.NaN));
  }
  const dimension = objectives.find(({ id }) => id === name);
  return dimension === undefined ? null : column(rows, dimension);
}
