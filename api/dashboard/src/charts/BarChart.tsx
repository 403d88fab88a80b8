/** Horizontal bars, one group a row and one bar a series, with error bars where a value has an error. */
import { type Axis, extent, makeAxis, PLAIN, rounded, type Shown } from "./axis";
import { AxisBottom, type Plot } from "./Axes";
import { seriesVariable } from "./palette";
import { useRoving } from "./roving";

export interface Bar {
  /** Null where it is not known. */
  value: number | null;
  /** Absolute, in the unit of the value. */
  error?: number | undefined;
}

export interface BarRow {
  key: string;
  label: string;
  bars: readonly Bar[];
}

interface Props {
  width: number;
  /** What the list is called: `Latency by layer`. */
  label: string;
  axisLabel: string;
  series: readonly string[];
  rows: readonly BarRow[];
  format: (value: number) => string;
  shown?: Shown;
  /** Enter or a click on a row. */
  onChoose?: ((key: string) => void) | undefined;
}

const BAR = 12;
const GAP = 8;

export function BarChart({ width, label, axisLabel, series, rows, format, shown = PLAIN, onChoose }: Props) {
  const choose = onChoose && ((index: number) => rows[index] && onChoose(rows[index].key));
  const { active, setActive, idOf, list } = useRoving(rows.length, choose);
  const rowHeight = series.length * BAR + GAP;
  const names = Math.min(width * 0.4, 24 + 6.6 * Math.max(0, ...rows.map((row) => row.label.length)));
  const plot: Plot = { left: names, right: Math.max(names + 60, width - 76), top: 4, bottom: 4 + rows.length * rowHeight };
  const span = extent(rows.flatMap((row) => row.bars.map((bar) => (bar.value ?? 0) + (bar.error ?? 0))));
  const axis = makeAxis({
    kind: "linear",
    domain: rounded([0, Math.max(span?.[1] ?? 1, Number.MIN_VALUE)], "linear"),
    range: [plot.left, plot.right],
    room: 70,
    shown,
  });
  const height = plot.bottom + 40;
  return (
    <svg data-chart width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
      <AxisBottom axis={axis} plot={plot} label={axisLabel} />
      <g role="listbox" aria-label={label} {...list} onPointerLeave={() => setActive(null)}>
        {rows.map((row, index) => (
          <g
            key={row.key}
            id={idOf(index)}
            className="bar-row"
            role="option"
            aria-selected={active === index}
            aria-label={named(row, series, format)}
            data-active={active === index}
            transform={`translate(0,${plot.top + index * rowHeight})`}
            onPointerEnter={() => setActive(index)}
            onClick={choose && (() => choose(index))}
          >
            <rect data-screen className="bar-back" width={width} height={rowHeight} />
            <text className="bar-label" x={plot.left - 8} y={rowHeight / 2} dy="0.32em" textAnchor="end">
              {clipped(row.label, plot.left - 12)}
            </text>
            {row.bars.map((bar, at) => (
              <BarMark key={at} bar={bar} series={at} axis={axis} y={GAP / 2 + at * BAR} left={plot.left} format={format} />
            ))}
          </g>
        ))}
      </g>
    </svg>
  );
}

interface MarkProps {
  bar: Bar;
  series: number;
  axis: Axis;
  y: number;
  left: number;
  format: (value: number) => string;
}

function BarMark({ bar, series, axis, y, left, format }: MarkProps) {
  const { value, error } = bar;
  if (value === null) return null;
  const end = axis.at(value);
  const far = error === undefined ? end : axis.at(value + error);
  const middle = y + BAR / 2;
  return (
    <>
      <rect x={left} y={y + 1} width={Math.max(1, end - left)} height={BAR - 2} fill={seriesVariable(series)} />
      {error !== undefined && (
        <path
          className="chart-error"
          d={`M${axis.at(Math.max(0, value - error))},${middle}H${far}M${axis.at(Math.max(0, value - error))},${middle - 4}v8M${far},${middle - 4}v8`}
        />
      )}
      <text className="bar-value" x={far + 6} y={middle} dy="0.32em">
        {format(value)}
      </text>
    </>
  );
}

function named(row: BarRow, series: readonly string[], format: (value: number) => string): string {
  const parts = row.bars.map(({ value, error }, at) => {
    const name = series.length > 1 ? `${series[at] ?? ""} ` : "";
    if (value === null) return `${name}not known`;
    return name + format(value) + (error === undefined ? "" : ` ± ${format(error)}`);
  });
  return `${row.label}: ${parts.join(", ")}`;
}

function clipped(text: string, room: number): string {
  const most = Math.max(4, Math.floor(room / 6.4));
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
