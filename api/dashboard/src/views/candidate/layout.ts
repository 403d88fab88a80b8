/**
 * How a network is drawn: stages in their order, blocks within them, and each block's layers one below the other. A layer that
 * reads more than the layer before it (a residual connection, an attention scale, a shortcut) has arcs at the side, from what it reads.
 */
import type { Schemas } from "../../api/client";

export type Network = Schemas["NetworkDetail"];
export type Layer = Schemas["LayerDetail"];
export type Choice = Schemas["ChoiceDetail"];

/** From a row of the block to a later one; -1 is what the block itself reads. `lane` keeps arcs apart: 0 is nearest to the layers. */
export interface Arc {
  from: number;
  to: number;
  lane: number;
  residual: boolean;
}

export interface Block {
  name: string;
  /** Empty where the block is inactive: the depth of its stage is less. */
  layers: readonly Layer[];
  arcs: readonly Arc[];
  choices: readonly Choice[];
}

export interface Stage {
  name: string;
  /** Those that the blocks of the stage share. */
  choices: readonly Choice[];
  blocks: readonly Block[];
}

export function stagesOf(network: Network): Stage[] {
  return network.stages.map((stage) => {
    const own = stage.choices.flatMap(({ block }) => (block === null ? [] : [block]));
    const names = [...new Set([...stage.blocks, ...own])];
    return {
      name: stage.name,
      choices: stage.choices.filter((choice) => choice.block === null),
      blocks: names.map((name) => blockOf(network, name, stage.choices.filter((choice) => choice.block === name))),
    };
  });
}

function blockOf(network: Network, name: string, choices: readonly Choice[]): Block {
  const layers = network.layers.filter((layer) => layer.block === name);
  return { name, layers, arcs: arcsOf(layers), choices };
}

/** What is read besides the layer before; the block's own input is row -1. */
export function arcsOf(layers: readonly Pick<Layer, "name" | "inputs" | "op">[]): Arc[] {
  const row = new Map(layers.map((layer, index) => [layer.name, index]));
  const spans = layers.flatMap((layer, to) =>
    layer.inputs
      .map((input) => ({ from: row.get(input) ?? -1, to, residual: layer.op === "add" }))
      .filter(({ from }) => from !== to - 1),
  );
  const lanes: { from: number; to: number }[][] = [];
  return spans
    .sort((a, b) => a.to - a.from - (b.to - b.from))
    .map((span) => {
      const free = lanes.findIndex((taken) => taken.every((one) => span.to <= one.from || span.from >= one.to));
      const lane = free < 0 ? lanes.length : free;
      (lanes[lane] ??= []).push(span);
      return { ...span, lane };
    });
}

const WORDS: Record<string, string> = {
  add: "add",
  mul: "multiply",
  linear: "linear",
  global_avg_pool: "global pool",
  avg_pool: "average pool",
  max_pool: "max pool",
  concat: "concatenate",
  slice: "slice",
  shuffle: "shuffle",
};

/** `3×3 conv /2`, `7×7 depthwise`, `global pool`. */
export function operation(layer: Pick<Layer, "op" | "kernel" | "stride" | "depthwise" | "groups">): string {
  const size = layer.kernel.join("×");
  const stride = Math.max(...layer.stride) > 1 ? ` /${Math.max(...layer.stride)}` : "";
  if (layer.op === "conv") return `${size} ${layer.depthwise ? "depthwise" : layer.groups > 1 ? "grouped conv" : "conv"}${stride}`;
  if (layer.op === "max_pool" || layer.op === "avg_pool") return `${size} ${WORDS[layer.op] ?? ""}${stride}`;
  return WORDS[layer.op] ?? layer.op.replace("_", " ");
}

/** `96×8×8`: channels, height, width; a vector is its length. */
export function shape([channels = 0, height = 1, width = 1]: readonly number[]): string {
  return height === 1 && width === 1 ? String(channels) : `${channels}×${height}×${width}`;
}

/** The part of a choice's or a layer's name after its block or stage: `s1.b0.kernel` is `kernel`. */
export function lastPart(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** All stages and blocks of some networks, so that they can stand beside each other. */
export function rowsOf(networks: readonly (readonly Stage[])[]): { stage: string; blocks: string[] }[] {
  const rows: { stage: string; blocks: string[] }[] = [];
  for (const stage of networks.flat()) {
    let row = rows.find((one) => one.stage === stage.name);
    if (row === undefined) rows.push((row = { stage: stage.name, blocks: [] }));
    for (const { name } of stage.blocks) if (!row.blocks.includes(name)) row.blocks.push(name);
  }
  return rows;
}
