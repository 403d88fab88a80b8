import { execFileSync } from "node:child_process";

import { describe, expect, it } from "vitest";

import { toSpec, DEFAULT, type WireSpec } from "./form";
import { literal, shell, snippets, yaml } from "./snippets";

const NASTY = ["it's", '"quoted"', "a b", "$HOME `id` \\", "line\nbreak", "é 漢 🙂", "-x", "", "#no", "40%", "a'b'c"];
const SERVER = "http://127.0.0.1:8000";
const SPEC = {
  kind: "search",
  data: "digits",
  space: "mobilenet",
  targets: [
    { target: "cpu", latency_ms: "40%" },
    { target: "cpu:threads=2", latency_ms: 0.08 },
  ],
  effort: "quick",
  seed: 0,
} as Extract<WireSpec, { kind: "search" }>;

function text(spec: WireSpec, id: string): string | undefined {
  return snippets(spec, SERVER).find((one) => one.id === id)?.text;
}

describe("shell", () => {
  it.each(NASTY)("hands on %j as one word", (word) => {
    expect(execFileSync("sh", ["-c", `printf %s ${shell(word)}`]).toString()).toBe(word);
  });
});

describe("the command line", () => {
  it("has one budget a target, in order", () => {
    expect(text(SPEC, "cli")).toBe(
      "hwnas --server http://127.0.0.1:8000 search \\\n  --data digits \\\n  --space mobilenet \\\n  --target cpu \\\n" +
        "  --latency-ms 40% \\\n  --target cpu:threads=2 \\\n  --latency-ms 0.08 \\\n  --effort quick \\\n  --seed 0\n",
    );
  });

  it("has a limit for each cost", () => {
    const limited = { ...SPEC, limits: { weight_bytes: "300k", macs: 50_000_000, params: null } };
    expect(text(limited, "cli")).toContain("  --limit weight_bytes=300k \\\n  --limit macs=50000000\n");
    expect(text({ ...SPEC, limits: { macs: 5 } }, "yaml")).toContain("limits: {macs: 5}\n");
  });

  it("has what the form keeps of another job", () => {
    expect(text({ ...SPEC, class_weights: "none" }, "cli")).toContain("  --class-weights none\n");
  });

  it("names the trained network and the method where they are not at their defaults", () => {
    const { spec } = toSpec({ ...DEFAULT, advanced: { start_from: "efficientnet_lite0", method: "prune" } });
    const command = spec && text(spec, "cli");
    expect(command).toContain("  --from efficientnet_lite0 \\\n  --method prune\n");
    expect(spec && text(spec, "yaml")).toContain("start_from: efficientnet_lite0\n");
    expect(text(SPEC, "cli")).not.toMatch(/--from|--method/);
  });

  it("names an uploaded network by a file, which its reader has", () => {
    const own = "net_01jd3z6g4m8x2c5v7b9n1q3r5t";
    const { spec } = toSpec({ ...DEFAULT, advanced: { start_from: own } });
    expect(spec && text(spec, "cli")).toContain("  --from model.onnx\n");
    expect(spec && text(spec, "yaml")).toContain(`start_from: model.onnx  # the file that was uploaded as ${own}\n`);
    expect(spec && text(spec, "curl")).toContain(`"start_from": "${own}"`);
  });

  it("leaves out devices, which it does not know, and says so", () => {
    const spec = { ...SPEC, targets: [{ target: "cpu", latency_ms: 1, device: "0f3c5a7e9b1d2468" }] };
    const [forms, plain] = [snippets(spec, SERVER), snippets(SPEC, SERVER)];
    for (const id of ["yaml", "cli"]) {
      const [form, without] = [forms, plain].map((all) => all.find((one) => one.id === id));
      expect(form?.text).not.toContain("0f3c5a7e9b1d2468");
      expect(form?.about).toContain("device");
      expect(without?.about).not.toContain("device");
    }
    expect(text(spec, "curl")).toContain("0f3c5a7e9b1d2468");
  });

  it("is YAML's for a declared space", () => {
    expect(text({ ...SPEC, space: { name: "own" } }, "cli")).toContain("run spec.yaml");
  });
});

describe("curl", () => {
  it("sends exactly the spec", () => {
    const spec = { ...SPEC, space: { name: NASTY.join(" "), stages: [] } };
    const script = (text(spec, "curl") ?? "").replace(/^curl/, "show() { for last; do :; done; printf %s \"$last\"; }; show");
    expect(JSON.parse(execFileSync("sh", ["-c", script]).toString())).toEqual({ spec });
  });
});

describe("Python", () => {
  it("is a call of the client", () => {
    expect(text({ ...SPEC, targets: [{ target: "cpu", latency_ms: 0.1 }] }, "python")).toBe(
      `from api.client import Client

with Client("http://127.0.0.1:8000") as client:
    job = client.submit({
        "kind": "search",
        "data": "digits",
        "space": "mobilenet",
        "targets": [{"target": "cpu", "latency_ms": 0.1}],
        "effort": "quick",
        "seed": 0,
    })
    job.wait(progress=True)
    for model in job.models():
        print(model.download(model.document.target))
`,
    );
  });

  it("has Python's words", () => {
    expect(literal({ a: [true, false, null, 1.5, "x"] }, 0)).toBe('{"a": [True, False, None, 1.5, "x"]}');
  });
});

describe("YAML", () => {
  it("is what hwnas run reads: without a kind, each target on its line", () => {
    expect(text(SPEC, "yaml")).toBe(
      'data: digits\nspace: mobilenet\ntargets:\n  - {target: cpu, latency_ms: "40%"}\n  - {target: "cpu:threads=2", latency_ms: 0.08}\n' +
        "effort: quick\nseed: 0\n",
    );
  });

  it("quotes what could be taken for something else", () => {
    expect(yaml({ yes: "no", a: "null", b: "1e3", c: "x y", d: 1e-7, e: "n", f: true, g: null, h: "-" })).toBe(
      '"yes": "no"\na: "null"\nb: "1e3"\nc: "x y"\nd: 1.0e-7\ne: "n"\nf: true\ng: null\nh: "-"',
    );
  });

  it("is not offered for what hwnas run does not do", () => {
    const { spec } = toSpec({ ...DEFAULT, kind: "profiling" });
    expect(spec && snippets(spec, SERVER).map((one) => one.id)).toEqual(["curl", "python"]);
  });
});
