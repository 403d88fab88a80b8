import { describe, expect, it } from "vitest";

import { counted, DEFAULT, fromQuery, toggled, toQuery, toSpec } from "./form";

describe("the form of a batch", () => {
  it("counts the cells", () => {
    const form = { ...DEFAULT, data: ["digits", "ds_1"], targets: ["cpu", "zcu104", "zcu102"], budgets: "40%, 0.2", seeds: "0" };
    expect(counted(form)).toEqual({ words: "2 data sets × 2 search spaces × 3 targets × 2 budgets × 1 seed", cells: 24 });
  });

  it("makes the spec", () => {
    const form = { ...DEFAULT, budgets: " 40 %, 0.2ms ,1", seeds: "0,7", minutes: "30", measureCross: true };
    expect(toSpec(form)).toEqual({
      problems: [],
      spec: {
        kind: "batch", data: ["digits"], spaces: ["mobilenet", "resnet"], targets: ["cpu"], budgets: ["40%", 0.2, 1], seeds: [0, 7],
        search: { effort: "quick", minutes: 30 }, measure_cross: true,
      },
    });
  });

  it.each([
    [{ data: [] }, "/spec/data"],
    [{ targets: [] }, "/spec/targets"],
    [{ budgets: "fast" }, "/spec/budgets"],
    [{ budgets: "120%" }, "/spec/budgets"],
    [{ budgets: "0" }, "/spec/budgets"],
    [{ budgets: "" }, "/spec/budgets"],
    [{ budgets: "1, 1.0" }, "/spec/budgets"],
    [{ seeds: "-1" }, "/spec/seeds"],
    [{ seeds: "1, 1" }, "/spec/seeds"],
    [{ minutes: "0" }, "/spec/search/minutes"],
    [{ seeds: Array.from({ length: 501 }, (_, index) => index).join() }, "/spec/cells"],
  ])("reports what is wrong with %j", (change, pointer) => {
    const { spec, problems } = toSpec({ ...DEFAULT, ...change });
    expect(spec).toBeNull();
    expect(problems.map((one) => one.pointer)).toEqual([pointer]);
  });

  it("is kept in the address", () => {
    const form = { ...DEFAULT, data: ["digits", "ds_1"], spaces: ["resnet:block=bottleneck"], budgets: "0.2", effort: "standard" as const, measureCross: true };
    expect(fromQuery(toQuery(form))).toEqual(form);
    expect(fromQuery(new URLSearchParams())).toEqual(DEFAULT);
  });

  it("selects and deselects", () => {
    expect(toggled(["a"], "b")).toEqual(["a", "b"]);
    expect(toggled(["a", "b"], "a")).toEqual(["b"]);
  });
});
