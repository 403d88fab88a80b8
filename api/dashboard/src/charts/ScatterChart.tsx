/**
 * A cloud of points with what matters in it: the points of fronts (named, reached with the arrow keys), limits, error bars
 * and what is selected. The cloud is a canvas; the rest is SVG above it.
 */
import { curveStepAfter, line } from "d3-shape";
import { type PointerEvent, type RefObject, useId, useMemo, useRef, useState } from "react";

import type { Axis } from "./axis";
import { AxisBottom, AxisLeft, type Plot } from "./Axes";
import { nearestPoint, type Points, type Scene } from "./cloud";
import { CloudCanvas } from "./CloudCanvas";
import { markPath } from "./marks";
import { seriesVariable } from "./palette";
import { Readout } from "./Readout";
import { useRoving } from "./roving";

/** A point with a name: of a front, or a delivered model. */
export interface NamedPoint {
  key: string;
  /** As it is read out. */
  label: string;
  x: number;
  y: number;
  series: number;
  /** `delivered` is drawn with a ring around it. */
  kind: "front" | "delivered";
  /** From and to on the horizontal axis, with what it says. */
  error?: { low: number; high: number } | undefined;
  rows: readonly (readonly [string, string])[];
}

export interface Limit {
  key: string;
  value: number;
  label: string;
  series: number;
  /** The budget as asked for, or the narrower one that the search keeps. */
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
  /** Whether fronts are drawn as the stairs of what they dominate. */
  stairs: boolean;
  /** Rings around these places. */
  rings: readonly (readonly [x: number, y: number])[];
  /** Keys of selected named points. */
  isSelected: (key: string) => boolean;
  /** What a point of the cloud says. */
  describe: (index: number) => { title: string; rows: readonly (readonly [string, string])[] };
  onChooseNamed: (key: string) => void;
  onChoosePoint: (index: number) => void;
  onBrush: (box: Box) => void;
}

const REACH = 18;
const DRAG = 6;

export function ScatterChart(props: Props) {
  const { width, height, plot, x, y, scene, named, onChooseNamed, onChoosePoint, onBrush, describe } = props;
  const id = useId();
  const svg = useRef<SVGSVGElement>(null);
  const roving = useRoving(named.length, (index) => named[index] && onChooseNamed(named[index].key));
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
    if (point !== undefined) onChooseNamed(point.key);
    else if (hot !== null) onChoosePoint(hot);
  }

  const said = hot === null ? null : describe(hot);
  return (
    <>
      <CloudCanvas scene={scene} />
      <svg data-chart ref={svg} width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
        <AxisLeft axis={y} plot={plot} label={props.yLabel} />
        <AxisBottom axis={x} plot={plot} label={props.xLabel} />
        <Limits limits={props.limits} x={x} plot={plot} />
        {props.stairs && <Stairs named={named} x={x} y={y} plot={plot} />}
        {/* Hovering and brushing have their keys in the list of points and in the table of ranges. */}
        {/* eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions */}
        <rect
          data-screen
          className="chart-hit"
          x={plot.left}
          y={plot.top}
          width={plot.right - plot.left}
          height={plot.bottom - plot.top}
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
          tabIndex={0}
          aria-label={props.label}
          aria-activedescendant={point === undefined ? undefined : `${id}-${roving.active ?? 0}`}
          onKeyDown={(event) => {
            setHovered(null);
            roving.onKeyDown(event);
          }}
          onFocus={roving.onFocus}
          onBlur={() => roving.setActive(null)}
        >
          <NamedPoints named={named} id={id} x={x} y={y} isSelected={props.isSelected} />
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
      {point !== undefined && <Readout x={x.at(point.x)} y={y.at(point.y)} width={width} title={point.key} rows={point.rows} />}
      {point === undefined && hot !== null && said !== null && (
        <Readout x={x.at(scene.points.xs[hot] ?? 0)} y={y.at(scene.points.ys[hot] ?? 0)} width={width} title={said.title} rows={said.rows} />
      )}
    </>
  );
}

