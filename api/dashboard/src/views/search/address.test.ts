import { describe, expect, it } from "vitest";

import { brushesOf, endsOf, MOST_COMPARED, read, toggled, write } from "./address";
import { type Dimension, metricDimension } from "./dimensions";

const ACCURACY = metricDimension({ name: "accuracy", higher_is_better: true });
const WIDTH: Dimension = { ...ACCURACY, id: "choice.width", values: ["8", "16", "24"] };

describe("the address", () => {
  it("leaves out what is at its default", () => {
    expect(write(read(new URLSearchParams())).toString()).toBe("");
  });

  it("gives the same view again", () => {
    const text =
      "target=cpu&x=macs&y=params&x-scale=log&y-scale=log&as-of=12&selected=a,b&brush=metric~0.9~1&brush=choice.width~8~16&sort=-metric&tables=front&axes=";
    const address = read(new URLSearchParams(text));
    expect(address).toMatchObject({ target: "cpu", x: "macs", logX: true, asOf: 12, selected: ["a", "b"], tables: ["front"], axes: [] });
    expect(address.sort).toEqual({ column: "metric", descending: true });
    expect(decodeURIComponent(write(address).toString())).toBe(text);
  });

  it("takes the metric's earlier name", () => {
    const address = read(new URLSearchParams("x=accuracy&brush=accuracy~0.9~1&sort=-accuracy&axes=accuracy,macs"));
    expect(address).toMatchObject({ x: "metric", sort: { column: "metric", descending: true }, axes: ["metric", "macs"] });
    expect([...address.brushes.keys()]).toEqual(["metric"]);
  });

  it("steps over what cannot be read", () => {
    expect(read(new URLSearchParams("as-of=x&brush=a&tables=none"))).toMatchObject({ asOf: null, tables: [] });
  });
});

describe("brushes", () => {
  it("are ranges of values, and of choices by their values", () => {
    const address = read(new URLSearchParams("brush=metric~0.9~0.95&brush=choice.width~16~24&brush=gone~1~2"));
    expect(brushesOf(address, [ACCURACY, WIDTH]).map(({ low, high }) => [low, high])).toEqual([
      [0.9, 0.95],
      [1, 2],
    ]);
  });

  it("hold whole values of a choice", () => {
    expect(endsOf(WIDTH, 0.4, 2.3)).toEqual(["16", "24"]);
    expect(endsOf(WIDTH, 0.4, 0.6)).toBeNull();
    expect(endsOf(ACCURACY, 0.123456789, 1)).toEqual(["0.12346", "1"]);
  });
});

it("selects up to as many as can be compared", () => {
  expect(toggled(["a"], "b")).toEqual(["a", "b"]);
  expect(toggled(["a", "b"], "a")).toEqual(["b"]);
  const full = Array.from({ length: MOST_COMPARED }, (_, i) => String(i));
  expect(toggled(full, "new")).toEqual([...full.slice(1), "new"]);
});
