import { describe, expect, it } from "vitest";

import { growth, hypervolume, pareto } from "./front";

describe("pareto", () => {
  it("agrees with the engine's example", () => {
    expect(pareto([2, 1, 3, 1.5], [0.9, 0.8, 0.95, 0.7])).toEqual([1, 0, 2]);
  });

  it("keeps the first of equal points, and the better of two as fast", () => {
    expect(pareto([1, 1], [0.5, 0.5])).toEqual([0]);
    expect(pareto([1, 1], [0.5, 0.6])).toEqual([1]);
    expect(pareto([1, 1], [0.6, 0.5])).toEqual([0]);
  });

  it("drops all that a new point beats", () => {
    expect(pareto([2, 3, 4, 1], [0.1, 0.2, 0.9, 0.5])).toEqual([3, 2]);
  });

  it("leaves out what does not count or is not known", () => {
    expect(pareto([1, 2, Number.NaN], [0.9, 1, 2], (index) => index !== 0)).toEqual([1]);
  });

  it("is what comparing all pairs gives", () => {
    let seed = 7;
    const random = () => (seed = (seed * 16807) % 2147483647) % 50;
    const xs = Array.from({ length: 300 }, random);
    const ys = Array.from({ length: 300 }, random);
    const beaten = (i: number) =>
      xs.some((x, j) => {
        const [a = 0, b = 0, y = 0] = [xs[i], ys[i], ys[j]];
        return (x <= a && y > b) || (x < a && y >= b) || (x === a && y === b && j < i);
      });
    const slow = xs.map((_, i) => i).filter((i) => !beaten(i));
    expect(pareto(xs, ys).sort((a, b) => a - b)).toEqual(slow);
  });
});

describe("hypervolume", () => {
  it("agrees with the engine's example", () => {
    // From 1 to 2 a half, from 2 to 4 one.
    expect(hypervolume([0, 1], [1, 2], [0.5, 1], 4)).toBe(2.5);
  });

  it("counts nothing at the limit or beyond", () => {
    expect(hypervolume([0, 1], [1, 4], [0.5, 1], 4)).toBe(1.5);
  });
});

it("grows where the front changes, and ends at the last evaluation", () => {
  expect(growth([2, 1, 3], [1, 0.5, 0.2], 4)).toEqual({ evaluations: [1, 2, 3], shares: [0.5, 0.625, 0.625] });
  expect(growth([], [], 4)).toEqual({ evaluations: [], shares: [] });
});
