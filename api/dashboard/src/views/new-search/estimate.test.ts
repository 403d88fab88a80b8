import { expect, it } from "vitest";

import type { Schemas } from "../../api/client";
import { occurring } from "./Estimate";
import { DEFAULT, toSpec } from "./form";

function spec(start: string): Schemas["Validation"]["spec"] {
  return { ...toSpec(DEFAULT).spec, start_from: start } as Schemas["Validation"]["spec"];
}

it("leaves out the stages that a job without a supernet does not have", () => {
  const seconds = { profiling: 20, training: 0, searching: 0, fine_tuning: 200, verifying: 9 };
  expect(Object.keys(occurring({ seconds, supernet: false, spec: spec("none") }))).toEqual(["profiling", "fine_tuning", "verifying"]);
  // Networks that are cut out of a trained one are searched, too.
  expect(occurring({ seconds, supernet: false, spec: spec("efficientnet_lite0") })).toEqual(seconds);
  // A supernet that is stored takes no time, and is there all the same.
  expect(occurring({ seconds, supernet: true, spec: spec("none") })).toEqual(seconds);
  expect(occurring({ seconds: { profiling: 20 }, supernet: null, spec: spec("none") })).toEqual({ profiling: 20 });
});
