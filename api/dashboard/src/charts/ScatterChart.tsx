/**
 * A cloud of points with what matters in it: the points of fronts (named, reached with the arrow keys), limits, error bars
 * and what is selected. The cloud is a canvas; the rest is SVG above it.
 */
import { curveStepAfter, line } from "d3-shape";
import { type PointerEvent, useRef, useState } from "react";

import type { Axis } from "./axis";
import { AxisBottom, AxisLeft, HitArea, type Plot } from "./Axes";
import { nearestPoint, type Scene } from "./cloud";
import { CloudCanvas } from "./CloudCanvas";
import { useDrag } from "./drag";
import { markPath } from "./marks";
import { seriesVariable } from "./palette";
import { Readout } from "./Readout";
import { useRoving } from "./roving";

/** A point with a name: of a front, or a final model. */
export interface NamedPoint {
  /** Of this point alone: an architecture may be on several fronts. */
  key: string;
  title: string;
  /** As it is read out. */
  label: string;
  selected: boolean;
  x: number;
  y: number;
  series: number;
  /** `final` is drawn with a ring around it, `predicted` hollow, `estimate` fainter: the point of a front that is estimated. */
  kind: "front" | "estimate" | "final" | "predicted";
  /** From and to on the horizontal axis, with what it says. */
  error?: { low: number; high: number } | undefined;
  rows: readonly (readonly [string, string])[];
}

export interface Limit {
  key: string;
  value: number;
  label: string;
  series: number;
  /** The budget as requested, or the lower one that the search uses. */
  kind: "budget" | "search";
}

export interface Box {
  x: readonly [number, number];
  y: readonly [number, number];
}

interface Props {
  width: number;
  height: number;
  plot: Plot;
  x: Axis;
  y: Axis;
  xLabel: string;
  yLabel: string;
  label: string;
  scene: Scene;
  named: readonly NamedPoint[];
  limits: readonly Limit[];
  /** Where the worst values of the vertical axis are: fronts are drawn as the stairs of what they dominate. */
  worst: "top" | "bottom";
  /** Rings around these places. */
  rings: readonly (readonly [x: number, y: number])[];
  /** What a point of the cloud says. */
  describe: (index: number) => { title: string; rows: readonly (readonly [string, string])[] };
  onSelectNamed: (key: string) => void;
  onSelectPoint: (index: number) => void;
  onBrush: (box: Box) => void;
}

const REACH = 18;

export function ScatterChart(props: Props) {
  const { width, height, plot, x, y, scene, named, onSelectNamed, onSelectPoint, onBrush, describe } = props;
  const svg = useRef<SVGSVGElement>(null);
  const roving = useRoving(named.length, (index) => named[index] && onSelectNamed(named[index].key));
  const [hovered, setHovered] = useState<number | null>(null);
  const drag = useDrag(svg, plot, (from, to) =>
    onBrush({ x: ordered(x.value(from[0]), x.value(to[0])), y: ordered(y.value(from[1]), y.value(to[1])) }),
  );
  const point = roving.active === null ? undefined : named[roving.active];
  const hot = hovered !== null && hovered < scene.points.xs.length ? hovered : null;

  function over(event: PointerEvent): void {
    const box = svg.current?.getBoundingClientRect();
    if (box === undefined || drag.moving) return;
    const [left, top] = [event.clientX - box.left, event.clientY - box.top];
    const among = nearestNamed(named, x, y, left, top);
    roving.setActive(among);
    setHovered(among === null ? found(nearestPoint(scene.points, x, y, left, top, REACH)) : null);
  }

  function click(): void {
    if (drag.dragged()) return;
    if (point !== undefined) onSelectNamed(point.key);
    else if (hot !== null) onSelectPoint(hot);
  }

  const description = hot === null ? null : describe(hot);
  return (
    <>
      <CloudCanvas scene={scene} />
      <svg data-chart ref={svg} width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
        <AxisLeft axis={y} plot={plot} label={props.yLabel} />
        <AxisBottom axis={x} plot={plot} label={props.xLabel} />
        <Limits limits={props.limits} x={x} plot={plot} />
        <Stairs named={named} x={x} y={y} plot={plot} worst={props.worst} />
        {/* Hovering and brushing have their keys in the list of points and in the table of ranges. */}
        <HitArea
          plot={plot}
          onPointerMove={(event) => {
            drag.move(event);
            over(event);
          }}
          onPointerDown={drag.start}
          onPointerUp={drag.end}
          onPointerLeave={() => setHovered(null)}
          onClick={click}
        />
        <g
          role="listbox"
          aria-multiselectable="true"
          aria-label={props.label}
          {...roving.list}
          onKeyDown={(event) => {
            setHovered(null);
            roving.list.onKeyDown(event);
          }}
          onBlur={() => roving.setActive(null)}
        >
          <NamedPoints named={named} idOf={roving.idOf} x={x} y={y} />
        </g>
        <g data-screen>
          {props.rings.map(([left, top], index) => (
            <circle key={index} className="chart-ring" cx={x.at(left)} cy={y.at(top)} r="9" />
          ))}
          {point !== undefined && <circle className="chart-cursor" fill="none" cx={x.at(point.x)} cy={y.at(point.y)} r="12" />}
          {hot !== null && (
            <circle className="chart-cursor" fill="none" cx={x.at(scene.points.xs[hot] ?? 0)} cy={y.at(scene.points.ys[hot] ?? 0)} r="8" />
          )}
          {drag.box !== null && <rect className="brush" {...drag.box} />}
        </g>
      </svg>
      {point !== undefined && <Readout x={x.at(point.x)} y={y.at(point.y)} width={width} title={point.title} rows={point.rows} />}
      {point === undefined && hot !== null && description !== null && (
        <Readout x={x.at(scene.points.xs[hot] ?? 0)} y={y.at(scene.points.ys[hot] ?? 0)} width={width} title={description.title} rows={description.rows} />
      )}
    </>
  );
}

