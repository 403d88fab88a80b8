import { describe, expect, it } from "vitest";

import { amount, limitsOf, typedLimits, withLimit } from "./limits";
import type { FieldProblem } from "./form";

describe("an amount", () => {
  it.each<[string, number]>([
    ["1", 1],
    ["300k", 300_000],
    ["1.5M", 1_500_000],
    ["2G", 2_000_000_000],
    [" 50M ", 50_000_000],
    ["0.001k", 1],
    ["1000000000000000", 1e15],
  ])("%j is %d", (typed, value) => {
    expect(amount(typed)).toBe(value);
  });

  it.each(["", "0", "-5", "1.5", "0.0001k", "1e6", "10MB", "1K", "k", "1 M", "1000001G", "many"])("%j is none", (typed) => {
    expect(amount(typed)).toBeNull();
  });
});

describe("the limits of a spec", () => {
  it("are what is typed, numbers where there is no unit", () => {
    expect(limitsOf({ macs: "50M", params: " 7 ", weight_bytes: "" }, [])).toEqual({ macs: "50M", params: 7 });
    expect(limitsOf({}, [])).toBeUndefined();
  });

  it("say which is wrong", () => {
    const problems: FieldProblem[] = [];
    expect(limitsOf({ macs: "x", params: "5" }, problems)).toEqual({ params: 5 });
    expect(problems.map((one) => one.pointer)).toEqual(["/spec/limits/macs"]);
  });

  it("are typed again from the service's, which has null for none", () => {
    expect(typedLimits({ macs: 5, params: null })).toEqual({ macs: "5" });
    expect(typedLimits(null)).toEqual({});
    expect(withLimit({ macs: "5" }, "macs", "")).toEqual({});
  });
});
