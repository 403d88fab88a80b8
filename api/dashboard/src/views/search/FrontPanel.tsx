/** The chart of the fronts in its frame: what it says in words, as a table, and as files. */
import { useCallback, useMemo, useRef } from "react";

import type { CandidateEvent, FrontEvent } from "../../api/events";
import { ChartFrame } from "../../charts/ChartFrame";
import { cloudMarkup, type Points, type Scene } from "../../charts/cloud";
import { Legend, type LegendItem } from "../../charts/Legend";
import type { Box } from "../../charts/ScatterChart";
import type { FinalModel } from "./finalModels";
import { axisLabel, type Dimension, LATENCY, targetOf } from "./dimensions";
import { FrontChart } from "./FrontChart";
import { frontLabels, type FrontLabel } from "./named";
import { frontOf, type Network } from "./networks";
import { column, frontsOf, isFeasible, type Rows } from "./rows";

interface Props {
  rows: Rows;
  looks: Uint8Array;
  x: Dimension;
  y: Dimension;
  logX: boolean;
  logY: boolean;
  /** Fronts of the estimates, by target; of a target without one no estimates are drawn. */
  estimates: Record<string, FrontEvent>;
  trainedFronts: Record<string, FrontEvent>;
  /** On the fronts of trained networks, of the targets that are shown. */
  networks: readonly Network[];
  /** The one target that is shown; null for all. */
  only: string | null;
  finalModels: readonly FinalModel[];
  selected: readonly string[];
  onSelect: (architectureId: string) => void;
  onBrush: (box: Box) => void;
  asTable: boolean;
  onAsTable: (asTable: boolean) => void;
}

export function FrontPanel(props: Props) {
  const { rows, looks, x, y, estimates, networks, finalModels, asTable, onAsTable } = props;
  const scene = useRef<Scene | null>(null);
  const keep = useCallback((now: Scene) => {
    scene.current = now;
  }, []);
  const points = useMemo<Points>(() => ({ xs: column(rows, x), ys: column(rows, y), series: rows.series, looks }), [rows, looks, x, y]);
  const fronts = useMemo(
    () => frontsOf(rows, looks, x, y).map((front, place) => ((rows.targets[place] ?? "") in estimates ? front : [])),
    [rows, looks, x, y, estimates],
  );
  const named = useMemo(() => frontLabels(rows, fronts, x, y), [rows, fronts, x, y]);
  const front = useMemo(() => frontOf(networks, x, y), [networks, x, y]);
  const hasHollow = useMemo(() => rows.candidates.some((one) => !isFeasible(one)), [rows]);
  return (
    <ChartFrame
      title="Pareto front"
      summary={summary(rows, front, fronts, x, y)}
      table={table(front, named, x, y)}
      data={() => allOf(rows, x, y)}
      asTable={asTable}
      onAsTable={onAsTable}
      legend={<Legend items={legend(rows, front, estimates, hasHollow, finalModels, x)} />}
      under={() => (scene.current === null ? "" : cloudMarkup(scene.current))}
    >
      {(width) => <FrontChart {...props} points={points} named={named} front={front} onScene={keep} width={width} />}
    </ChartFrame>
  );
}

function summary({ candidates, targets }: Rows, front: readonly Network[], fronts: readonly (readonly number[])[], x: Dimension, y: Dimension): string {
  const counted = (many: number, what: string, best: CandidateEvent) => `${many} ${what}, the best ${y.format(y.of(best))} at ${x.format(x.of(best))}`;
  const parts = targets.flatMap((target, place) => {
    const mine = front.filter((one) => one.target === target);
    const [trained, estimated] = [mine.at(-1)?.as, candidates[fronts[place]?.at(-1) ?? -1]];
    const words = [
      ...(trained === undefined ? [] : [counted(mine.length, mine.length === 1 ? "trained network on the front" : "trained networks on the front", trained)]),
      ...(estimated === undefined ? [] : [counted(fronts[place]?.length ?? 0, "on the front estimated before fine-tuning", estimated)]),
    ];
    return words.length === 0 ? [] : [`${target}: ${words.join(", ")}`];
  });
  return `${candidates.length.toLocaleString("en")} candidates. ${parts.length === 0 ? "" : `${parts.join("; ")}.`}`;
}

function table(front: readonly Network[], named: readonly FrontLabel[], x: Dimension, y: Dimension) {
  const values = (one: CandidateEvent) => [known(y.of(one)), known(x.of(one))];
  return {
    caption: "Points of the Pareto fronts",
    columns: [{ label: "Architecture" }, { label: "Target" }, { label: "Front" }, { label: y.label, format: y.format }, { label: axisLabel(x), format: x.format }],
    rows: [
      ...front.map(({ as, target }) => [as.architecture_id, target, "trained", ...values(as)]),
      ...named.map(({ candidate: one }) => [one.architecture_id, targetOf(one), "estimated", ...values(one)]),
    ],
  };
}

function allOf({ candidates }: Rows, x: Dimension, y: Dimension) {
  const names = ["architecture_id", "architecture", "target", "evaluation", y.name, x.name, "feasible"];
  return {
    caption: "",
    columns: names.map((label) => ({ label })),
    rows: candidates.map((one) => [one.architecture_id, one.architecture, targetOf(one), one.number + 1, known(y.of(one)), known(x.of(one)), isFeasible(one)]),
  };
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function legend(
  { targets, candidates }: Rows,
  front: readonly Network[],
  estimates: Readonly<Record<string, FrontEvent>>,
  hasHollow: boolean,
  finalModels: readonly FinalModel[],
  x: Dimension,
): LegendItem[] {
  const items: LegendItem[] = targets.flatMap((label, series): LegendItem[] => {
    const kind = front.find(({ target }) => target === label)?.kind;
    return [
      ...(kind === undefined ? [] : [{ label: `${label}, trained${x.id === LATENCY.id ? `, latency ${kind}` : ""}`, series, look: "front" } as const]),
      ...(label in estimates ? [{ label: `${label}, estimated before fine-tuning`, series, look: "estimate" } as const] : []),
    ];
  });
  if (candidates.length > 0) items.push({ label: "candidates, latency predicted", series: 0, look: "mark" });
  if (hasHollow) items.push({ label: "exceeds the budget", series: 0, look: "hollow" });
  if (x.id !== LATENCY.id) return items;
  for (const { target, series, kind, measured } of finalModels) {
    items.push({ label: `final model for ${target}, predicted ± error`, series, look: "error" });
    if (measured !== null) items.push({ label: `final model for ${target}, ${kind}`, series, look: "ringed" });
  }
  return items;
}

