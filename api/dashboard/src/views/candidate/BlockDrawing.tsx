/** One block of a network: its layers from top to bottom, arcs of residual connections at the left, latencies at the right. */
import type { Schemas } from "../../api/client";
import { latency } from "../../ui/format";
import { boundOf } from "./bound";
import { type Arc, type Block, lastPart, type Layer, operation, shape } from "./layout";

type Part = Schemas["LatencyPart"];

/** How latencies are drawn: the parts of a prediction by layer, and the longest bar's milliseconds. */
export interface Costs {
  parts: ReadonlyMap<string, Part>;
  longestMs: number;
}

const ROW = 30;
const BOX = 22;
const TOP = 10;
const LANE = 9;
const BOX_WIDTH = 196;
const BAR_WIDTH = 76;
const LETTER = 14;

interface Props {
  block: Block;
  costs: Costs | null;
  /** Prefix of the ids of patterns, unique in the page. */
  patterns: string;
  /** Lanes to leave room for, so that the boxes of all blocks are aligned. */
  lanes: number;
}

export function BlockDrawing({ block, costs, patterns, lanes }: Props) {
  const left = 8 + lanes * LANE;
  const height = TOP + block.layers.length * ROW;
  const width = left + BOX_WIDTH + (costs ? BAR_WIDTH + LETTER + 90 : 4);
  const spine = left + 16;
  return (
    <svg className="block-drawing" width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={inWords(block, costs)}>
      <line className="wire" x1={spine} x2={spine} y1={0} y2={height} />
      {block.arcs.map((arc) => (
        <path key={`${arc.from}-${arc.to}`} className={arc.residual ? "arc residual" : "arc"} d={path(arc, left, spine)} />
      ))}
      {block.layers.map((layer, index) => (
        <g key={layer.name} transform={`translate(${left} ${TOP + index * ROW})`}>
          <title>{layer.name}</title>
          <rect className={`box ${kind(layer)}`} width={BOX_WIDTH} height={BOX} rx={4} />
          <text className="op" x={7} y={15}>
            {operation(layer)}
          </text>
          <text className="shape" x={BOX_WIDTH - 7} y={15}>
            {shape(layer.out_shape)}
          </text>
          {costs && <Bar part={costs.parts.get(layer.name)} longestMs={costs.longestMs} patterns={patterns} />}
        </g>
      ))}
    </svg>
  );
}

function Bar({ part, longestMs, patterns }: { part: Part | undefined; longestMs: number; patterns: string }) {
  if (part === undefined) return null;
  const bound = part.bound_by === null ? null : boundOf(part.bound_by);
  const length = Math.max(1, (Math.max(0, part.latency_ms) / longestMs) * BAR_WIDTH);
  const start = BOX_WIDTH + 8 + (bound ? LETTER : 0);
  return (
    <>
      {bound && (
        <text className="letter" x={BOX_WIDTH + 8} y={15}>
          {bound.letter}
        </text>
      )}
      <rect className="bar" x={start} y={5} width={length} height={12} rx={1} {...(bound ? { style: { fill: bound.colour } } : {})} />
      {bound?.stripes != null && <rect x={start} y={5} width={length} height={12} rx={1} fill={`url(#${patterns}-${bound.letter})`} />}
      <text className="value" x={start + length + 5} y={15}>
        {latency(part.latency_ms)}
      </text>
    </>
  );
}

function path({ from, to, lane }: Arc, left: number, spine: number): string {
  const start = from < 0 ? 3 : TOP + from * ROW + BOX + 4;
  const end = TOP + to * ROW + BOX / 2;
  const x = left - 5 - lane * LANE;
  return `M ${spine} ${start} H ${x + 5} Q ${x} ${start} ${x} ${start + 5} V ${end - 5} Q ${x} ${end} ${x + 5} ${end} H ${left}`;
}

function kind(layer: Layer): string {
  if (layer.op === "conv") return layer.depthwise ? "depthwise" : "conv";
  return layer.op === "linear" ? "conv" : "plain";
}

function inWords(block: Block, costs: Costs | null): string {
  const layers = block.layers.map((layer) => {
    const part = costs?.parts.get(layer.name);
    const bound = part?.bound_by ? `, bound by ${boundOf(part.bound_by).title}` : "";
    return `${lastPart(layer.name)}: ${operation(layer)} to ${shape(layer.out_shape)}${part ? `, ${latency(part.latency_ms)}${bound}` : ""}`;
  });
  const arcs = block.arcs.some((arc) => arc.residual) ? " With a residual connection." : "";
  return `Block ${block.name}. ${layers.join(". ")}.${arcs}`;
}
