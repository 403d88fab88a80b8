/** The hypervolume of the estimated front of each target within its budget, after each evaluation. For metrics of which more is better: its reference is 0. */
import { useMemo } from "react";

import type { FrontEvent } from "../../api/events";
import { ChartFrame } from "../../charts/ChartFrame";
import { growth } from "../../charts/front";
import { type Line, LineChart } from "../../charts/LineChart";
import { LineLegend } from "../../charts/Legend";
import { percent } from "../../ui/format";
import { type Dimension, LATENCY } from "./dimensions";
import { isFeasible, type Rows } from "./rows";

interface Props {
  rows: Rows;
  fronts: Record<string, FrontEvent>;
  metric: Dimension;
  target: string | null;
  asTable: boolean;
  onAsTable: (asTable: boolean) => void;
}

const SHOWN = { factor: 100, unit: "%" };

export function HypervolumeChart({ rows, fronts, metric, target, asTable, onAsTable }: Props) {
  const lines = useMemo(() => linesOf(rows, fronts, metric, target), [rows, fronts, metric, target]);
  const newest = lines.map(({ name, values }) => `${name}: ${percent(values.at(-1) ?? 0)}`).join("; ");
  return (
    <ChartFrame
      title="Hypervolume"
      level={2}
      summary={`Share of the area within the budget that the estimated front dominates${newest === "" ? "." : `, after the last evaluation: ${newest}.`}`}
      table={{
        caption: "Hypervolume after each evaluation that changed the front",
        columns: [{ label: "Target" }, { label: "Evaluations" }, { label: "Hypervolume (share)", format: (value) => percent(value) }],
        rows: lines.flatMap(({ name, steps, values }) => steps.map((step, index) => [name, step, values[index] ?? null])),
      }}
      asTable={asTable}
      onAsTable={onAsTable}
      legend={<LineLegend lines={lines} />}
    >
      {(width) => (
        <LineChart
          width={width}
          lines={lines}
          stepName="evaluation"
          xLabel="Evaluations"
          yLabel="Hypervolume (%)"
          shown={SHOWN}
          format={(value) => percent(value)}
          stepped
        />
      )}
    </ChartFrame>
  );
}

function linesOf({ candidates, targets, series }: Rows, fronts: Record<string, FrontEvent>, metric: Dimension, only: string | null): Line[] {
  return targets.flatMap((name, place): Line[] => {
    const budget = fronts[name]?.budget_ms;
    if (budget === undefined || (only !== null && only !== name)) return [];
    const mine = candidates.filter((_, index) => series[index] === place);
    const xs = mine.map((one) => (isFeasible(one) ? LATENCY.of(one) : Number.NaN));
    const { evaluations, shares } = growth(xs, mine.map(metric.of), budget);
    return [{ name, series: place, steps: evaluations, values: shares }];
  });
}
