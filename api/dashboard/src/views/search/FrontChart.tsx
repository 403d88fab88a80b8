/** The Pareto fronts of a search: the metric against latency by default, with limits, final models and the selection. */
import { useEffect, useMemo } from "react";

import type { FrontEvent } from "../../api/events";
import { type AxisKind, extent, makeAxis, padded, rounded } from "../../charts/axis";
import { plotOf } from "../../charts/Axes";
import { LOOK, type Points, type Scene } from "../../charts/cloud";
import { type Box, type Limit, type NamedPoint, ScatterChart } from "../../charts/ScatterChart";
import { useScheme } from "../../charts/scheme";
import { latency } from "../../ui/format";
import type { FinalModel } from "./finalModels";
import { axisLabel, type Dimension, LATENCY, withUnit } from "./dimensions";
import { factsOf, type FrontLabel, networkFacts, networkLabel } from "./named";
import type { Network } from "./networks";
import type { Rows } from "./rows";

export interface FrontChartProps {
  rows: Rows;
  points: Points;
  x: Dimension;
  y: Dimension;
  logX: boolean;
  logY: boolean;
  estimates: Record<string, FrontEvent>;
  trainedFronts: Record<string, FrontEvent>;
  only: string | null;
  /** Trained networks that are on the front of what is drawn. */
  front: readonly Network[];
  named: readonly FrontLabel[];
  finalModels: readonly FinalModel[];
  selected: readonly string[];
  onSelect: (architectureId: string) => void;
  onBrush: (box: Box) => void;
  /** Gets what is drawn, for the downloads. */
  onScene: (scene: Scene) => void;
}

export function FrontChart(props: FrontChartProps & { width: number }) {
  const { rows, points, x, y, logX, logY, width, selected, onSelect, onScene } = props;
  const scheme = useScheme();
  const height = Math.round(Math.max(320, Math.min(620, width * 0.6), width * 0.5));
  const plot = useMemo(() => plotOf(width, height), [width, height]);
  const limits = useMemo(() => (x.id === LATENCY.id ? limitsOf(props) : []), [x, props]);
  const domains = useMemo(() => domainsOf(props, limits), [props, limits]);
  const axes = useMemo(() => {
    const [shownX, shownY] = [x.shown(domains.x[1]), y.shown(domains.y[1])];
    return {
      x: makeAxis({ kind: logX ? "log" : "linear", domain: domains.x, range: [plot.left, plot.right], room: Math.max(64, width / 16), shown: shownX }),
      y: makeAxis({ kind: logY ? "log" : "linear", domain: domains.y, range: [plot.bottom, plot.top], room: 40, shown: shownY }),
      labels: [withUnit(axisLabel(x), shownX), withUnit(y.label, shownY)] as const,
    };
  }, [x, y, logX, logY, domains, plot, width]);
  const scene = useMemo<Scene>(
    () => ({ points, x: axes.x, y: axes.y, width, height, scheme, ratio: window.devicePixelRatio || 1 }),
    [points, axes, width, height, scheme],
  );
  useEffect(() => onScene(scene), [scene, onScene]);
  const named = useMemo(() => namedPoints(props), [props]);
  const rings = useMemo(() => {
    if (selected.length === 0) return [];
    return rows.candidates.flatMap(({ architecture_id }, index) =>
      selected.includes(architecture_id) && points.looks[index] !== LOOK.hidden ? [[points.xs[index] ?? 0, points.ys[index] ?? 0] as const] : [],
    );
  }, [rows, points, selected]);
  return (
    <ScatterChart
      width={width}
      height={height}
      plot={plot}
      x={axes.x}
      y={axes.y}
      xLabel={axes.labels[0]}
      yLabel={axes.labels[1]}
      label="Points of the Pareto fronts; Enter selects"
      scene={scene}
      named={named}
      limits={limits}
      worst={y.highest ? "bottom" : "top"}
      rings={rings}
      describe={(index) => {
        const one = rows.candidates[index];
        return one === undefined ? { title: "", rows: [] } : { title: one.architecture_id, rows: factsOf(one, [y, x]) };
      }}
      onSelectNamed={(key) => {
        const point = named.find((one) => one.key === key);
        if (point !== undefined) onSelect(point.title);
      }}
      onSelectPoint={(index) => {
        const one = rows.candidates[index];
        if (one !== undefined) onSelect(one.architecture_id);
      }}
      onBrush={props.onBrush}
    />
  );
}

