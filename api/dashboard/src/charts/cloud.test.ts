import { describe, expect, it } from "vitest";

import { makeAxis } from "./axis";
import { cloudMarkup, kept, LOOK, nearestPoint, type Points, type Scene } from "./cloud";

const x = makeAxis({ kind: "linear", domain: [0, 10], range: [0, 100], room: 20 });
const y = makeAxis({ kind: "linear", domain: [0, 1], range: [100, 0], room: 20 });

function points(count: number): Points {
  return {
    xs: Float64Array.from({ length: count }, (_, i) => i),
    ys: Float64Array.from({ length: count }, () => 0.5),
    series: new Uint8Array(count),
    looks: new Uint8Array(count).fill(LOOK.full),
  };
}

function scene(count: number): Scene {
  return { points: points(count), x, y, width: 100, height: 100, scheme: "light", ratio: 1 };
}

describe("kept", () => {
  it("is all that was drawn when points only came", () => {
    expect(kept(scene(3), scene(5))).toBe(3);
  });

  it("is nothing when a look, an axis or the page changed", () => {
    const other = scene(5);
    other.points.looks[1] = LOOK.faded;
    expect(kept(scene(3), other)).toBe(0);
    expect(kept(scene(3), { ...scene(5), scheme: "dark" })).toBe(0);
    expect(kept(scene(3), { ...scene(5), x: makeAxis({ kind: "linear", domain: [0, 11], range: [0, 100], room: 20 }) })).toBe(0);
    expect(kept(scene(3), scene(2))).toBe(0);
  });
});

describe("nearestPoint", () => {
  it("finds the nearest within reach", () => {
    expect(nearestPoint(points(5), x, y, 21, 52, 10)).toBe(2);
    expect(nearestPoint(points(5), x, y, 21, 90, 10)).toBe(-1);
  });

  it("does not find what is faded", () => {
    const some = points(5);
    some.looks[2] = LOOK.faded;
    expect(nearestPoint(some, x, y, 21, 52, 10)).toBe(3);
    expect(nearestPoint(some, x, y, 21, 50, 5)).toBe(-1);
  });
});

it("writes one mark a point, and each shape once", () => {
  const markup = cloudMarkup(scene(3));
  expect(markup.match(/<use /g)).toHaveLength(3);
  expect(markup.match(/<path /g)).toHaveLength(1);
  expect(markup).toContain('x="20.0" y="50.0"');
});
