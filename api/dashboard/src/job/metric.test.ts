import { expect, it } from "vitest";

import { byMetric, metricDifference, metricOf, metricText, metricTitle } from "./metric";

const value = (name: string, value: number, higher_is_better = true) => ({ name, value, higher_is_better });

it("names metrics, also those that it does not know", () => {
  expect([metricTitle("macro_f1"), metricTitle("mean_average_precision")]).toEqual(["macro F1", "mean average precision"]);
});

it("writes shares in percent and others as numbers", () => {
  expect([metricText(value("accuracy", 0.9)), metricText(value("mean_error", 1.23456))]).toEqual(["90.00 %", "1.235"]);
  expect(metricDifference("accuracy", 0.9, 0.88)).toBe("+2.00 points");
  expect(metricDifference("accuracy", 0.9, 0.9)).toBe("equal");
  expect(metricDifference("mean_error", 1, 1.5)).toBe("−0.5");
});

it("sorts the better first, whichever direction that is", () => {
  const sorted = (higher: boolean) => [1, 3, 2].map((one) => value("x", one, higher)).sort(byMetric).map((one) => one.value);
  expect([sorted(true), sorted(false)]).toEqual([[3, 2, 1], [1, 2, 3]]);
});

it("is what the events say, else what was requested", () => {
  expect(metricOf(undefined, undefined)).toEqual({ name: "accuracy", higher_is_better: true });
  expect(metricOf(undefined, value("mean_error", 1, false))).toMatchObject({ name: "mean_error", higher_is_better: false });
});
