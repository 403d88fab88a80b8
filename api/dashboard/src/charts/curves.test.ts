import { describe, expect, it } from "vitest";

import { allSteps, indexAt, nearestIndex, smoothed, thinned } from "./curves";

describe("smoothed", () => {
  it("changes nothing at weight 0 and nothing of a constant", () => {
    expect(smoothed([1, 5, 3], 0)).toEqual([1, 5, 3]);
    for (const value of smoothed([2, 2, 2, 2], 0.9)) expect(value).toBeCloseTo(2, 12);
  });

  it("weighs the newest twice as much as the one before at weight 0.5", () => {
    // (1*3 + 2*6) / 3 = 5
    expect(smoothed([3, 6], 0.5)).toEqual([3, 5]);
  });
});

describe("thinned", () => {
  it("leaves few points alone", () => {
    const points = { steps: [0, 1, 2], values: [1, 2, 3] };
    expect(thinned(points, 3)).toEqual(points);
  });

  it("keeps the ends and a single peak", () => {
    const steps = Array.from({ length: 1000 }, (_, i) => i);
    const few = thinned({ steps, values: steps.map((i) => (i === 437 ? 9 : 0)) }, 50);
    expect(few.steps.length).toBeLessThanOrEqual(50);
    expect(few.steps[0]).toBe(0);
    expect(few.steps.at(-1)).toBe(999);
    expect(few.values[few.steps.indexOf(437)]).toBe(9);
  });
});

describe("looking up", () => {
  it("finds the last point at or before a step", () => {
    expect([-1, 0, 5, 10, 99].map((step) => indexAt([0, 10, 20], step))).toEqual([-1, 0, 0, 1, 2]);
  });

  it("finds the nearest", () => {
    expect([-5, 4, 5, 6, 99].map((value) => nearestIndex([0, 10, 20], value))).toEqual([0, 0, 0, 1, 2]);
    expect(nearestIndex([], 1)).toBe(-1);
  });

  it("joins steps", () => {
    expect(allSteps([{ steps: [0, 2], values: [1, 1] }, { steps: [1, 2], values: [1, 1] }])).toEqual([0, 1, 2]);
  });
});