function Limits({ limits, x, plot }: { limits: readonly Limit[]; x: Axis; plot: Plot }) {
  return limits.map(({ key, value, label, series, kind }, index) => {
    const at = x.at(value);
    if (!(at >= plot.left - 1 && at <= plot.right + 1)) return null;
    const inwards = at > (plot.left + plot.right) / 2;
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
function Stairs({ named, x, y, plot }: { named: readonly NamedPoint[]; x: Axis; y: Axis; plot: Plot }) {
  const fronts = useMemo(() => Map.groupBy(named.filter(({ kind }) => kind === "front"), ({ series }) => series), [named]);
  const outline = line<NamedPoint>((point) => x.at(point.x), (point) => y.at(point.y)).curve(curveStepAfter).digits(1);
  return [...fronts].map(([series, points]) => {
    const last = points.at(-1);
    const start = points[0];
    if (last === undefined || start === undefined) return null;
    const d = `M${x.at(start.x)},${plot.bottom}V${y.at(start.y)}${(outline(points) ?? "").replace(/^M[^A-Z]*/, "")}H${plot.right}`;
    return <path key={series} className="stairs" d={d} stroke={seriesVariable(series)} />;
  });
}

interface NamedProps {
  named: readonly NamedPoint[];
  id: string;
  x: Axis;
  y: Axis;
  isSelected: (key: string) => boolean;
}

function NamedPoints({ named, id, x, y, isSelected }: NamedProps) {
  return named.map((point, index) => {
    const colour = seriesVariable(point.series);
    const [left, top] = [x.at(point.x), y.at(point.y)];
    return (
      <g key={point.key} id={`${id}-${index}`} role="option" aria-selected={isSelected(point.key)} aria-label={point.label} pointerEvents="none">
        {point.error && (
          <path
            className="chart-error"
            stroke={colour}
            d={`M${x.at(point.error.low)},${top}H${x.at(point.error.high)}M${x.at(point.error.low)},${top - 5}v10M${x.at(point.error.high)},${top - 5}v10`}
          />
        )}
        {point.kind === "delivered" && <circle cx={left} cy={top} r="10" fill="none" stroke={colour} strokeWidth="2" />}
        <path className="chart-point" d={markPath(point.series, point.kind === "delivered" ? 70 : 90)} transform={`translate(${left},${top})`} fill={colour} />
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

type Place = readonly [left: number, top: number];

/** Draws a box with the mouse or a pen; a finger scrolls the page. */
function useDrag(svg: RefObject<SVGSVGElement | null>, plot: Plot, onEnd: (from: Place, to: Place) => void) {
  const [places, setPlaces] = useState<readonly [Place, Place] | null>(null);
  const wasDrag = useRef(false);

  function place(event: PointerEvent): Place {
    const box = svg.current?.getBoundingClientRect();
    const [left, top] = [event.clientX - (box?.left ?? 0), event.clientY - (box?.top ?? 0)];
    return [Math.min(plot.right, Math.max(plot.left, left)), Math.min(plot.bottom, Math.max(plot.top, top))];
  }

  const moving = places !== null && Math.hypot(places[1][0] - places[0][0], places[1][1] - places[0][1]) >= DRAG;
  return {
    moving,
    dragged: () => wasDrag.current,
    box:
      places === null || !moving
        ? null
        : {
            x: Math.min(places[0][0], places[1][0]),
            y: Math.min(places[0][1], places[1][1]),
            width: Math.abs(places[1][0] - places[0][0]),
            height: Math.abs(places[1][1] - places[0][1]),
          },
    start: (event: PointerEvent) => {
      wasDrag.current = false;
      if (event.pointerType === "touch" || event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      setPlaces([place(event), place(event)]);
    },
    move: (event: PointerEvent) => {
      if (places !== null) setPlaces([places[0], place(event)]);
    },
    end: () => {
      wasDrag.current = moving;
      if (places !== null && moving) onEnd(places[0], places[1]);
      setPlaces(null);
    },
  };
}
