import { describe, expect, it } from "vitest";

import { about, canClone, dataOf, type Job, jobName, limitsOf, spaceName, targetsOf } from "./describe";

const SEARCH = {
  kind: "search",
  data: "ds_1",
  space: "mobilenet",
  start_from: "none",
  device: "auto",
  method: "auto",
  targets: [
    { target: "cpu", latency_ms: "40%", device: null },
    { target: "alveo-u50", latency_ms: 0.2, device: "f0" },
  ],
  effort: "quick",
  seed: 0,
  fit: "stretch",
  augment: "auto",
  metric: "accuracy",
  class_weights: "auto",
  budget_on: "quiet",
  searcher: "hwnas",
  objective: "front",
  at_once: 1,
} satisfies Job["spec"];
const EXPORT = { kind: "export", job: "job_1", architecture_id: "5a27", target: "cpu", search: SEARCH } satisfies Job["spec"];

describe("the name of a job", () => {
  it("is what it does with which data", () => {
    expect(jobName({ labels: {}, spec: SEARCH }, "leaves")).toBe("Search on leaves");
    expect(jobName({ labels: {}, spec: EXPORT }, "leaves")).toBe("Export of 5a27 on leaves");
    expect(jobName({ labels: {}, spec: EXPORT }, null)).toBe("Export of 5a27");
  });

  it("is its label where it has one", () => {
    expect(jobName({ labels: { name: "nightly" }, spec: SEARCH }, "leaves")).toBe("nightly");
  });
});

describe("what a job works with", () => {
  it("is its search's for an export", () => {
    expect(about({ spec: EXPORT })).toMatchObject({ data: "ds_1", effort: "quick" });
    expect(targetsOf({ spec: EXPORT })).toEqual([{ target: "cpu", budget: "at most 40 % of the latency range", device: null }]);
    expect(targetsOf({ spec: { ...EXPORT, search: null } })).toEqual([]);
    expect(canClone("export")).toBe(false);
  });

  it("has a budget and perhaps a device for each target of a search", () => {
    expect(targetsOf({ spec: SEARCH })).toEqual([
      { target: "cpu", budget: "at most 40 % of the latency range", device: null },
      { target: "alveo-u50", budget: "at most 0.2 ms", device: "f0" },
    ]);
  });

  it("is the lists of its matrix for a batch", () => {
    const { start_from, device, method, effort, fit, augment, metric, class_weights, budget_on, searcher, objective, at_once } = SEARCH;
    const search = { start_from, device, method, effort, fit, augment, metric, class_weights, budget_on, searcher, objective, at_once };
    const matrix = { data: ["digits", "ds_1"], spaces: ["resnet", { name: "small", stages: [] }], targets: ["cpu"], budgets: ["40%", 0.2], seeds: [0] };
    const spec = { kind: "batch", name: "batch", ...matrix, search, exclude: [], measure_cross: false } satisfies Job["spec"];
    expect(dataOf({ spec })).toEqual(["digits", "ds_1"]);
    expect(spaceName({ spec })).toBe("resnet, small");
    expect(targetsOf({ spec })).toEqual([{ target: "cpu", budget: "at most 40 % of the latency range, at most 0.2 ms", device: null }]);
    expect(about({ spec })).toEqual({ effort: "quick" });
    expect(jobName({ labels: {}, spec }, "digits, leaves")).toBe("Batch on digits, leaves");
  });

  it("has limits on other costs, where there are any", () => {
    const limited = { ...SEARCH, limits: { macs: null, weight_bytes: 300_000 } };
    expect(limitsOf({ spec: limited })).toEqual(["weight_bytes at most 300,000"]);
    expect(limitsOf({ spec: { ...EXPORT, search: limited } })).toEqual(["weight_bytes at most 300,000"]);
    expect(limitsOf({ spec: SEARCH })).toEqual([]);
  });

  it("says when the space is custom", () => {
    expect(spaceName({ spec: SEARCH })).toBe("mobilenet");
    expect(spaceName({ spec: { ...SEARCH, space: { name: "own" } } })).toBe("custom");
  });
});
