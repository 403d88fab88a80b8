import { describe, expect, it } from "vitest";

import { type Cell, countsOf, current, matrices } from "./matrix";

function cell(id: string, change: Partial<Cell> = {}): Cell {
  return {
    id, data: "digits", space: "resnet", target: "cpu", latency_ms: "40%", seed: 0, state: "pending", metric: null, measured_ms: null,
    kind: null, detail: "", ...change,
  };
}

describe("the matrix of a batch", () => {
  const cells = [
    cell("a"),
    cell("b", { latency_ms: 0.2 }),
    cell("c", { space: "mobilenet" }),
    cell("d", { data: "ds_1", target: "zcu104" }),
  ];

  it("has a table for each data set, and gaps for what is left out", () => {
    const [digits, other] = matrices(cells);
    expect(digits?.columns).toEqual([{ target: "cpu", budget: "40%" }, { target: "cpu", budget: 0.2 }]);
    expect(digits?.rows.map(({ space, cells: own }) => [space, own.map((one) => one?.id ?? null)])).toEqual([
      ["resnet", ["a", "b"]],
      ["mobilenet", ["c", null]],
    ]);
    expect(other).toMatchObject({ data: "ds_1", columns: [{ target: "zcu104", budget: "40%" }], rows: [{ space: "resnet", seed: 0 }] });
  });

  it("takes what the stream told", () => {
    const metric = { name: "accuracy", value: 0.9, higher_is_better: true };
    const told = { a: { type: "cell" as const, cell: "a", state: "succeeded", metric, latency_ms: 0.1, kind: "measured" as const, detail: "" } };
    const [first, second] = current(cells, told);
    expect(first).toMatchObject({ state: "succeeded", metric, measured_ms: 0.1, kind: "measured", space: "resnet" });
    expect(second).toBe(cells[1]);
    expect(countsOf(current(cells, told))).toEqual({ succeeded: 1, pending: 3 });
  });
});
