import { describe, expect, it } from "vitest";

import { extent, makeAxis, padded, rounded } from "./axis";

describe("makeAxis", () => {
  it("maps the domain to the range and back", () => {
    const axis = makeAxis({ kind: "linear", domain: [0, 10], range: [100, 200], room: 20 });
    expect(axis.at(5)).toBe(150);
    expect(axis.value(150)).toBe(5);
    expect(axis.ticks.map((tick) => tick.value)).toEqual([0, 2, 4, 6, 8, 10]);
  });

  it("gives equal ratios equal room on a logarithmic axis", () => {
    const axis = makeAxis({ kind: "log", domain: [1, 100], range: [0, 200], room: 20 });
    expect(axis.at(10)).toBeCloseTo(100, 9);
    expect(axis.ticks.map((tick) => tick.label)).toEqual(["1", "2", "5", "10", "20", "50", "100"]);
  });

  it("keeps the powers alone where there is little room", () => {
    const axis = makeAxis({ kind: "log", domain: [1, 1000], range: [0, 200], room: 50 });
    expect(axis.ticks.map((tick) => tick.label)).toEqual(["1", "10", "100", "1000"]);
  });

  it("is linear where a logarithm does not exist", () => {
    expect(makeAxis({ kind: "log", domain: [0, 10], range: [0, 1], room: 1 }).kind).toBe("linear");
  });

  it("labels in the unit that is shown", () => {
    const axis = makeAxis({ kind: "linear", domain: [0.98, 1], range: [0, 100], room: 50, shown: { factor: 100, unit: "%" } });
    expect(axis.ticks.map((tick) => tick.label)).toEqual(["98", "99", "100"]);
    expect(axis.ticks[1]?.at).toBeCloseTo(50, 9);
  });
});

describe("domains", () => {
  it("are those of the finite values", () => {
    expect(extent([3, Number.NaN, 1, Infinity])).toEqual([1, 3]);
    expect(extent([])).toBeNull();
  });

  it("have a margin", () => {
    expect(padded([0, 100], "linear")).toEqual([-5, 105]);
    expect(padded([2, 2], "linear")).toEqual([1.8, 2.2]);
    expect(padded(null, "linear")).toEqual([0, 1]);
  });

  it("are rounded outwards", () => {
    expect(rounded([0.13, 9.7], "linear")).toEqual([0, 10]);
    expect(rounded([0.013, 0.27], "log")).toEqual([0.01, 0.3]);
  });
});
