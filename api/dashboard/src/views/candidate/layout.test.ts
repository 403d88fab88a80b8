import { describe, expect, it } from "vitest";

import type { CandidateEvent, FrontEvent } from "../../api/events";
import { BOUNDS, boundOf } from "./bound";
import { idsOf, rowsOfCandidates, toggled } from "./ids";
import { arcsOf, type Layer, lastPart, type Network, operation, rowsOf, shape, stagesOf } from "./layout";

function layer(name: string, op: string, inputs: string[], more: Partial<Layer> = {}): Layer {
  return {
    name, op, inputs, stage: "s1", block: "s1.b0", in_shapes: [[8, 4, 4]], out_shape: [8, 4, 4], kernel: [1, 1], stride: [1, 1],
    groups: 1, depthwise: false, activation: null, macs: 1, params: 1, weight_bytes: 1, ...more,
  };
}

describe("arcs", () => {
  it("there are none in a chain", () => {
    expect(arcsOf([layer("a", "conv", ["input"]), layer("b", "conv", ["a"])])).toEqual([]);
  });

  it("a residual goes from what the block reads to its sum", () => {
    const block = [layer("expand", "conv", ["stem"]), layer("project", "conv", ["expand"]), layer("add", "add", ["stem", "project"])];
    expect(arcsOf(block)).toEqual([{ from: -1, to: 2, lane: 0, residual: true }]);
  });

  it("an attention scale lies within the residual, in a lane of its own", () => {
    const block = [
      layer("depthwise", "conv", ["stem"]),
      layer("pool", "global_avg_pool", ["depthwise"]),
      layer("gate", "conv", ["pool"]),
      layer("scale", "mul", ["depthwise", "gate"]),
      layer("add", "add", ["stem", "scale"]),
    ];
    expect(arcsOf(block)).toEqual([
      { from: 0, to: 3, lane: 0, residual: false },
      { from: -1, to: 4, lane: 1, residual: true },
    ]);
  });

  it("two that do not overlap share a lane", () => {
    const block = [layer("a", "conv", ["x"]), layer("b", "add", ["x", "a"]), layer("c", "conv", ["b"]), layer("d", "add", ["b", "c"])];
    expect(arcsOf(block).map((arc) => arc.lane)).toEqual([0, 0]);
  });
});

describe("stages", () => {
  const choice = (name: string, block: string | null) => ({ name, block, value: 1, alternatives: [1, 2] });
  const network: Network = {
    space: "x", input_shape: [1, 8, 8], macs: 1, params: 1, weight_bytes: 1, peak_memory_bytes: 1,
    layers: [layer("s1.b0.conv", "conv", ["input"])],
    stages: [{ name: "s1", blocks: ["s1.b0"], choices: [choice("s1.depth", null), choice("s1.b0.kernel", "s1.b0"), choice("s1.b1.kernel", "s1.b1")] }],
  };

  it("keep inactive blocks, without layers", () => {
    const [stage] = stagesOf(network);
    expect(stage?.choices.map((one) => one.name)).toEqual(["s1.depth"]);
    expect(stage?.blocks.map((one) => [one.name, one.layers.length])).toEqual([["s1.b0", 1], ["s1.b1", 0]]);
  });

  it("of several networks stand beside each other", () => {
    const other = [{ name: "s1", choices: [], blocks: [{ name: "s1.b2", layers: [], arcs: [], choices: [] }] }, { name: "head", choices: [], blocks: [] }];
    expect(rowsOf([stagesOf(network), other])).toEqual([
      { stage: "s1", blocks: ["s1.b0", "s1.b1", "s1.b2"] },
      { stage: "head", blocks: [] },
    ]);
  });
});

describe("words", () => {
  it("say what a layer does", () => {
    expect(operation(layer("a", "conv", [], { kernel: [7, 7], stride: [2, 2], depthwise: true, groups: 8 }))).toBe("7×7 depthwise /2");
    expect(operation(layer("a", "conv", [], { groups: 2 }))).toBe("1×1 grouped conv");
    expect(operation(layer("a", "global_avg_pool", []))).toBe("global pool");
    expect(operation(layer("a", "onnx:Gelu", []))).toBe("onnx:Gelu");
    expect(shape([96, 8, 8])).toBe("96×8×8");
    expect(shape([10, 1, 1])).toBe("10");
    expect(lastPart("s1.b0.kernel")).toBe("kernel");
    expect(lastPart("resolution")).toBe("resolution");
  });
});

describe("the bottleneck of a layer", () => {
  it("has a title", () => {
    expect(["pools and sums", "maps in", "weights", "something new"].map((reason) => boundOf(reason).title)).toEqual([
      "pooling and add", "feature maps in", "weights", "something new",
    ]);
  });

  it("has a letter of its own", () => {
    expect(new Set(BOUNDS.map((one) => one.letter)).size).toBe(BOUNDS.length);
    expect(boundOf("something new")).toMatchObject({ reason: "something new", letter: "S" });
  });
});

describe("candidates", () => {
  const metric = (value: number) => ({ name: "accuracy", value, higher_is_better: true });
  const candidate = (id: string, value: number, ms: number): CandidateEvent => ({
    type: "candidate", number: 0, architecture: id, architecture_id: id, metric: metric(value), latency_ms: { cpu: ms }, feasible: { cpu: true },
    macs: null, params: null, weight_bytes: null, peak_memory_bytes: null, choices: null,
  });

  it("of a front come first, from the fastest, then others by the metric; each once", () => {
    const point = (id: string) => ({ architecture: id, architecture_id: id, metric: metric(0.9), latency_ms: 1, kind: "predicted" as const });
    const front: FrontEvent = { type: "front", of: "candidates", target: "cpu", budget_ms: 3, limit_ms: null, evaluations: 4, predicted_error: null, hypervolume: null, points: [point("a"), point("b")] };
    const all = [candidate("c", 0.5, 1), candidate("b", 0.9, 2), candidate("d", 0.8, 9), candidate("a", 0.7, 1), candidate("d", 0.8, 9)];
    expect(rowsOfCandidates(all, { cpu: front }).map((one) => one.candidate.architecture_id)).toEqual(["a", "b", "d", "c"]);
  });

  it("are named in the address, five at the most", () => {
    expect(idsOf("a,b,,a,<x>,c,d,e,f")).toEqual(["a", "b", "c", "d", "e"]);
    expect(toggled(["a", "b"], "a")).toEqual(["b"]);
    expect(toggled(["a", "b", "c", "d", "e"], "f")).toEqual(["a", "b", "c", "d", "e"]);
  });
});