function Limits({ limits, x, plot }: { limits: readonly Limit[]; x: Axis; plot: Plot }) {
  return limits.map(({ key, value, label, series, kind }, index) => {
    const at = x.at(value);
    if (!(at >= plot.left - 1 && at <= plot.right + 1)) return null;
    // The narrower limit is just left of the budget: their words go to either side, where there is room.
    const inwards = (kind === "search" && at > plot.left + 130) || at > plot.right - 170;
    return (
      <g key={key} role="img" aria-label={label}>
        <line
          x1={at}
          x2={at}
          y1={plot.top}
          y2={plot.bottom}
          stroke={seriesVariable(series)}
          strokeWidth="1.5"
          strokeDasharray={kind === "budget" ? "none" : "4 3"}
        />
        <text className="limit-label" x={at + (inwards ? -6 : 6)} y={plot.bottom - 8 - 15 * index} textAnchor={inwards ? "end" : "start"}>
          {label}
        </text>
      </g>
    );
  });
}

/** The edge of what each front dominates. */
function Stairs({ named, x, y, plot, worst }: Pick<Props, "named" | "x" | "y" | "plot" | "worst">) {
  const outline = line<NamedPoint>((point) => x.at(point.x), (point) => y.at(point.y)).curve(curveStepAfter).digits(1);
  const onFronts = named.filter(({ kind }) => kind === "front" || kind === "estimate");
  const keyOf = ({ kind, series }: NamedPoint) => `${kind} ${series}`;
  return [...new Set(onFronts.map(keyOf))].map((key) => {
    const points = onFronts.filter((point) => keyOf(point) === key);
    const start = points[0];
    if (start === undefined) return null;
    const d = `M${x.at(start.x)},${plot[worst]}V${y.at(start.y)}${(outline(points) ?? "").replace(/^M[^A-Z]*/, "")}`;
    return <path key={key} className={`stairs ${start.kind}`} d={d} stroke={seriesVariable(start.series)} />;
  });
}

interface NamedProps {
  named: readonly NamedPoint[];
  idOf: (index: number) => string;
  x: Axis;
  y: Axis;
}

function NamedPoints({ named, idOf, x, y }: NamedProps) {
  return named.map((point, index) => {
    const colour = seriesVariable(point.series);
    const [left, top] = [x.at(point.x), y.at(point.y)];
    return (
      <g key={point.key} id={idOf(index)} role="option" aria-selected={point.selected} aria-label={point.label} pointerEvents="none">
        {point.error && (
          <path
            className="chart-error"
            color={colour}
            d={`M${x.at(point.error.low)},${top}H${x.at(point.error.high)}M${x.at(point.error.low)},${top - 5}v10M${x.at(point.error.high)},${top - 5}v10`}
          />
        )}
        {point.kind === "final" && <circle cx={left} cy={top} r="10" fill="none" stroke={colour} strokeWidth="2" />}
        {point.kind === "predicted" || point.kind === "estimate" ? (
          <path
            className={point.kind === "estimate" ? "chart-estimate" : undefined}
            d={markPath(point.series, point.kind === "estimate" ? 55 : 90)}
            transform={`translate(${left},${top})`}
            fill="none"
            stroke={colour}
            strokeWidth="1.5"
          />
        ) : (
          <path className="chart-point" d={markPath(point.series, 90)} transform={`translate(${left},${top})`} fill={colour} />
        )}
      </g>
    );
  });
}

function nearestNamed(named: readonly NamedPoint[], x: Axis, y: Axis, left: number, top: number): number | null {
  let [best, reach] = [-1, REACH];
  named.forEach((point, index) => {
    const distance = Math.hypot(x.at(point.x) - left, y.at(point.y) - top);
    if (distance <= reach) [best, reach] = [index, distance];
  });
  return found(best);
}

function found(index: number): number | null {
  return index < 0 ? null : index;
}

function ordered(one: number, other: number): readonly [number, number] {
  return one <= other ? [one, other] : [other, one];
}
