/** Many candidates over many axes: one line each, brushed along any axis. The ranges have fields as well, for the keyboard. */
import { type PointerEvent, useEffect, useMemo, useRef, useState } from "react";

import type { Axis, Span } from "./axis";
import type { Scheme } from "./palette";
import { seriesVariable } from "./palette";
import { drawThreads, keptThreads, type Threads } from "./threads";

export interface ParallelAxis {
  id: string;
  label: string;
  unit: string;
  axis: Axis;
  values: Float64Array;
  brush: Span | null;
}

export interface Thread {
  key: string;
  index: number;
  series: number;
  label: string;
}

interface Props {
  width: number;
  height: number;
  label: string;
  axes: readonly ParallelAxis[];
  looks: Uint8Array;
  series: Uint8Array;
  scheme: Scheme;
  /** Lines that stand out: what is selected. */
  highlighted: readonly Thread[];
  /** A range of an axis in its coordinates; null clears it. */
  onBrush: (id: string, range: Span | null) => void;
}

export const PARALLEL_TOP = 44;
export const PARALLEL_BOTTOM = 24;
const LEAST_GAP = 84;
const SIDE = 48;

export function parallelWidth(room: number, count: number): number {
  return Math.max(room, 2 * SIDE + LEAST_GAP * Math.max(0, count - 1));
}

export function ParallelCoordinates({ width, height, label, axes, looks, series, scheme, highlighted, onBrush }: Props) {
  const lefts = useMemo(() => {
    const gap = axes.length > 1 ? (width - 2 * SIDE) / (axes.length - 1) : 0;
    return axes.map((_, index) => SIDE + index * gap);
  }, [axes, width]);
  const heights = useMemo(() => axes.map(({ axis, values }) => values.map((value) => axis.at(value))), [axes]);
  const threads = useMemo<Threads>(
    () => ({ heights, lefts, below: height - 8, looks, series, width, height, scheme, ratio: window.devicePixelRatio || 1 }),
    [heights, lefts, looks, series, width, height, scheme],
  );
  return (
    <>
      <ThreadsCanvas threads={threads} />
      <svg data-chart width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="group" aria-label={label}>
        {highlighted.map(({ key, index, series: style, label: name }) => (
          <path key={key} role="img" aria-label={name} className="thread" stroke={seriesVariable(style)} d={outline(threads, index)} />
        ))}
        {axes.map((one, index) => (
          <VerticalAxis key={one.id} of={one} left={lefts[index] ?? 0} onBrush={onBrush} />
        ))}
      </svg>
    </>
  );
}

function outline({ heights, lefts, below }: Threads, index: number): string {
  const points = heights.map((column, axis) => {
    const height = column[index] ?? Number.NaN;
    return `${(lefts[axis] ?? 0).toFixed(1)},${(Number.isNaN(height) ? below : height).toFixed(1)}`;
  });
  return `M${points.join("L")}`;
}

function ThreadsCanvas({ threads }: { threads: Threads }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawn = useRef<Threads | null>(null);
  useEffect(() => {
    if (canvas.current === null) return;
    const from = drawn.current === null ? 0 : keptThreads(drawn.current, threads);
    drawn.current = null;
    return drawThreads(canvas.current, threads, from, () => (drawn.current = threads));
  }, [threads]);
  return <canvas ref={canvas} aria-hidden="true" style={{ width: threads.width, height: threads.height }} />;
}

function VerticalAxis({ of, left, onBrush }: { of: ParallelAxis; left: number; onBrush: Props["onBrush"] }) {
  const { id, label, unit, axis, brush } = of;
  const [drag, setDrag] = useState<Span | null>(null);
  const [bottom, top] = [Math.max(...axis.range), Math.min(...axis.range)];
  const ends = drag ?? (brush === null ? null : ([axis.at(brush[0]), axis.at(brush[1])] as const));

  function place(event: PointerEvent<SVGRectElement>): number {
    const box = event.currentTarget.ownerSVGElement?.getBoundingClientRect();
    return Math.min(bottom, Math.max(top, event.clientY - (box?.top ?? 0)));
  }

  function end(): void {
    if (drag === null) return;
    setDrag(null);
    const [one, other] = [axis.value(drag[0]), axis.value(drag[1])];
    onBrush(id, Math.abs(drag[0] - drag[1]) < 4 ? null : [Math.min(one, other), Math.max(one, other)]);
  }

  const words = split(label);
  return (
    <g className="axis" transform={`translate(${left},0)`}>
      <line className="base" y1={top} y2={bottom} />
      {axis.ticks.map(({ value, at, label: text }) => (
        <text key={value} className="on-lines" x="6" y={at} dy="0.32em">
          {text}
        </text>
      ))}
      {words.map((word, line) => (
        <text key={line} className="axis-label" y={14 + 14 * line} textAnchor="middle">
          {line === words.length - 1 && unit !== "" ? `${word} (${unit})` : word}
        </text>
      ))}
      {ends && <rect className="brush" x="-8" width="16" y={Math.min(...ends)} height={Math.max(2, Math.abs(ends[1] - ends[0]))} />}
      <rect
        data-screen
        className="chart-hit brushable"
        x="-14"
        width="28"
        y={top}
        height={bottom - top}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag([place(event), place(event)]);
        }}
        onPointerMove={(event) => {
          if (drag !== null) setDrag([drag[0], place(event)]);
        }}
        onPointerUp={end}
      />
    </g>
  );
}

/** A long name in two lines. */
function split(label: string): string[] {
  if (label.length <= 12) return [label];
  const cut = label.slice(0, Math.ceil(label.length * 0.65)).search(/[ .](?=[^ .]*$)/);
  return cut < 0 ? [label] : [label.slice(0, cut + 1).trim(), label.slice(cut + 1)];
}
