import { describe, expect, it } from "vitest";

import { brushesOf, endsOf, MOST_COMPARED, read, toggled, write } from "./address";
import { ACCURACY, type Dimension } from "./dimensions";

const WIDTH: Dimension = { ...ACCURACY, id: "choice.width", values: ["8", "16", "24"] };

describe("the address", () => {
  it("says nothing of what is as at first", () => {
    expect(write(read(new URLSearchParams())).toString()).toBe("");
  });

  it("gives the same view again", () => {
    const text =
      "target=cpu&x=macs&y=accuracy2&x-scale=log&y-scale=log&as-of=12&selected=a,b&brush=accuracy~0.9~1&brush=choice.width~8~16&sort=-accuracy&tables=front&axes=";
    const seen = read(new URLSearchParams(text));
    expect(seen).toMatchObject({ target: "cpu", x: "macs", logX: true, asOf: 12, selected: ["a", "b"], tables: ["front"], axes: [] });
    expect(seen.sort).toEqual({ column: "accuracy", descending: true });
    expect(decodeURIComponent(write(seen).toString())).toBe(text);
  });

  it("steps over what cannot be read", () => {
    expect(read(new URLSearchParams("as-of=x&brush=a&tables=none"))).toMatchObject({ asOf: null, tables: [] });
  });
});

describe("brushes", () => {
  it("are ranges of values, and of choices by their values", () => {
    const seen = read(new URLSearchParams("brush=accuracy~0.9~0.95&brush=choice.width~16~24&brush=gone~1~2"));
    expect(brushesOf(seen, [ACCURACY, WIDTH]).map(({ low, high }) => [low, high])).toEqual([
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
