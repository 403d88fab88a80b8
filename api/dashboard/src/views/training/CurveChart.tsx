/** One group of curves in its frame. */
import { useMemo } from "react";

import { ChartFrame } from "../../charts/ChartFrame";
import { allSteps, indexAt } from "../../charts/curves";
import { LineLegend } from "../../charts/Legend";
import { LineChart, type LineMarker } from "../../charts/LineChart";
import { percent, significant } from "../../ui/format";
import type { CurveGroup } from "./groups";

interface Props {
  group: CurveGroup;
  log: boolean;
  /** Weight of the smoothing; 0 for none. */
  smoothing: number;
  markers: readonly LineMarker[];
  asTable: boolean;
  onAsTable: (asTable: boolean) => void;
}

const SHARE = { factor: 100, unit: "%" };
const PLAIN = { factor: 1, unit: "" };
const MOST_ROWS = 500;

export function CurveChart({ group, log, smoothing, markers, asTable, onAsTable }: Props) {
  const { lines, share, title, yLabel } = group;
  const format = share ? (value: number) => percent(value) : (value: number) => significant(value, 4);
  const isSmoothed = lines.some(({ raw }) => raw !== undefined);
  const newest = lines.map(({ name, values }) => `${name} ${format(values.at(-1) ?? 0)}`).join(", ");
  const rows = useMemo(() => {
    const steps = allSteps(lines);
    const every = Math.max(1, Math.ceil(steps.length / MOST_ROWS));
    return steps
      .filter((_, index) => index % every === 0 || index === steps.length - 1)
      .map((step) => [step, ...lines.map((one) => one.values[indexAt(one.steps, step)] ?? null)]);
  }, [lines]);
  return (
    <ChartFrame
      title={title}
      level={3}
      summary={`At step ${Math.max(...lines.map(({ steps }) => steps.at(-1) ?? 0))}: ${newest}.${isSmoothed ? ` Smoothed by ${smoothing}; the faint lines are the raw values.` : ""}`}
      table={{
        caption: `${title}${isSmoothed ? `, smoothed by ${smoothing}` : ""}`,
        columns: [{ label: "Step" }, ...lines.map(({ name }) => ({ label: name, format }))],
        rows,
      }}
      asTable={asTable}
      onAsTable={onAsTable}
      legend={<LineLegend lines={lines} />}
    >
      {(width) => (
        <LineChart
          width={width}
          lines={lines}
          stepName="step"
          xLabel="Steps"
          yLabel={yLabel}
          yKind={log ? "log" : "linear"}
          shown={share ? SHARE : PLAIN}
          format={format}
          markers={markers}
        />
      )}
    </ChartFrame>
  );
}
