/**
 * The content of the form of a new job, as the user typed it: text for numbers, so that half a number is kept. From it comes
 * the spec that is sent (`toSpec`), and a spec makes a form again (`toForm`), to start from another job's. The form in the
 * address is in `query.ts`.
 */
import type { Schemas } from "../../api/client";
import { type Limits, limitsOf, typedLimits } from "./limits";

export type Kind = "search" | "profiling" | "supernet_training";
type AnySpec = Schemas["JobCreate"]["spec"];
/** What the advanced part sets, and what the service has where it is left out. */
export const ADVANCED = {
  start_from: "auto",
  method: "auto",
  device: "auto",
  fit: "stretch",
  augment: "auto",
  metric: "accuracy",
  class_weights: "auto",
  budget_on: "quiet",
  searcher: "hwnas",
  objective: "front",
} as const;
export type AdvancedName = keyof typeof ADVANCED;
export const ADVANCED_NAMES = Object.keys(ADVANCED) as AdvancedName[];
/** Only what is not at its default. */
export type Advanced = Partial<Record<AdvancedName, string>>;

/** A spec that the form can create; the service has further kinds. What has a default may be left out of a request. */
export type WireSpec = Extract<AnySpec, { kind: Kind }>;
export type Effort = "quick" | "standard" | "thorough";
export type Unit = "%" | "ms";

export const KINDS: readonly Kind[] = ["search", "profiling", "supernet_training"];
export function isFormSpec(spec: AnySpec): spec is WireSpec {
  return (KINDS as readonly string[]).includes(spec.kind);
}

export const EFFORTS: readonly Effort[] = ["quick", "standard", "thorough"];
export const MAX_TARGETS = 16;

/** A name with options, as targets and spaces have: `cpu:threads=2`, `alveo-u50:elp2`. A flag's value is an empty text. */
export interface Named {
  id: string;
  options: Record<string, string>;
}

export interface TargetRow extends Named {
  budget: string;
  unit: Unit;
  /** Fingerprint of the only device that is allowed; empty for any. */
  device: string;
}

export interface Form {
  kind: Kind;
  data: string;
  targets: TargetRow[];
  space: Named;
  /** The JSON text of a custom space; null for a built-in one. */
  declared: string | null;
  effort: Effort;
  minutes: string;
  resolution: string;
  seed: string;
  threads: string;
  /** Of a search: architectures that are suggested together. */
  at_once: string;
  advanced: Advanced;
  /** Of a search: limits on other costs than latency. */
  limits: Limits;
  /** Of a supernet: the targets of later searches, which the form does not show but keeps of the job that it starts from. */
  trainedFor: string;
}

/** What is wrong with one field: `pointer` as in a problem document of the service. */
export interface FieldProblem {
  pointer: string;
  detail: string;
}

/** The space that the service chooses, by the data and by the trained network that the search starts from. */
export const AUTO_SPACE: Named = { id: "auto", options: {} };
export const ROW: TargetRow = { id: "cpu", options: {}, budget: "40", unit: "%", device: "" };

export const DEFAULT: Form = {
  kind: "search",
  data: "digits",
  targets: [ROW],
  space: AUTO_SPACE,
  declared: null,
  effort: "standard",
  minutes: "",
  resolution: "",
  seed: "0",
  threads: "",
  at_once: "1",
  advanced: {},
  limits: {},
  trainedFor: "cpu",
};

/** `cpu:threads=2`. Options without a value are flags. */
export function nameOf({ id, options }: Named): string {
  const given = Object.entries(options).map(([key, value]) => (value === "" ? key : `${key}=${value}`));
  return given.length === 0 ? id : `${id}:${given.join(",")}`;
}

export function named(text: string): Named {
  const [id = "", ...rest] = text.split(":");
  const options: Record<string, string> = {};
  for (const part of rest.join(":").split(",")) {
    const at = part.indexOf("=");
    if (part !== "") options[at < 0 ? part : part.slice(0, at)] = at < 0 ? "" : part.slice(at + 1);
  }
  return { id, options };
}

/** A built-in space of a form. A latency table is of one space, so that nothing can choose it. */
export function knownSpace({ kind, space }: Pick<Form, "kind" | "space">): Named {
  return kind === "profiling" && space.id === AUTO_SPACE.id ? { id: "mobilenet", options: {} } : space;
}

