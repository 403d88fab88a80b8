import { describe, expect, it } from "vitest";

import { ProblemError } from "../../api/problem";
import { ROW } from "./form";
import { budgetIn, inUnit, reachableRange } from "./reach";
import { withValue } from "./TargetOptions";

const RANGE = [0.1, 0.3] as const;

describe("a budget", () => {
  it("is a point of the reachable range", () => {
    expect(budgetIn(ROW, RANGE)?.ms).toBeCloseTo(0.18);
    expect(budgetIn({ budget: "0.2", unit: "ms" }, RANGE)?.share).toBeCloseTo(0.5);
    expect(budgetIn({ budget: "0.05", unit: "ms" }, RANGE)?.share).toBeLessThan(0);
    expect(budgetIn({ budget: "", unit: "ms" }, RANGE)).toBeUndefined();
  });

  it("keeps its meaning when its unit changes, where the range is known", () => {
    expect(inUnit(ROW, "ms", RANGE)).toMatchObject({ unit: "ms", budget: "0.18" });
    expect(inUnit({ ...ROW, unit: "ms", budget: "0.18" }, "%", RANGE)).toMatchObject({ unit: "%", budget: "40" });
    expect(inUnit({ ...ROW, unit: "ms", budget: "9" }, "%", RANGE).budget).toBe("100");
    expect(inUnit(ROW, "ms", undefined)).toMatchObject({ unit: "ms", budget: "40" });
  });

  it("that nothing meets comes with the range", () => {
    const facts = { target: "cpu", reachable_ms: [0.1, 0.3] };
    const problem = { type: "", title: "", status: 422, detail: "", fix: "", code: "infeasible_budget", errors: [], facts };
    expect(reachableRange(new ProblemError(problem))).toEqual({ cpu: [0.1, 0.3] });
    expect(reachableRange(new ProblemError({ ...problem, facts: {} }))).toEqual({});
    expect(reachableRange(new Error("x"))).toEqual({});
  });
});

describe("an option of a target", () => {
  const build = { name: "build", kind: "choice", summary: "", default: "isa2", values: ["isa2", "elp2"], bare: true } as const;
  const clock = { name: "clock", kind: "number", summary: "", default: null, values: [], bare: false } as const;
  const forms = [
    { ...build, values: [...build.values] },
    { ...clock, values: [] },
  ];
  const [first, second] = forms as [(typeof forms)[number], (typeof forms)[number]];

  it("is left out at its default, and is in the target's order", () => {
    expect(Object.entries(withValue({ clock: "300" }, forms, first, "elp2"))).toEqual([["elp2", ""], ["clock", "300"]]);
    expect(withValue({ elp2: "" }, forms, first, "isa2")).toEqual({});
    expect(withValue({ elp2: "", clock: "300", other: "1" }, forms, second, "")).toEqual({ elp2: "", other: "1" });
  });
});
