import { describe, expect, it } from "vitest";

import type { Curve } from "../../job/state";
import { fineTunedTargets, fineTuningGroups, sourceGroups, supernetGroups } from "./groups";

function curves(...all: [phase: string, target: string | null, name: string, values: number[]][]): Record<string, Curve> {
  return Object.fromEntries(
    all.map(([phase, target, name, values], index) => [String(index), { phase, target, name, steps: values.map((_, i) => i), values }]),
  );
}

const ALL = curves(
  ["training", null, "loss_smallest", [3, 6]],
  ["training", null, "loss_largest", [1, 2]],
  ["training", null, "learning_rate", [0.1, 0.2]],
  ["training", null, "source_loss", [5]],
  ["training", null, "source_learning_rate", [0.3]],
  ["fine_tuning", "cpu", "tune_loss", [1]],
  ["fine_tuning", "cpu", "int8_loss", [2]],
  ["fine_tuning", "fpga", "int8_accuracy", [0.9]],
);

describe("groups", () => {
  it("put the subnets of the supernet together, the largest first", () => {
    const [loss, rate] = supernetGroups(ALL, 0);
    expect(loss?.lines.map(({ name, series }) => [name, series])).toEqual([
      ["largest subnet", 0],
      ["smallest subnet", 2],
    ]);
    expect(rate?.key).toBe("learning_rate");
  });

  it("have the trained network apart from the supernet", () => {
    const [loss, rate] = sourceGroups(ALL, 0);
    expect(loss?.lines.map(({ name, values }) => [name, values])).toEqual([["mean over its ends", [5]]]);
    expect(rate?.lines[0]?.values).toEqual([0.3]);
    expect(supernetGroups(ALL, 0).flatMap(({ lines }) => lines.map(({ values }) => values))).not.toContainEqual([5]);
  });

  it("keep the fine-tuning of each target apart", () => {
    expect(fineTunedTargets(ALL)).toEqual(["cpu", "fpga"]);
    expect(fineTuningGroups(ALL, "cpu", 0).map(({ title, lines }) => [title, lines.map(({ name }) => name)])).toEqual([
      ["Loss, cpu", ["fine-tuning", "quantisation-aware training (INT8)"]],
    ]);
    expect(fineTuningGroups(ALL, "fpga", 0).map(({ title }) => title)).toEqual(["Accuracy, fpga"]);
  });

  it("smooth all but the learning rate, and keep the raw values", () => {
    const [loss, rate] = supernetGroups(ALL, 0.5);
    // (1*3 + 2*6) / 3
    expect(loss?.lines[1]?.values).toEqual([3, 5]);
    expect(loss?.lines[1]?.raw).toEqual([3, 6]);
    expect(rate?.lines[0]?.values).toEqual([0.1, 0.2]);
    expect(rate?.lines[0]?.raw).toBeUndefined();
  });

  it("are none without curves", () => {
    expect(supernetGroups({}, 0)).toEqual([]);
    expect(sourceGroups({}, 0)).toEqual([]);
    expect(fineTunedTargets({})).toEqual([]);
  });
});