function limitsOf({ rows, estimates, trainedFronts, only }: FrontChartProps): Limit[] {
  return rows.targets.flatMap((target, index) => {
    const front = trainedFronts[target] ?? estimates[target];
    if (front === undefined || (only !== null && only !== target)) return [];
    const { budget_ms, limit_ms } = front;
    const found: Limit[] = [
      { key: `${target}/budget`, value: budget_ms, label: `${target} budget ${latency(budget_ms)}`, series: index, kind: "budget" },
    ];
    if (limit_ms !== null && limit_ms < budget_ms)
      found.push({ key: `${target}/search`, value: limit_ms, label: `search limit ${latency(limit_ms)}`, series: index, kind: "search" });
    return found;
  });
}

function domainsOf({ points, x, y, logX, logY, front, finalModels }: FrontChartProps, limits: readonly Limit[]) {
  const shown = (values: Float64Array, log: boolean) => {
    const kept: number[] = [];
    values.forEach((value, index) => {
      if ((points.looks[index] ?? 0) !== LOOK.hidden && (!log || value > 0)) kept.push(value);
    });
    return kept;
  };
  const isLatency = x.id === LATENCY.id;
  const models = isLatency ? finalModels.flatMap(({ predicted, error, measured }) => [predicted * (1 + error), measured ?? predicted]) : [];
  const heights = isLatency ? finalModels.flatMap(({ candidate }) => (candidate === null ? [] : [y.of(candidate)])) : [];
  const [kindX, kindY]: [AxisKind, AxisKind] = [logX ? "log" : "linear", logY ? "log" : "linear"];
  return {
    x: rounded(padded(extent([...shown(points.xs, logX), ...limits.map(({ value }) => value), ...front.map(({ as }) => x.of(as)), ...models]), kindX, 0.03), kindX),
    y: rounded(padded(extent([...shown(points.ys, logY), ...front.map(({ as }) => y.of(as)), ...heights]), kindY, 0.03), kindY),
  };
}

function namedPoints({ rows, points, x, y, front, named, finalModels, selected }: FrontChartProps): NamedPoint[] {
  const trained = front.map((network): NamedPoint => {
    const id = network.as.architecture_id;
    return {
      key: `trained/${network.target}/${id}`,
      title: id,
      label: networkLabel(front, network, x, y),
      selected: selected.includes(id),
      x: x.of(network.as),
      y: y.of(network.as),
      series: network.series,
      kind: "front",
      rows: networkFacts(network, [y, x]),
    };
  });
  const estimated = named.map(({ index, candidate, label }): NamedPoint => {
    const id = candidate.architecture_id;
    return {
      key: `front/${rows.series[index] ?? 0}/${index}`,
      title: id,
      label,
      selected: selected.includes(id),
      x: points.xs[index] ?? 0,
      y: points.ys[index] ?? 0,
      series: rows.series[index] ?? 0,
      kind: "estimate",
      rows: factsOf(candidate, [y, x]),
    };
  });
  const found = [...trained, ...estimated];
  return x.id === LATENCY.id ? [...found, ...finalModels.flatMap((one) => modelPoints(one, y, selected))] : found;
}

/** The prediction with its error, and what was measured. */
function modelPoints(model: FinalModel, y: Dimension, selected: readonly string[]): NamedPoint[] {
  const { target, series, candidate, predicted, error, measured, p95, kind } = model;
  if (candidate === null) return [];
  const id = candidate.architecture_id;
  const prediction = `${latency(predicted)} ± ${latency(predicted * error)}`;
  const facts = [
    ["Final model for", target],
    [y.label, y.format(y.of(candidate))],
    ["Predicted", prediction],
    ...(measured === null ? [] : [[kind === "measured" ? "Measured" : "Simulated", latency(measured)] as const]),
    ...(p95 === null ? [] : [["95th percentile (p95)", latency(p95)] as const]),
  ] as (readonly [string, string])[];
  const shared = { title: id, selected: selected.includes(id), y: y.of(candidate), series, kind: "final" as const, rows: facts };
  const name = `Final model for ${target}, ${id}`;
  const found: NamedPoint[] = [
    { ...shared, kind: "predicted", key: `predicted/${target}`, label: `${name}: predicted ${prediction}`, x: predicted, error: { low: predicted * (1 - error), high: predicted * (1 + error) } },
  ];
  if (measured !== null)
    found.push({ ...shared, key: `measured/${target}`, label: `${name}: ${kind} ${latency(measured)}`, x: measured });
  return found;
}
