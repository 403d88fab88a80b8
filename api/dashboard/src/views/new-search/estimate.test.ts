import { expect, it } from "vitest";

import { occurring } from "./Estimate";

it("leaves out the stages that a job without a supernet does not have", () => {
  const seconds = { profiling: 20, training: 0, searching: 0, fine_tuning: 200, verifying: 9 };
  expect(Object.keys(occurring({ seconds, supernet: false }))).toEqual(["profiling", "fine_tuning", "verifying"]);
  // A supernet that is stored takes no time, and is there all the same.
  expect(occurring({ seconds, supernet: true })).toEqual(seconds);
  expect(occurring({ seconds: { profiling: 20 }, supernet: null })).toEqual({ profiling: 20 });
});
