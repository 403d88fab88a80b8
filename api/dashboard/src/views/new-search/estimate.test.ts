import { expect, it } from "vitest";

import { occurring } from "./Estimate";

it("leaves out the stages that a job without a supernet does not have", () => {
  const seconds = { profiling: 20, training: 0, searching: 0, fine_tuning: 200, verifying: 9 };
  expect(Object.keys(occurring({ seconds, supernet: false }))).toEqual(["profiling", "fine_tuning", "verifying"]);
  // Networks that are cut out of a trained one are searched, too.
  expect(occurring({ seconds: { ...seconds, training: 90, searching: 40 }, supernet: false })).toMatchObject({ training: 90, searching: 40 });
  // A supernet that is stored takes no time, and is there all the same.
  expect(occurring({ seconds, supernet: true })).toEqual(seconds);
  expect(occurring({ seconds: { profiling: 20 }, supernet: null })).toEqual({ profiling: 20 });
});