/** The spec of a form, or its invalid fields. What only the service knows, it reports (`validate_only`). */
export function toSpec(form: Form): { spec: WireSpec; problems: [] } | { spec: null; problems: FieldProblem[] } {
  const problems: FieldProblem[] = [];
  const number = (name: string, text: string, whole: boolean) => numberOf(`/spec/${name}`, text, whole, problems);
  const resolution = number("resolution", form.resolution, true);
  const seed = number("seed", form.seed, true) ?? 0;
  const common = { data: form.data, effort: form.effort, seed, ...(resolution === undefined ? {} : { resolution }) };
  let spec: WireSpec;
  if (form.kind === "profiling") {
    spec = { kind: "profiling", ...targetOf(form.targets[0] ?? ROW), space: nameOf(knownSpace(form)), ...common };
  } else {
    const threads = number("threads", form.threads, true);
    const minutes = number("minutes", form.minutes, false);
    const { budget_on, method, searcher, objective, ...how } = form.advanced;
    const bounds = { ...(minutes === undefined ? {} : { minutes }), ...(threads === undefined ? {} : { threads }) };
    const trained = { space: spaceOf(form, problems), ...common, ...bounds, ...how };
    if (form.kind === "supernet_training") {
      const targets = form.trainedFor === DEFAULT.trainedFor ? {} : { targets: form.trainedFor.split(" ") };
      const by = method === undefined || method === "prune" ? {} : { method };
      spec = { kind: "supernet_training", ...trained, ...targets, ...by } as WireSpec;
    } else {
      const targets = form.targets.map((row, index) => ({ ...targetOf(row), latency_ms: budgetOf(row, index, problems) }));
      const limits = limitsOf(form.limits, problems);
      const at_once = number("at_once", form.at_once, true) ?? 1;
      const own = {
        ...(method === undefined ? {} : { method }),
        ...(budget_on === undefined ? {} : { budget_on }),
        ...(searcher === undefined ? {} : { searcher }),
        ...(objective === undefined ? {} : { objective }),
        ...(limits === undefined ? {} : { limits }),
        ...(at_once === 1 ? {} : { at_once }),
      };
      spec = { kind: "search", targets, ...trained, ...own } as WireSpec;
    }
  }
  return problems.length === 0 ? { spec, problems: [] } : { spec: null, problems };
}

/** The form that makes a spec. */
export function toForm(spec: WireSpec): Form {
  const form: Form = {
    ...DEFAULT,
    kind: spec.kind,
    data: spec.data,
    effort: spec.effort,
    seed: String(spec.seed),
    resolution: text(spec.resolution),
    ...(typeof spec.space === "string"
      ? { space: named(spec.space) }
      : { declared: JSON.stringify(spec.space, null, 2) }),
  };
  if (spec.kind === "profiling") return { ...form, targets: [{ ...ROW, ...named(spec.target), device: text(spec.device) }] };
  form.threads = text(spec.threads);
  form.minutes = text(spec.minutes);
  form.advanced = advancedOf(spec);
  if (spec.kind === "supernet_training") return { ...form, trainedFor: (spec.targets as readonly string[] | undefined)?.join(" ") ?? DEFAULT.trainedFor };
  const targets = spec.targets.map((one) => ({ ...named(one.target), ...budget(one.latency_ms), device: text(one.device) }));
  return { ...form, targets, limits: typedLimits(spec.limits), at_once: text(spec.at_once) || DEFAULT.at_once };
}

function advancedOf(spec: Exclude<WireSpec, { kind: "profiling" }>): Advanced {
  return ADVANCED_NAMES.reduce<Advanced>((found, name) => withSetting(found, name, (spec as Advanced)[name] ?? ADVANCED[name]), {});
}

/** With one of them set, or left out where it is at its default. */
export function withSetting(advanced: Advanced, name: AdvancedName, value: string): Advanced {
  const others = Object.fromEntries(Object.entries(advanced).filter(([one]) => one !== name));
  return value === ADVANCED[name] ? others : { ...others, [name]: value };
}

function targetOf(row: TargetRow): { target: string; device?: string } {
  return { target: nameOf(row), ...(row.device === "" ? {} : { device: row.device }) };
}

function text(value: number | string | null | undefined): string {
  return value === null || value === undefined ? "" : String(value);
}

function budget(latency: number | string): Pick<TargetRow, "budget" | "unit"> {
  const given = String(latency);
  return given.endsWith("%") ? { budget: given.slice(0, -1), unit: "%" } : { budget: given, unit: "ms" };
}

function budgetOf(row: TargetRow, index: number, problems: FieldProblem[]): number | string {
  const pointer = `/spec/targets/${index}/latency_ms`;
  const value = decimal(row.budget);
  if (value === null) problems.push({ pointer, detail: "Give a number." });
  else if (row.unit === "ms" && value <= 0) problems.push({ pointer, detail: "Give more than 0 ms." });
  else if (row.unit === "%" && value > 100) problems.push({ pointer, detail: "Give 0 % to 100 %." });
  return row.unit === "%" ? `${value ?? 0}%` : (value ?? 0);
}

function spaceOf(form: Form, problems: FieldProblem[]): string | Record<string, unknown> {
  if (form.declared === null) return nameOf(form.space);
  const wrong = (detail: string) => {
    problems.push({ pointer: "/spec/space", detail });
    return {};
  };
  try {
    const value: unknown = JSON.parse(form.declared);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    return wrong("A search space is a JSON object with name and stages.");
  } catch (error) {
    return wrong(`This is not valid JSON: ${error instanceof Error ? error.message : "it cannot be read"}.`);
  }
}

/** Undefined for an empty text: the field is left out, and the service has its default. */
function numberOf(pointer: string, typed: string, whole: boolean, problems: FieldProblem[]): number | undefined {
  if (typed.trim() === "") return undefined;
  const value = decimal(typed);
  if (value !== null && (!whole || Number.isInteger(value))) return value;
  problems.push({ pointer, detail: whole ? "Give a whole number." : "Give a number." });
  return undefined;
}

/** A plain decimal number, not negative; null otherwise. */
function decimal(typed: string): number | null {
  return /^(\d+(\.\d*)?|\.\d+)$/.test(typed.trim()) ? Number(typed) : null;
}
