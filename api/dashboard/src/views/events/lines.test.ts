import { describe, expect, it } from "vitest";

import { readEvent } from "../../api/events";
import { isShown, type Line, lineOf, nextError } from "./lines";

const line = (event: Record<string, unknown>): Line => lineOf(readEvent({ seq: 1, at: "2026-01-31T12:00:00Z", event }));
const all = { level: "info", type: "", text: "" } as const;

describe("lineOf", () => {
  it.each([
    [{ type: "phase", phase: "profiling", status: "finished", target: "cpu", seconds: 189 }, "profiling for cpu: finished after 3 min 9 s"],
    [{ type: "phase", phase: "fine_tuning", status: "reused" }, "fine-tuning: cached"],
    [{ type: "checkpoint", phase: "training", step: 20, total: 60, restored: true }, "training: resumed from step 20 of 60"],
    [{ type: "log", level: "warning", message: "<b>hot</b>" }, "<b>hot</b>"],
    [{ type: "front", of: "trained", target: "cpu", budget_ms: 1, evaluations: 4, points: [] }, "front of trained networks for cpu: 0 points after 4 networks"],
    [{ type: "plan", resolution: 64, supernet: false, note: "Two networks." }, "plan: Two networks."],
    [
      { type: "finalist", target: "cpu", architecture: "", architecture_id: "a1", round: 1, rounds: 3, images: 4000, metric: { name: "accuracy", value: 0.9 }, standard_error: 0.02, latency_ms: 0.5, kind: "measured" },
      "finalist a1 for cpu, round 2 of 3: 90.00 % ± 2.00 % after 4,000 images, 0.500 ms (measured)",
    ],
    [
      { type: "cell", cell: "c1", state: "succeeded", metric: { name: "accuracy", value: 0.9 }, latency_ms: 0.5, kind: "measured" },
      "cell c1: succeeded, 90.00 %, 0.500 ms (measured)",
    ],
    [{ type: "cell", cell: "c1", state: "infeasible", detail: "No network is as fast." }, "cell c1: infeasible: No network is as fast."],
    [{ type: "batch", stage: "cells", done: 3, total: 4, cells: { succeeded: 3, pending: 1 } }, "cells: 3 of 4; cells: 3 succeeded, 1 pending"],
    [{ type: "item", item: "c1", kind: "cell", event: { type: "phase", phase: "training", status: "started" } }, "c1: training: started"],
    [{ type: "sample", value: 1 }, '{"type":"sample","value":1}'],
  ])("reads %o", (event, text) => expect(line(event).text).toBe(text));

  it("is an error when the job failed", () => expect(line({ type: "end", state: "failed" }).level).toBe("error"));
});

describe("an item of a batch", () => {
  it("has the level of what it tells", () =>
    expect(line({ type: "item", item: "c1", kind: "cell", event: { type: "log", level: "warning", message: "hot" } }).level).toBe("warning"));
});

describe("isShown", () => {
  const warning = line({ type: "log", level: "warning", message: "It is Hot" });
  const progress = line({ type: "progress", phase: "training", done: 1, total: 2, unit: "steps" });

  it("compares levels, types and texts with a line", () => {
    expect(isShown(warning, all)).toBe(true);
    expect(isShown(warning, { ...all, level: "error" })).toBe(false);
    expect(isShown(warning, { ...all, text: "hot" })).toBe(true);
    expect(isShown(warning, { ...all, text: "cold" })).toBe(false);
    expect(isShown(warning, { ...all, type: "phase" })).toBe(false);
  });

  it("shows progress only on request", () => {
    expect(isShown(progress, all)).toBe(false);
    expect(isShown(progress, { ...all, type: "progress" })).toBe(true);
  });
});

describe("nextError", () => {
  const error = line({ type: "log", level: "error", message: "" });
  const info = line({ type: "log", level: "info", message: "" });

  it("goes from error to error, and around", () => {
    const lines = [info, error, info, error];
    expect([nextError(lines, -1), nextError(lines, 1), nextError(lines, 3)]).toEqual([1, 3, 1]);
    expect(nextError([info], -1)).toBe(-1);
    expect(nextError([], -1)).toBe(-1);
  });
});
