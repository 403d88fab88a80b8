import { describe, expect, it } from "vitest";

import { ProblemError } from "../../api/problem";
import { at, isElsewhere, problemsOf } from "./fields";
import { DEFAULT, type Form, nameOf, named, toForm, toSpec, type WireSpec, withSetting } from "./form";
import { PRESETS, withPreset } from "./presets";
import { fromQuery, toQuery } from "./query";

const FULL: Form = {
  ...DEFAULT,
  targets: [
    { id: "cpu", options: { threads: "2" }, budget: "0.08", unit: "ms", device: "" },
    { id: "alveo-u50", options: { elp2: "", clock: "300" }, budget: "12.5", unit: "%", device: "0f3c5a7e9b1d2468" },
  ],
  space: { id: "resnet", options: { block: "bottleneck", activation: "relu6" } },
  effort: "thorough",
  minutes: "90",
  resolution: "32",
  seed: "7",
  threads: "1",
  at_once: "4",
  advanced: { start_from: "efficientnet_lite1", method: "prune", fit: "pad", metric: "macro_f1", budget_on: "p95", searcher: "tpe", objective: "reward" },
  limits: { weight_bytes: "300k", macs: "50000000" },
};
const DECLARED: Form = { ...DEFAULT, declared: '{"name": "é & \\"q\\"", "stages": [{"block": "conv", "channels": [8, 16]}]}' };

describe("names with options", () => {
  it.each(["cpu", "cpu:threads=2", "alveo-u50:elp2,clock=300", "alveo-u250:engines=2+1,tenants=1+1", "mobilenet:activation=hard_swish"])("%s is read and written alike", (name) => {
    expect(nameOf(named(name))).toBe(name);
  });
});

describe("the spec of a form", () => {
  it("is the smallest one for the default form", () => {
    expect(toSpec(DEFAULT).spec).toEqual({
      kind: "search",
      data: "digits",
      space: "auto",
      effort: "standard",
      seed: 0,
      targets: [{ target: "cpu", latency_ms: "40%" }],
    });
  });

  it("names a device where one is requested", () => {
    expect(toSpec(FULL).spec).toMatchObject({ targets: [{ target: "cpu:threads=2", latency_ms: 0.08 }, { device: "0f3c5a7e9b1d2468" }] });
    const profile = toSpec({ ...FULL, kind: "profiling", targets: FULL.targets.slice(1) }).spec;
    expect(profile).toMatchObject({ target: "alveo-u50:elp2,clock=300", device: "0f3c5a7e9b1d2468" });
    expect(profile && toForm(profile).targets[0]?.device).toBe("0f3c5a7e9b1d2468");
  });

  it("makes the same form again", () => {
    for (const form of [DEFAULT, FULL]) {
      const { spec } = toSpec(form);
      expect(spec && toForm(spec)).toEqual(form);
    }
  });

  it("makes the same spec again when the space is declared, or the job is of another kind", () => {
    const trained: Form = { ...FULL, kind: "supernet_training", advanced: { fit: "pad" }, trainedFor: "alveo-u50 cpu" };
    const forms: Form[] = [DECLARED, { ...DEFAULT, kind: "profiling" }, trained];
    expect(toSpec(trained).spec).toMatchObject({ fit: "pad", minutes: 90, targets: ["alveo-u50", "cpu"] });
    for (const form of forms) {
      const { spec } = toSpec(form);
      expect(toSpec(toForm(spec as WireSpec)).spec).toEqual(spec);
    }
  });

  it("says which fields are wrong, and where", () => {
    const wrong: Form = {
      ...DEFAULT,
      targets: [
        { id: "cpu", options: {}, budget: "140", unit: "%", device: "" },
        { id: "cpu", options: {}, budget: "x", unit: "ms", device: "" },
        { id: "cpu", options: {}, budget: "0", unit: "ms", device: "" },
      ],
      seed: "1.5",
      limits: { macs: "many", params: "0" },
      minutes: "-1",
      declared: "{",
    };
    const { spec, problems } = toSpec(wrong);
    expect(spec).toBeNull();
    expect(problems.map((one) => one.pointer).sort()).toEqual([
      "/spec/limits/macs",
      "/spec/limits/params",
      "/spec/minutes",
      "/spec/seed",
      "/spec/space",
      "/spec/targets/0/latency_ms",
      "/spec/targets/1/latency_ms",
      "/spec/targets/2/latency_ms",
    ]);
  });
});

