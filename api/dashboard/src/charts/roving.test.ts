import { expect, it } from "vitest";

import { moved } from "./roving";

it("goes along and stops at the ends", () => {
  expect(moved("ArrowRight", null, 3)).toBe(0);
  expect(moved("ArrowRight", 1, 3)).toBe(2);
  expect(moved("ArrowDown", 2, 3)).toBe(2);
  expect(moved("ArrowLeft", 0, 3)).toBe(0);
  expect(moved("Home", 2, 3)).toBe(0);
  expect(moved("End", 0, 3)).toBe(2);
  expect(moved("PageDown", 0, 25)).toBe(10);
});

it("leaves with Escape and lets other keys be", () => {
  expect(moved("Escape", 1, 3)).toBeNull();
  expect(moved("a", 1, 3)).toBeUndefined();
  expect(moved("End", null, 0)).toBeUndefined();
});
