/** Curves over steps, with a cursor that reads all of them: moved with the pointer, or with the arrow keys. */
import { curveLinear, curveStepAfter, line } from "d3-shape";
import { type PointerEvent, useMemo, useState } from "react";

import { type Axis, type AxisKind, extent, makeAxis, padded, PLAIN, rounded, type Shown } from "./axis";
import { AxisBottom, AxisLeft, HitArea, type Plot, plotOf } from "./Axes";
import { allSteps, indexAt, nearestIndex, type Points, thinned } from "./curves";
import { markPath } from "./marks";
import { seriesDash, seriesVariable } from "./palette";
import { Readout } from "./Readout";
import { moved } from "./roving";

export interface Line extends Points {
  name: string;
  /** Which style. */
  series: number;
  /** What it was before smoothing, drawn faint. */
  raw?: readonly number[] | undefined;
}

export interface LineMarker {
  step: number;
  label: string;
}

interface Props {
  width: number;
  lines: readonly Line[];
  /** What the horizontal axis counts: `step`. */
  stepName: string;
  xLabel: string;
  yLabel: string;
  yKind?: AxisKind;
  /** Values hold until the next one. */
  stepped?: boolean;
  shown?: Shown;
  format: (value: number) => string;
  /** Vertical lines, such as stored checkpoints. */
  markers?: readonly LineMarker[];
}

const MARKS = 6;

export function LineChart({ width, lines, stepName, xLabel, yLabel, yKind = "linear", stepped = false, shown = PLAIN, format, markers = [] }: Props) {
  const height = Math.round(Math.min(420, Math.max(220, width * 0.5)));
  const plot = useMemo(() => plotOf(width, height), [width, height]);
  const [x, y] = useMemo(() => axesOf(lines, plot, yKind, shown), [lines, plot, yKind, shown]);
  const steps = useMemo(() => allSteps(lines), [lines]);
  const [cursor, setCursor] = useState<number | null>(null);
  const at = cursor === null || steps.length === 0 ? null : Math.min(cursor, steps.length - 1);
  const step = at === null ? undefined : steps[at];
  const values = lines.map((one) => ({ line: one, value: step === undefined ? undefined : one.values[indexAt(one.steps, step)] }));
  const readings = values.flatMap(({ line: { name }, value }) => (value === undefined ? [] : [[name, format(value)] as const]));

  function follow(event: PointerEvent<SVGRectElement>): void {
    const left = event.currentTarget.ownerSVGElement?.getBoundingClientRect().left ?? 0;
    setCursor(nearestIndex(steps, x.value(event.clientX - left)));
  }

  return (
    <>
      <svg data-chart width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
        <AxisLeft axis={y} plot={plot} label={yLabel} />
        <AxisBottom axis={x} plot={plot} label={xLabel} />
        {markers.map((marker) => (
          <path key={`${marker.label}${marker.step}`} className="chart-marker" d={`M${x.at(marker.step)},${plot.bottom}l-4,7h8z`}>
            <title>{marker.label}</title>
          </path>
        ))}
        <Lines lines={lines} x={x} y={y} stepped={stepped} most={plot.right - plot.left} />
        {/* The keys are those of a slider along the steps. */}
        <g
          role="slider"
          tabIndex={0}
          aria-label={`${yLabel}: values at a ${stepName}`}
          aria-valuemin={steps[0] ?? 0}
          aria-valuemax={steps.at(-1) ?? 0}
          aria-valuenow={step ?? steps[0] ?? 0}
          aria-valuetext={step === undefined ? `no ${stepName} selected` : `${stepName} ${step}: ${readings.map((pair) => pair.join(" ")).join(", ")}`}
          onKeyDown={(event) => {
            const next = moved(event.key, at, steps.length);
            if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
            event.preventDefault();
            setCursor(next);
          }}
          onFocus={(event) => {
            if (at === null && event.currentTarget.matches(":focus-visible")) setCursor(steps.length - 1);
          }}
          onBlur={() => setCursor(null)}
        >
          <HitArea plot={plot} onPointerMove={follow} onPointerDown={follow} onPointerLeave={() => setCursor(null)} />
          {step !== undefined && (
            <g data-screen pointerEvents="none">
              <line className="chart-cursor" x1={x.at(step)} x2={x.at(step)} y1={plot.top} y2={plot.bottom} />
              {values.map(
                ({ line: { name, series }, value }) =>
                  value !== undefined && <circle key={name} className="chart-point" cx={x.at(step)} cy={y.at(value)} r="4" fill={seriesVariable(series)} />,
              )}
            </g>
          )}
        </g>
      </svg>
      {step !== undefined && <Readout x={x.at(step)} y={plot.top + 28} width={width} title={`${stepName} ${step}`} rows={readings} />}
    </>
  );
}

function axesOf(lines: readonly Line[], plot: Plot, yKind: AxisKind, shown: Shown): [Axis, Axis] {
  const ends = extent(lines.flatMap(({ steps }) => [steps[0] ?? 0, steps.at(-1) ?? 0])) ?? [0, 1];
  const x = makeAxis({ kind: "linear", domain: ends[0] === ends[1] ? [ends[0], ends[0] + 1] : ends, range: [plot.left, plot.right], room: 70 });
  const values = extent(lines.flatMap((one) => [...one.values, ...(one.raw ?? [])]).filter((value) => yKind === "linear" || value > 0));
  const [low, high] = rounded(padded(values, yKind), yKind);
  // A margin leads to no values that cannot be: below 0, or above 100 %.
  const domain = [(values?.[0] ?? 0) >= 0 ? Math.max(0, low) : low, shown.unit === "%" && (values?.[1] ?? 1) <= 1 ? Math.min(1, high) : high] as const;
  return [x, makeAxis({ kind: yKind, domain, range: [plot.bottom, plot.top], room: 36, shown })];
}

function Lines({ lines, x, y, stepped, most }: { lines: readonly Line[]; x: Axis; y: Axis; stepped: boolean; most: number }) {
  return lines.map(({ name, series, steps, values, raw }) => {
    const few = thinned({ steps, values }, most);
    return (
      <g key={name}>
        {raw && <path className="chart-line faint" stroke={seriesVariable(series)} d={outline(thinned({ steps, values: raw }, most), x, y, stepped)} />}
        <path className="chart-line" stroke={seriesVariable(series)} strokeDasharray={seriesDash(series)} d={outline(few, x, y, stepped)} />
        {spread(few, series).map((index) => (
          <path
            key={index}
            className="chart-point"
            fill={seriesVariable(series)}
            d={markPath(series, 56)}
            transform={`translate(${x.at(few.steps[index] ?? 0)},${y.at(few.values[index] ?? 0)})`}
          />
        ))}
      </g>
    );
  });
}

function outline({ steps, values }: Points, x: Axis, y: Axis, stepped: boolean): string {
  const path = line<number>((_, index) => x.at(steps[index] ?? 0), (value) => y.at(value))
    .curve(stepped ? curveStepAfter : curveLinear)
    .defined((value) => y.kind === "linear" || value > 0)
    .digits(1);
  return path(values as number[]) ?? "";
}

/** Where the marks go: evenly along the curve, shifted by the series so that they seldom cover each other; always the end. */
function spread({ steps }: Points, series: number): number[] {
  const last = steps.length - 1;
  const found = new Set<number>();
  for (let mark = 0; mark < MARKS; mark += 1) found.add(Math.round(((mark + 0.15 * series) / MARKS) * last));
  if (last >= 0) found.add(last);
  return [...found].filter((index) => index >= 0 && index <= last);
}
