/** How much of what lies within the budget the estimated front of each target dominates, after each query. */
import { useMemo } from "react";

import type { FrontEvent } from "../../api/events";
import { ChartFrame } from "../../charts/ChartFrame";
import { growth } from "../../charts/front";
import { type Line, LineChart } from "../../charts/LineChart";
import { LineLegend } from "../../charts/Legend";
import { percent } from "../../ui/format";
import { ACCURACY, LATENCY } from "./dimensions";
import { isFeasible, type Rows } from "./rows";

interface Props {
  rows: Rows;
  fronts: Record<string, FrontEvent>;
  target: string | null;
  asTable: boolean;
  onAsTable: (asTable: boolean) => void;
}

const SHOWN = { factor: 100, unit: "%" };

export function HypervolumeChart({ rows, fronts, target, asTable, onAsTable }: Props) {
  const lines = useMemo(() => linesOf(rows, fronts, target), [rows, fronts, target]);
  const said = lines.map(({ name, values }) => `${name}: ${percent(values.at(-1) ?? 0)}`).join("; ");
  return (
    <ChartFrame
      title="Hypervolume"
      level={2}
      summary={`Share of the area within the budget that the estimated front dominates${said === "" ? "." : `, at the last query: ${said}.`}`}
      table={{
        caption: "Hypervolume after each query that changed the front",
        columns: [{ label: "Target" }, { label: "Queries" }, { label: "Hypervolume (share)", format: (value) => percent(value) }],
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
          stepName="query"
          xLabel="Queries"
          yLabel="Hypervolume (%)"
          shown={SHOWN}
          format={(value) => percent(value)}
          stepped
        />
      )}
    </ChartFrame>
  );
}

function linesOf({ candidates, targets, series }: Rows, fronts: Record<string, FrontEvent>, only: string | null): Line[] {
  return targets.flatMap((name, place): Line[] => {
    const budget = fronts[name]?.budget_ms;
    if (budget === undefined || (only !== null && only !== name)) return [];
    const mine = candidates.filter((_, index) => series[index] === place);
    const xs = mine.map((one) => (isFeasible(one) ? LATENCY.of(one) : Number.NaN));
    const { queries, shares } = growth(xs, mine.map(ACCURACY.of), budget);
    return [{ name, series: place, steps: queries, values: shares }];
  });
}
