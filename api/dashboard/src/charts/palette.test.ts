import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { contrast, difference, type Sight } from "./colour";
import { DASHES, PAGE, type Scheme, SERIES, SHAPES } from "./palette";

const SCHEMES: Scheme[] = ["light", "dark"];
const SIGHTS: Sight[] = ["full", "protanopia", "deuteranopia"];
const css = readFileSync(join(import.meta.dirname, "charts.css"), "utf8");

describe("the arithmetic", () => {
  it("gives black on white 21 and a colour on itself 1", () => {
    expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 6);
    expect(contrast("#0b5cad", "#0b5cad")).toBe(1);
  });

  it("keeps greys apart for every kind of sight, and brings red and green together for some", () => {
    expect(difference("#000000", "#ffffff", "deuteranopia")).toBeCloseTo(100, 0);
    expect(difference("#a0522d", "#6b6b1e", "deuteranopia")).toBeLessThan(difference("#a0522d", "#6b6b1e", "full") / 2);
  });
});

describe.each(SCHEMES)("the palette, %s", (scheme) => {
  it("stands out from the page by 3:1", () => {
    for (const colour of SERIES[scheme]) expect(contrast(colour, PAGE[scheme])).toBeGreaterThanOrEqual(3);
  });

  it.each(SIGHTS)("tells any two series apart by colour or by shape for %s", (sight) => {
    SERIES[scheme].forEach((one, i) => {
      SERIES[scheme].slice(i + 1).forEach((other, offset) => {
        const j = i + 1 + offset;
        const apart = difference(one, other, sight) >= 20 || (SHAPES[i] !== SHAPES[j] && DASHES[i] !== DASHES[j]);
        expect(apart, `${one} ${other}`).toBe(true);
      });
    });
  });
});

it("has a shape and a pattern of its own for each colour", () => {
  expect(new Set(SHAPES).size).toBe(SERIES.light.length);
  expect(new Set(DASHES).size).toBe(SERIES.dark.length);
  expect(SERIES.light.length).toBe(SERIES.dark.length);
});

it("is what charts.css says", () => {
  SERIES.light.forEach((light, i) => {
    expect(css).toContain(`--series-${i + 1}: light-dark(${light}, ${SERIES.dark[i] ?? ""});`);
  });
});
