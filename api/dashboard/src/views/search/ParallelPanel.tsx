/** Parallel coordinates over objectives and choices: which axes, their ranges by brush or by fields, and the lines. */
import { useMemo } from "react";

import { extent, makeAxis, rounded, type Span } from "../../charts/axis";
import { ChartFrame } from "../../charts/ChartFrame";
import { LOOK } from "../../charts/cloud";
import { PARALLEL_BOTTOM, PARALLEL_TOP, type ParallelAxis, ParallelCoordinates, parallelWidth, type Thread } from "../../charts/ParallelCoordinates";
import { useScheme } from "../../charts/scheme";
import type { Dimension } from "./dimensions";
import { RangeFields } from "./RangeFields";
import { type Brush, column, type Rows } from "./rows";

interface Props {
  rows: Rows;
  looks: Uint8Array;
  dimensions: readonly Dimension[];
  /** Ids of the shown axes; null for the first ones. */
  axes: readonly string[] | null;
  onAxes: (ids: readonly string[]) => void;
  brushes: readonly Brush[];
  onBrush: (dimension: Dimension, range: Span | null) => void;
  selected: readonly string[];
  asTable: boolean;
  onAsTable: (asTable: boolean) => void;
}

const AT_FIRST = 10;
const MOST_ROWS = 200;

export function ParallelPanel({ rows, looks, dimensions, axes, onAxes, brushes, onBrush, selected, asTable, onAsTable }: Props) {
  const shown = useMemo(
    () => (axes === null ? dimensions.slice(0, AT_FIRST) : dimensions.filter(({ id }) => axes.includes(id))),
    [axes, dimensions],
  );
  const matching = useMemo(() => rows.candidates.filter((_, index) => (looks[index] ?? 0) >= LOOK.hollow), [rows, looks]);
  const table = useMemo(() => {
    const columns = [{ label: "Architecture" }, ...shown.map(({ label, format }) => ({ label, format }))];
    const line = (one: (typeof matching)[number]) => [one.architecture_id, ...shown.map(({ of }) => finite(of(one)))];
    return { columns, rows: matching.slice(0, MOST_ROWS).map(line) };
  }, [shown, matching]);
  const ranges = brushes.map(({ dimension: { label, format }, low, high }) => `${label} from ${format(low)} to ${format(high)}`);
  return (
    <ChartFrame
      title="Choices and objectives"
      summary={`${matching.length} of ${rows.candidates.length} candidates${ranges.length === 0 ? "; drag along an axis to filter them." : ` with ${ranges.join(", ")}.`}`}
      table={{ caption: `Candidates within the ranges${matching.length > MOST_ROWS ? `: the first ${MOST_ROWS}` : ""}`, ...table }}
      asTable={asTable}
      onAsTable={onAsTable}
      legend={<RangeFields all={dimensions} shown={shown} brushes={brushes} onAxes={onAxes} onBrush={onBrush} />}
    >
      {(room) => <Coordinates {...{ room, rows, looks, shown, brushes, onBrush, selected }} />}
    </ChartFrame>
  );
}

interface CoordinatesProps extends Pick<Props, "rows" | "looks" | "brushes" | "onBrush" | "selected"> {
  shown: readonly Dimension[];
  room: number;
}

function Coordinates({ room, rows, looks, shown, brushes, onBrush, selected }: CoordinatesProps) {
  const scheme = useScheme();
  const width = parallelWidth(room, shown.length);
  const height = Math.round(Math.max(320, Math.min(440, room * 0.18)));
  const axes = useMemo(() => shown.map((one) => axisOf(one, column(rows, one), brushes, height)), [shown, rows, brushes, height]);
  const highlighted = useMemo(() => threadsOf(rows, looks, selected), [rows, looks, selected]);
  return (
    <div className="chart-scroll" role="region" aria-label="Parallel coordinates" tabIndex={width > room ? 0 : undefined}>
      <ParallelCoordinates
        width={width}
        height={height}
        label={`Parallel coordinates of ${rows.candidates.length} candidates over ${shown.map(({ label }) => label).join(", ")}`}
        axes={axes}
        looks={looks}
        series={rows.series}
        scheme={scheme}
        highlighted={highlighted}
        onBrush={(id, range) => {
          const dimension = shown.find((one) => one.id === id);
          if (dimension !== undefined) onBrush(dimension, range);
        }}
      />
    </div>
  );
}

function axisOf(dimension: Dimension, values: Float64Array, brushes: readonly Brush[], height: number): ParallelAxis {
  const { id, label, values: names } = dimension;
  const range = [height - PARALLEL_BOTTOM, PARALLEL_TOP] as const;
  const brush = brushes.find((one) => one.dimension.id === id);
  const shared = { id, label, values, brush: brush ? ([brush.low, brush.high] as const) : null };
  if (names !== null) {
    const axis = makeAxis({ kind: "linear", domain: [-0.25, names.length - 0.75], range, room: 1 });
    const ticks = names.map((name, index) => ({ value: index, at: axis.at(index), label: name }));
    return { ...shared, unit: "", axis: { ...axis, ticks } };
  }
  const domain = rounded(extent(values) ?? [0, 1], "linear");
  const shown = dimension.shown(domain[1]);
  return { ...shared, unit: shown.unit, axis: makeAxis({ kind: "linear", domain, range, room: 48, shown }) };
}

function threadsOf({ candidates, series }: Rows, looks: Uint8Array, selected: readonly string[]): Thread[] {
  if (selected.length === 0) return [];
  return candidates.flatMap(({ architecture_id: id }, index) =>
    selected.includes(id) && looks[index] !== LOOK.hidden
      ? [{ key: String(index), index, series: series[index] ?? 0, label: `Selected candidate ${id}` }]
      : [],
  );
}

function finite(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
