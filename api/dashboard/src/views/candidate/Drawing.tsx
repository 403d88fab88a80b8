/** The networks of candidates beside each other, stage by stage: choices among their alternatives, layers, latencies. */
import { useId } from "react";

import "../../charts/charts.css";
import { type Bound, BOUNDS, boundOf } from "./bound";
import { BlockDrawing, type Costs } from "./BlockDrawing";
import { Choices } from "./Choices";
import type { Candidate } from "./Facts";
import { type Block, type Choice, lastPart, rowsOf, type Stage, stagesOf } from "./layout";

interface Column {
  id: string;
  stages: Stage[];
  costs: Costs | null;
  values: ReadonlyMap<string, Choice["value"]>;
}

export function Drawing({ candidates, target }: { candidates: readonly Candidate[]; target: string }) {
  const patterns = useId();
  const columns = columnsOf(candidates, target);
  const rows = rowsOf(columns.map((column) => column.stages));
  const lanes = Math.max(1, ...columns.flatMap(({ stages }) => stages.flatMap(({ blocks }) => blocks.flatMap(({ arcs }) => arcs.map((arc) => arc.lane + 1)))));
  const bounds = boundsOf(columns);
  return (
    <>
      {bounds.length > 0 && <BoundLegend bounds={bounds} patterns={patterns} />}
      <div className="drawing" role="region" aria-label="Networks" tabIndex={0} style={{ "--columns": columns.length } as React.CSSProperties}>
        {columns.length > 1 && (
          <div className="drawing-row heads">
            {columns.map((column) => (
              <code key={column.id}>{column.id}</code>
            ))}
          </div>
        )}
        {rows.map(({ stage, blocks }) => (
          <section key={stage} className="stage" aria-label={`Stage ${stage}`}>
            <h3>{stage}</h3>
            <div className="drawing-row">
              {columns.map((column, index) => (
                <div key={column.id}>
                  <Choices choices={column.stages.find((one) => one.name === stage)?.choices ?? []} against={index === 0 ? null : (columns[0]?.values ?? null)} />
                </div>
              ))}
            </div>
            {blocks.filter((name) => isActive(columns, name)).map((name) => (
              <div key={name} className="drawing-row">
                {columns.map((column, index) => {
                  const block = column.stages.flatMap((one) => one.blocks).find((one) => one.name === name);
                  const against = index === 0 ? null : (columns[0]?.values ?? null);
                  return <BlockCell key={column.id} {...{ block, name, against, lanes, patterns }} costs={column.costs} />;
                })}
              </div>
            ))}
            <Inactive names={blocks.filter((name) => !isActive(columns, name))} />
          </section>
        ))}
      </div>
    </>
  );
}

function isActive(columns: readonly Column[], name: string): boolean {
  return columns.some(({ stages }) => stages.some(({ blocks }) => blocks.some((block) => block.name === name && block.layers.length > 0)));
}

function Inactive({ names }: { names: readonly string[] }) {
  if (names.length === 0) return null;
  return <p className="block inactive">Inactive blocks: {names.map(lastPart).join(", ")}</p>;
}

interface CellProps {
  block: Block | undefined;
  name: string;
  against: ReadonlyMap<string, Choice["value"]> | null;
  costs: Costs | null;
  lanes: number;
  patterns: string;
}

function BlockCell({ block, name, against, costs, lanes, patterns }: CellProps) {
  if (block === undefined || block.layers.length === 0) return <p className="block inactive">{lastPart(name)}: inactive</p>;
  return (
    <div className="block">
      <p className="block-name">{lastPart(name)}</p>
      <Choices choices={block.choices} against={against} />
      <BlockDrawing {...{ block, costs, patterns, lanes }} />
    </div>
  );
}

function BoundLegend({ bounds, patterns }: { bounds: readonly Bound[]; patterns: string }) {
  return (
    <div className="bound-legend">
      <span>Bottleneck of a layer:</span>
      <svg className="visually-hidden" aria-hidden="true">
        <defs>
          {bounds.map((bound) => (
            <pattern key={bound.letter} id={`${patterns}-${bound.letter}`} width={5} height={5} patternUnits="userSpaceOnUse" patternTransform={`rotate(${bound.stripes ?? 0})`}>
              <line className="stripe" x1={0} x2={0} y1={0} y2={5} />
            </pattern>
          ))}
        </defs>
      </svg>
      <ul>
        {bounds.map((bound) => (
          <li key={bound.reason}>
            <svg width={22} height={12} aria-hidden="true">
              <rect width={22} height={12} rx={1} style={{ fill: bound.colour }} />
              {bound.stripes !== null && <rect width={22} height={12} rx={1} fill={`url(#${patterns}-${bound.letter})`} />}
            </svg>
            <strong>{bound.letter}</strong> {bound.title}
          </li>
        ))}
      </ul>
    </div>
  );
}

function columnsOf(candidates: readonly Candidate[], target: string): Column[] {
  const predictions = candidates.map((one) => one.targets.find((each) => each.target === target)?.prediction ?? null);
  const longestMs = Math.max(1e-9, ...predictions.flatMap((one) => one?.parts.filter((part) => part.of === "layer").map((part) => part.latency_ms) ?? []));
  return candidates.flatMap(({ network, architecture_id: id }, index) => {
    if (network === null) return [];
    const prediction = predictions[index];
    const parts = new Map(prediction?.parts.filter((part) => part.of === "layer").map((part) => [part.name, part]));
    const values = new Map(network.stages.flatMap((stage) => stage.choices.map((choice) => [choice.name, choice.value] as const)));
    return [{ id, stages: stagesOf(network), costs: prediction ? { parts, longestMs } : null, values }];
  });
}

function boundsOf(columns: readonly Column[]): Bound[] {
  const reasons = new Set(columns.flatMap(({ costs }) => [...(costs?.parts.values() ?? [])].flatMap((part) => part.bound_by ?? [])));
  const order = (bound: Bound) => BOUNDS.findIndex((one) => one.reason === bound.reason);
  return [...reasons].map(boundOf).sort((a, b) => order(a) - order(b));
}
