import { describe, expect, it } from "vitest";

import { type NumberedEvent, readEvent } from "../api/events";
import { CURVE_POINTS, EMPTY, KEPT_EVENTS, reduce } from "./state";

function numbered(events: readonly Record<string, unknown>[], from = 1): NumberedEvent[] {
  return events.map((event, index) => readEvent({ seq: from + index, at: "2026-01-31T12:00:00Z", event }));
}

const metric = (step: number, value = step) => ({ type: "metric", phase: "training", name: "loss", step, value });
const log = { type: "log", level: "info", message: "" };
const phase = (status: string) => ({ type: "phase", phase: "searching", status, target: "cpu", seconds: null });
const progress = { type: "progress", phase: "searching", done: 1, total: 4, unit: "candidates" };
const front = (evaluations: number, hypervolume: number) => ({
  type: "front",
  target: "cpu",
  budget_ms: 0.2,
  evaluations,
  hypervolume,
  points: [],
});
const accuracy = (value: number) => ({ name: "accuracy", value, higher_is_better: true });
const candidate = (number: number, value = 0.5) => ({
  type: "candidate",
  number,
  architecture: "a",
  architecture_id: `arch_${number}`,
  metric: accuracy(value),
  latency_ms: {},
  feasible: {},
});

describe("reduce", () => {
  it("is the same however the events are cut into batches", () => {
    const all = numbered([log, phase("started"), progress, candidate(0), front(1, 0.1), metric(1), metric(2), candidate(1)]);
    const whole = reduce(EMPTY, all);
    for (let cut = 0; cut <= all.length; cut += 1) expect(reduce(reduce(EMPTY, all.slice(0, cut)), all.slice(cut))).toEqual(whole);
    expect(all.reduce((state, event) => reduce(state, [event]), EMPTY)).toEqual(whole);
  });

  it("keeps the newest of each cell of a batch, and its progress", () => {
    const cell = (id: string, state: string) => ({ type: "cell", cell: id, state });
    const batch = { type: "batch", stage: "supernets", done: 1, total: 2, cells: { pending: 2 }, eta_s: 9 };
    const state = reduce(EMPTY, numbered([cell("a", "running"), cell("b", "running"), cell("a", "succeeded"), batch]));
    expect(Object.entries(state.cells).map(([id, one]) => [id, one.state])).toEqual([["a", "succeeded"], ["b", "running"]]);
    expect(state.progress).toEqual({ phase: "training", target: null, done: 1, total: 2, unit: "supernets", eta_s: 9 });
  });

  it("changes nothing for events that are in it already", () => {
    const all = numbered([metric(1), candidate(0), log]);
    const state = reduce(EMPTY, all);
    expect(reduce(state, all)).toBe(state);
    expect(reduce(state, all.slice(1))).toBe(state);
  });

  it("leaves the state before as it was", () => {
    const before = reduce(EMPTY, numbered([metric(1), candidate(0), front(1, 0.1)]));
    const kept = structuredClone(before);
    reduce(before, numbered([metric(2), candidate(1), front(2, 0.2)], 4));
    expect(before).toEqual(kept);
  });

  it("cuts a curve where a training was resumed from a checkpoint", () => {
    const state = reduce(EMPTY, numbered([metric(1), metric(2), metric(3), metric(2, 20)]));
    expect(state.curves["training/loss"]).toEqual({ phase: "training", target: null, name: "loss", steps: [1, 2], values: [1, 20] });
  });

  it("replaces candidates where a search was resumed from a checkpoint", () => {
    const events = [candidate(0), candidate(1, 0.6), front(2, 0.2), front(3, 0.3), candidate(1, 0.7), front(2, 0.25)];
    const state = reduce(EMPTY, numbered(events));
    expect(state.candidates.map((one) => [one.number, one.metric.value])).toEqual([
      [0, 0.5],
      [1, 0.7],
    ]);
    expect(state.fronts["cpu"]?.hypervolume).toBe(0.25);
  });

  it("keeps the searches and the curves of several targets apart", () => {
    const of = (target: string, number: number) => ({ ...candidate(number), latency_ms: { [target]: 1 } });
    const state = reduce(EMPTY, numbered([of("a", 0), of("a", 1), of("b", 0), of("b", 1), { ...of("b", 1), metric: accuracy(0.7) }]));
    expect(state.candidates.map((one) => [Object.keys(one.latency_ms)[0], one.number, one.metric.value])).toEqual([
      ["a", 0, 0.5],
      ["a", 1, 0.5],
      ["b", 0, 0.5],
      ["b", 1, 0.7],
    ]);
    const curves = reduce(EMPTY, numbered([{ ...metric(5), target: "a" }, { ...metric(1), target: "b" }])).curves;
    expect([curves["training/a/loss"]?.steps, curves["training/b/loss"]?.steps]).toEqual([[5], [1]]);
  });

  it("thins long curves, with their newest point, and keeps the newest events", () => {
    const steps = Array.from({ length: 3 * CURVE_POINTS }, (_, index) => metric(index));
    const curve = reduce(EMPTY, numbered(steps)).curves["training/loss"];
    expect(curve?.steps.length).toBeLessThanOrEqual(CURVE_POINTS);
    expect([curve?.steps[0], curve?.steps.at(-1)]).toEqual([0, 3 * CURVE_POINTS - 1]);
    const logs = reduce(EMPTY, numbered(Array.from({ length: KEPT_EVENTS + 5 }, () => log)));
    expect([logs.events.length, logs.events[0]?.seq]).toEqual([KEPT_EVENTS, 6]);
  });

  it("knows no progress once a phase or the job has ended", () => {
    const running = reduce(EMPTY, numbered([phase("started"), progress]));
    expect(running.progress?.done).toBe(1);
    expect(reduce(running, numbered([phase("finished")], 3)).progress).toBeNull();
    expect(reduce(running, numbered([{ type: "state", state: "paused" }], 3)).progress).toBeNull();
    const ended = reduce(running, numbered([{ type: "end", state: "failed" }], 3));
    expect(ended).toMatchObject({ progress: null, state: "failed", ended: true });
  });

  it("keeps the fronts of trained networks apart from those of candidates, and each finalist as it was evaluated last", () => {
    const finalist = (id: string, round: number, value: number) => ({
      type: "finalist", target: "cpu", architecture: id, architecture_id: id, round, rounds: 2, images: 1000 * (round + 1), metric: accuracy(value),
      standard_error: 0.01, latency_ms: 0.1, kind: "measured",
    });
    const plan = { type: "plan", resolution: 64, supernet: false, note: "two networks" };
    const events = [plan, front(3, 0.1), finalist("a", 0, 0.8), finalist("b", 0, 0.7), finalist("a", 1, 0.9), { ...front(2, 0.15), of: "trained" }];
    const state = reduce(EMPTY, numbered(events));
    expect([state.fronts["cpu"]?.evaluations, state.trainedFronts["cpu"]?.evaluations]).toEqual([3, 2]);
    expect(state.finalists.map((one) => [one.architecture_id, one.round, one.metric.value])).toEqual([
      ["a", 1, 0.9],
      ["b", 0, 0.7],
    ]);
    expect(state.plan).toMatchObject({ resolution: 64, supernet: false, note: "two networks" });
  });

  it("steps over events that this page does not know", () => {
    expect(reduce(EMPTY, numbered([{ type: "sample" }])).last).toBe(1);
  });
});
