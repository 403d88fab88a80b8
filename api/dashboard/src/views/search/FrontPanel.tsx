/** The chart of the fronts in its frame: what it says in words, as a table, and as files. */
import { useCallback, useMemo, useRef } from "react";

import type { FrontEvent } from "../../api/events";
import { ChartFrame } from "../../charts/ChartFrame";
import { cloudMarkup, type Points, type Scene } from "../../charts/cloud";
import { Legend, type LegendItem } from "../../charts/Legend";
import type { Box } from "../../charts/ScatterChart";
import type { Delivered } from "./delivered";
import { type Dimension, LATENCY, targetOf } from "./dimensions";
import { FrontChart } from "./FrontChart";
import { type Named, namedOf } from "./named";
import { column, frontsOf, isFeasible, type Rows } from "./rows";

interface Props {
  rows: Rows;
  looks: Uint8Array;
  x: Dimension;
  y: Dimension;
  logX: boolean;
  logY: boolean;
  fronts: Record<string, FrontEvent>;
  delivered: readonly Delivered[];
  selected: readonly string[];
  onChoose: (architectureId: string) => void;
  onBrush: (box: Box) => void;
  asTable: boolean;
  onAsTable: (asTable: boolean) => void;
}

export function FrontPanel(props: Props) {
  const { rows, looks, x, y, delivered, asTable, onAsTable } = props;
  const scene = useRef<Scene | null>(null);
  const keep = useCallback((now: Scene) => {
    scene.current = now;
  }, []);
  const points = useMemo<Points>(() => ({ xs: column(rows, x), ys: column(rows, y), series: rows.series, looks }), [rows, looks, x, y]);
  const fronts = useMemo(() => frontsOf(rows, looks, x, y), [rows, looks, x, y]);
  const named = useMemo(() => namedOf(rows, fronts, x, y), [rows, fronts, x, y]);
  const hasHollow = useMemo(() => rows.candidates.some((one) => !isFeasible(one)), [rows]);
  return (
    <ChartFrame
      title="Pareto front"
      summary={summary(rows, fronts, x, y)}
      table={table(named, x, y)}
      data={() => allOf(rows, x, y)}
      asTable={asTable}
      onAsTable={onAsTable}
      legend={<Legend items={legend(rows.targets, hasHollow, delivered, x)} />}
      under={() => (scene.current === null ? "" : cloudMarkup(scene.current))}
    >
      {(width) => <FrontChart {...props} points={points} named={named} onScene={keep} width={width} />}
    </ChartFrame>
  );
}

function summary({ candidates, targets }: Rows, fronts: readonly (readonly number[])[], x: Dimension, y: Dimension): string {
  const parts = targets.flatMap((target, place) => {
    const front = fronts[place] ?? [];
    const best = candidates[front.at(-1) ?? -1];
    if (best === undefined) return [];
    return [`${target}: ${front.length} on the front, the best ${y.format(y.of(best))} at ${x.format(x.of(best))}`];
  });
  return `${candidates.length.toLocaleString("en")} candidates. ${parts.join("; ")}.`;
}

function table(named: readonly Named[], x: Dimension, y: Dimension) {
  return {
    caption: "Points of the Pareto fronts",
    columns: [{ label: "Architecture" }, { label: "Target" }, { label: "Query" }, { label: y.label, format: y.format }, { label: x.label, format: x.format }],
    rows: named.map(({ candidate: one }) => [one.architecture_id, targetOf(one), one.number + 1, y.of(one), x.of(one)]),
  };
}

function allOf({ candidates }: Rows, x: Dimension, y: Dimension) {
  const names = ["architecture_id", "architecture", "target", "query", y.id, x.id, "feasible"];
  return {
    caption: "",
    columns: names.map((label) => ({ label })),
    rows: candidates.map((one) => [one.architecture_id, one.architecture, targetOf(one), one.number + 1, known(y.of(one)), known(x.of(one)), isFeasible(one)]),
  };
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function legend(targets: readonly string[], hasHollow: boolean, delivered: readonly Delivered[], x: Dimension): LegendItem[] {
  const items: LegendItem[] = targets.map((label, series) => ({ label: `${label}, predicted`, series, look: "mark" }));
  if (hasHollow) items.push({ label: "beyond the budget", series: 0, look: "hollow" });
  if (x.id !== LATENCY.id) return items;
  for (const { target, series, kind, measured } of delivered) {
    items.push({ label: `delivered for ${target}, predicted ± error`, series, look: "error" });
    if (measured !== null) items.push({ label: `delivered for ${target}, ${kind}`, series, look: "ringed" });
  }
  return items;
}

