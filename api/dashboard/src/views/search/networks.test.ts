import { describe, expect, it } from "vitest";

import type { CandidateEvent, FinalistEvent, FrontEvent } from "../../api/events";
import { LATENCY, metricDimension, objectivesOf } from "./dimensions";
import { ranked } from "./FinalistTable";
import { networkLabel } from "./named";
import { frontOf, trainedNetwork, trainedNetworks } from "./networks";
import { rowsOf } from "./rows";

const accuracy = (value: number) => ({ name: "accuracy", value, higher_is_better: true });
const ACCURACY = metricDimension(accuracy(1));
const candidate = (id: string, value: number, ms: number): CandidateEvent => ({
  type: "candidate", number: 0, architecture: id, architecture_id: id, metric: accuracy(value), latency_ms: { cpu: ms }, feasible: { cpu: true },
  macs: 500, params: null, weight_bytes: null, peak_memory_bytes: null, choices: { width: 8 },
});
const point = (id: string, value: number, latency_ms: number) => ({ architecture: id, architecture_id: id, metric: accuracy(value), latency_ms, kind: "measured" as const });
const front = (target: string, points: FrontEvent["points"]): FrontEvent => ({
  type: "front", of: "trained", target, budget_ms: 3, limit_ms: null, evaluations: 4, predicted_error: null, hypervolume: null, points,
});
const finalist = (target: string, id: string, round: number, value: number, latency_ms = 1): FinalistEvent => ({
  type: "finalist", target, architecture: id, architecture_id: id, round, rounds: 3, images: 1000, metric: accuracy(value), standard_error: 0.01, latency_ms, kind: "measured",
});

// The supernet estimates 0.6 for a, with 1 ms predicted; trained it has 0.9 and takes 1.2 ms.
const ROWS = rowsOf([candidate("a", 0.6, 1), candidate("b", 0.7, 2)], ["cpu", "fpga"]);
const TRAINED = { cpu: front("cpu", [point("a", 0.9, 1.2), point("c", 0.95, 2.5)]), fpga: front("fpga", [point("a", 0.8, 5)]) };

describe("trained networks", () => {
  const all = trainedNetworks(ROWS, TRAINED, null);

  it("have the metric and the latency of what was trained, and the rest of their candidates", () => {
    expect(all.map(({ as, series }) => [as.architecture_id, series, ACCURACY.of(as), LATENCY.of(as), as.macs])).toEqual([
      ["a", 0, 0.9, 1.2, 500],
      ["c", 0, 0.95, 2.5, null],
      ["a", 1, 0.8, 5, null],
    ]);
    expect(ROWS.candidates[0]?.metric.value).toBe(0.6);
  });

  it("are those of one target where one is looked at", () => {
    expect(trainedNetworks(ROWS, TRAINED, "fpga")).toHaveLength(1);
  });

  it("make a front in whatever dimensions are drawn, of each target alone", () => {
    expect(frontOf(all, LATENCY, ACCURACY)).toEqual(all);
    const [, , macs] = objectivesOf([candidate("a", 0.6, 1)], ACCURACY);
    expect(macs?.id).toBe("macs");
    expect(macs && frontOf(all, macs, ACCURACY).map(({ as }) => as.architecture_id)).toEqual(["a"]); // c is no candidate
    expect(frontOf(all, ACCURACY, ACCURACY)).toEqual([]);
  });

  it("are read out with their kind", () => {
    const [first] = all;
    expect(first && networkLabel(all, first, LATENCY, ACCURACY)).toBe(
      "Point 1 of 2 on the front of cpu: a, INT8 accuracy, validation 90.00 %, Latency, measured 1.20 ms",
    );
  });
});

it("finds an architecture as it was evaluated last", () => {
  const finalists = [finalist("cpu", "a", 1, 0.85), finalist("cpu", "b", 0, 0.5)];
  expect(trainedNetwork(ROWS, TRAINED, finalists, "cpu", "a")?.as.metric.value).toBe(0.9); // retrained after its last round
  expect(trainedNetwork(ROWS, TRAINED, finalists, "cpu", "b")?.as.metric.value).toBe(0.5);
  expect(trainedNetwork(ROWS, TRAINED, finalists, "fpga", "b")).toBeNull();
});

it("ranks finalists by their rounds, then by the metric, then by latency", () => {
  const finalists = [finalist("cpu", "a", 0, 0.9), finalist("cpu", "b", 1, 0.8, 2), finalist("fpga", "c", 2, 0.7), finalist("cpu", "d", 1, 0.8, 1)];
  expect(ranked(finalists).map(({ architecture_id }) => architecture_id)).toEqual(["d", "b", "a", "c"]);
});
