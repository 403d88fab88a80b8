import { expect, it } from "vitest";

import type { Job } from "../../job/describe";
import { exportOf, modelOf } from "./exported";

const search = { targets: [{ target: "cpu" }, { target: "alveo-u55c:dwc" }] };
const EXPORT = { kind: "export", job: "job_search", architecture_id: "a1", target: "cpu", search };

function job(id: string, state: string, spec: object = {}, model?: string): Job {
  const result = model === undefined ? null : { model: { model_id: model } };
  return { id, state, spec: { ...EXPORT, ...spec }, result } as unknown as Job;
}

function found(jobs: readonly Job[]): string | undefined {
  return exportOf(jobs, "job_search", "a1", "cpu")?.id;
}

it("finds an export that is queued, running or paused", () => {
  for (const state of ["queued", "running", "paused"]) expect(found([job("one", state)])).toBe("one");
});

it("leaves those that failed or were cancelled", () => {
  expect(found([job("one", "failed"), job("two", "cancelled")])).toBeUndefined();
});

it("finds an exported model behind a younger one that failed", () => {
  const jobs = [job("three", "failed"), job("two", "succeeded", {}, "mdl_2"), job("one", "succeeded", {}, "mdl_1")];
  const one = exportOf(jobs, "job_search", "a1", "cpu");
  expect(one && modelOf(one)?.model_id).toBe("mdl_2");
});

it("leaves exports of other searches, architectures and targets", () => {
  expect(found([{ job: "job_other" }, { architecture_id: "a2" }, { target: "alveo-u55c:dwc" }].map((spec) => job("one", "queued", spec)))).toBeUndefined();
});

it("knows the only target of a search by any of its names", () => {
  expect(found([job("one", "queued", { target: "cpu:threads=1", search: { targets: [{ target: "cpu:threads=1" }] } })])).toBe("one");
});
