import { expect, it } from "vitest";

import { listOf } from "./listOf";

it.each([
  ["unknown_job", "/"],
  ["unknown_model", "/models"],
  ["unknown_artifact", "/models"],
  ["unknown_candidate", "/jobs/job_1/candidates"],
  ["unknown_architecture", "/jobs/job_1/candidates"],
])("leads from %s to %s", (code, to) => {
  expect(listOf(code, "job_1")?.to).toBe(to);
});

it("knows no candidates outside the pages of a job", () => {
  expect(listOf("unknown_candidate", undefined)).toBeNull();
});

it("leaves other problems to what the service says of them", () => {
  expect(listOf("quota_exceeded", "job_1")).toBeNull();
});
