/** The axes of a chart in SVG: grid, ticks and labels. Not read out: the summary and the table say what they say. */
import type { SVGProps } from "react";

import type { Axis } from "./axis";

export interface Plot {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** The area for marks in a chart of a size, with room for axis labels. */
export function plotOf(width: number, height: number, left = 76): Plot {
  return { left, top: 12, right: Math.max(left + 40, width - 20), bottom: height - 40 };
}

/** Takes the pointer wherever it is among the marks; not part of a download. */
export function HitArea({ plot, ...events }: { plot: Plot } & SVGProps<SVGRectElement>) {
  const { left, top, right, bottom } = plot;
  return <rect data-screen className="chart-hit" x={left} y={top} width={right - left} height={bottom - top} {...events} />;
}

export function AxisBottom({ axis, plot, label }: { axis: Axis; plot: Plot; label: string }) {
  return (
    <g className="axis" aria-hidden="true">
      {axis.ticks.map(({ value, at, label: text }) => (
        <g key={value}>
          <line className="grid" x1={at} x2={at} y1={plot.top} y2={plot.bottom} />
          <text x={at} y={plot.bottom + 16} textAnchor="middle">
            {text}
          </text>
        </g>
      ))}
      <line className="base" x1={plot.left} x2={plot.right} y1={plot.bottom} y2={plot.bottom} />
      <text className="axis-label" x={(plot.left + plot.right) / 2} y={plot.bottom + 34} textAnchor="middle">
        {label}
      </text>
    </g>
  );
}

export function AxisLeft({ axis, plot, label }: { axis: Axis; plot: Plot; label: string }) {
  const middle = (plot.top + plot.bottom) / 2;
  return (
    <g className="axis" aria-hidden="true">
      {axis.ticks.map(({ value, at, label: text }) => (
        <g key={value}>
          <line className="grid" x1={plot.left} x2={plot.right} y1={at} y2={at} />
          <text x={plot.left - 8} y={at} dy="0.32em" textAnchor="end">
            {text}
          </text>
        </g>
      ))}
      <line className="base" x1={plot.left} x2={plot.left} y1={plot.top} y2={plot.bottom} />
      <text className="axis-label" transform={`translate(11,${middle}) rotate(-90)`} textAnchor="middle">
        {label}
      </text>
    </g>
  );
}
