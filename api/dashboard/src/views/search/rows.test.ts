import { describe, expect, it } from "vitest";

import type { CandidateEvent } from "../../api/events";
import { LOOK } from "../../charts/cloud";
import { choicesOf, LATENCY, metricDimension, objectivesOf } from "./dimensions";
import { frontsOf, looksOf, onFront, rowsOf, sorted } from "./rows";

function candidate(number: number, target: string, ms: number, value: number, more: Partial<CandidateEvent> = {}): CandidateEvent {
  return {
    type: "candidate",
    number,
    architecture: "",
    architecture_id: `${target}${number}`,
    metric: { name: "accuracy", value, higher_is_better: true },
    latency_ms: { [target]: ms },
    feasible: { [target]: ms <= 4 },
    macs: null,
    params: null,
    weight_bytes: null,
    peak_memory_bytes: null,
    choices: null,
    ...more,
  };
}

const ACCURACY = metricDimension({ name: "accuracy", higher_is_better: true });
const CANDIDATES = [
  candidate(0, "cpu", 2, 0.9),
  candidate(1, "cpu", 1, 0.8),
  candidate(2, "cpu", 5, 0.99),
  candidate(0, "fpga", 3, 0.7),
  candidate(1, "fpga", 3.5, 0.6),
];
const ROWS = rowsOf(CANDIDATES, []);
const ALL = { target: null, asOf: null, brushes: [] };

it("gives each target a style, those known before first", () => {
  expect(ROWS.targets).toEqual(["cpu", "fpga"]);
  expect([...ROWS.series]).toEqual([0, 0, 0, 1, 1]);
  expect(rowsOf(CANDIDATES, ["fpga"]).targets).toEqual(["fpga", "cpu"]);
});

describe("looksOf", () => {
  it("distinguishes what meets its budget from what exceeds it", () => {
    expect([...looksOf(ROWS, ALL)]).toEqual([LOOK.full, LOOK.full, LOOK.hollow, LOOK.full, LOOK.full]);
  });

  it("shows one target, as it was after some evaluations, and fades what a brush excludes", () => {
    const brushes = [{ dimension: ACCURACY, low: 0.85, high: 1 }];
    expect([...looksOf(ROWS, { target: "cpu", asOf: 2, brushes })]).toEqual([LOOK.full, LOOK.faded, LOOK.hidden, LOOK.hidden, LOOK.hidden]);
  });

  it("fades what is not known", () => {
    const choices = choicesOf([candidate(0, "a", 1, 1, { choices: { d: 1 } }), candidate(1, "a", 1, 1, { choices: { d: 2 } })]);
    const brushes = choices.map((dimension) => ({ dimension, low: 0, high: 9 }));
    expect(looksOf(ROWS, { target: null, asOf: null, brushes })[0]).toBe(LOOK.faded);
  });
});

describe("fronts", () => {
  it("are of each target alone, without what exceeds its budget", () => {
    expect(frontsOf(ROWS, looksOf(ROWS, ALL), LATENCY, ACCURACY)).toEqual([[1, 0], [3]]);
    expect([...onFront(ROWS, ACCURACY)]).toEqual([1, 1, 0, 1, 0]);
  });

  it("are those of some evaluations before", () => {
    expect(frontsOf(ROWS, looksOf(ROWS, { ...ALL, asOf: 1 }), LATENCY, ACCURACY)).toEqual([[0], [3]]);
  });
});

describe("a metric of which less is better", () => {
  const error = metricDimension({ name: "mean_error", higher_is_better: false });

  it("turns fronts around", () => {
    expect(frontsOf(ROWS, looksOf(ROWS, ALL), LATENCY, error)).toEqual([[1], [3, 4]]);
    expect([...onFront(ROWS, error)]).toEqual([0, 1, 0, 1, 1]);
  });

  it("has its name on axes and in files", () => {
    expect([error.id, error.name, error.label]).toEqual(["metric", "mean_error", "INT8 mean error, validation"]);
  });
});

describe("dimensions", () => {
  it("leave out what no candidate has", () => {
    expect(objectivesOf(CANDIDATES, ACCURACY).map(({ id }) => id)).toEqual(["metric", "latency_ms"]);
    expect(objectivesOf([candidate(0, "cpu", 1, 1, { macs: 5 })], ACCURACY).map(({ id }) => id)).toContain("macs");
  });

  it("order the values of a choice from the smallest, and leave out choices that never differ", () => {
    const some = [16, 8, 24].map((width, i) => candidate(i, "cpu", 1, 1, { choices: { width, depth: 2 } }));
    const [width] = choicesOf(some);
    expect(width?.values).toEqual(["8", "16", "24"]);
    expect(some.map((one) => width?.of(one))).toEqual([1, 0, 2]);
    expect(choicesOf(some)).toHaveLength(1);
  });
});

it("sorts by a column, what is not known last", () => {
  const looks = Uint8Array.from([LOOK.full, LOOK.full, LOOK.hollow, LOOK.faded]);
  expect(sorted(looks, [2, Number.NaN, 1, 0], false)).toEqual([2, 0, 1]);
  expect(sorted(looks, [2, Number.NaN, 1, 0], true)).toEqual([0, 2, 1]);
  expect(sorted(looks, null, true)).toEqual([2, 1, 0]);
});