describe("advanced settings", () => {
  it("are sent only where they are not at their defaults, and only to jobs that have them", () => {
    const form: Form = { ...DEFAULT, advanced: withSetting(withSetting({}, "metric", "macro_f1"), "budget_on", "p50") };
    expect(toSpec({ ...DEFAULT, advanced: { searcher: "tpe" } }).spec).toMatchObject({ searcher: "tpe" });
    expect(toSpec(form).spec).toMatchObject({ metric: "macro_f1", budget_on: "p50" });
    expect(toSpec({ ...form, at_once: "4" }).spec).toMatchObject({ at_once: 4 });
    expect(toSpec({ ...form, at_once: "4", kind: "supernet_training" }).spec).not.toHaveProperty("at_once");
    expect(toSpec({ ...form, kind: "supernet_training" }).spec).not.toHaveProperty("budget_on");
    expect(toSpec({ ...form, kind: "profiling" }).spec).not.toHaveProperty("metric");
    expect(withSetting(form.advanced, "metric", "accuracy")).toEqual({ budget_on: "p50" });
  });

  it("say where to start from; a method without a supernet is only a search's", () => {
    const form: Form = { ...DEFAULT, advanced: { start_from: "none", method: "prune" } };
    expect(toSpec(form).spec).toMatchObject({ start_from: "none", method: "prune" });
    const supernet = toSpec({ ...form, kind: "supernet_training" }).spec;
    expect(supernet).toMatchObject({ start_from: "none" });
    expect(supernet).not.toHaveProperty("method");
    expect(toSpec({ ...form, kind: "supernet_training", advanced: { method: "search" } }).spec).toMatchObject({ method: "search" });
    expect(toSpec({ ...form, kind: "profiling" }).spec).not.toHaveProperty("start_from");
  });

  it("leave the space to the service, but for a latency table", () => {
    expect(toSpec({ ...DEFAULT, kind: "supernet_training" }).spec).toMatchObject({ space: "auto" });
    expect(toSpec({ ...DEFAULT, kind: "profiling" }).spec).toMatchObject({ space: "mobilenet" });
    expect(toSpec({ ...DEFAULT, kind: "profiling", space: { id: "resnet", options: {} } }).spec).toMatchObject({ space: "resnet" });
  });
});

describe("the address of a form", () => {
  it("is empty for the default form", () => {
    expect(toQuery(DEFAULT).toString()).toBe("");
  });

  it.each<[string, Form]>([
    ["all fields", FULL],
    ["a declared space", DECLARED],
    ["half a number", { ...DEFAULT, seed: "" }],
    ["two targets", { ...DEFAULT, targets: [...DEFAULT.targets, ...FULL.targets] }],
    ["a list in an option", { ...DEFAULT, targets: [{ id: "alveo-u250", options: { engines: "2+2", tenants: "1+1" }, budget: "1", unit: "ms", device: "" }] }],
    ["another kind", { ...DEFAULT, kind: "profiling" }],
    ...PRESETS.map((preset): [string, Form] => [preset.name, withPreset(DEFAULT, preset)]),
  ])("gives the form back: %s", (_, form) => {
    expect(fromQuery(new URLSearchParams(toQuery(form).toString()))).toEqual(form);
  });

  it("survives nonsense", () => {
    const form = fromQuery(new URLSearchParams("kind=x&effort=y&target=@@&target=cpu&space=:&seed=abc"));
    expect(form.kind).toBe("search");
    expect(form.targets[1]).toEqual(DEFAULT.targets[0]);
    expect(toSpec(form).problems.length).toBeGreaterThan(0);
  });
});

describe("problems of the service", () => {
  const problem = (code: string, errors: { pointer: string; detail: string }[], facts = {}) =>
    new ProblemError({ type: "", title: "T", status: 422, detail: "D.", fix: "F.", code, errors, facts });

  it("are at their fields", () => {
    const found = problemsOf(
      problem("invalid_request", [
        { pointer: "/spec/targets/0/latency_ms", detail: "too far" },
        { pointer: "/spec/targets", detail: "none left" },
        { pointer: "/spec/search/seed", detail: "negative" },
      ]),
    );
    expect(at(found, "/spec/targets/0", true)).toBe("too far");
    expect(at(found, "/spec/targets")).toBeUndefined();
    expect(at(found, "/spec/seed")).toBe("negative");
  });

  it("of a time that is too short are at the minutes", () => {
    const found = problemsOf(problem("invalid_spec", [], { minutes: 0.1, least_minutes: 2.4 }));
    expect(at(found, "/spec/minutes")).toBe("D. F.");
    expect(isElsewhere(problem("invalid_spec", []))).toBe(true);
  });

  it("without pointers go to the field that they are about, or beside the form", () => {
    expect(at(problemsOf(problem("infeasible_budget", [])), "/spec/targets")).toBe("D. F.");
    for (const code of ["source_unavailable", "unknown_network"]) expect(at(problemsOf(problem(code, [])), "/spec/start_from")).toBe("D. F.");
    expect(at(problemsOf(problem("infeasible_limits", [])), "/spec/limits")).toBe("D. F.");
    expect(isElsewhere(problem("infeasible_budget", []))).toBe(false);
    expect(isElsewhere(problem("quota_exceeded", []))).toBe(true);
    expect(isElsewhere(null)).toBe(false);
  });
});
