/** The form in the address: `/new?target=cpu%4040%25&effort=quick`, with a device as `cpu@40%@fingerprint`. What is at its default is left out. */
import { ADVANCED_NAMES, DEFAULT, EFFORTS, type Form, KINDS, MAX_TARGETS, nameOf, named, ROW, type TargetRow, withSetting } from "./form";
import { COST_NAMES, withLimit } from "./limits";

const TEXTS = ["data", "minutes", "resolution", "seed", "threads", "at_once"] as const;

export function toQuery(form: Form): URLSearchParams {
  const query = new URLSearchParams();
  if (form.kind !== DEFAULT.kind) query.set("kind", form.kind);
  for (const name of TEXTS) if (form[name] !== DEFAULT[name]) query.set(name, form[name]);
  const targets = form.targets.map((row) => `${nameOf(row)}@${row.budget}${row.unit}${row.device === "" ? "" : `@${row.device}`}`);
  if (targets.join(" ") !== "cpu@40%") for (const target of targets) query.append("target", target);
  if (form.declared !== null) query.set("declared", form.declared);
  else if (nameOf(form.space) !== DEFAULT.space.id) query.set("space", nameOf(form.space));
  if (form.effort !== DEFAULT.effort) query.set("effort", form.effort);
  for (const name of ADVANCED_NAMES) if (form.advanced[name] !== undefined) query.set(name, form.advanced[name]);
  for (const cost of COST_NAMES) if (form.limits[cost] !== undefined) query.append("limit", `${cost}=${form.limits[cost]}`);
  if (form.trainedFor !== DEFAULT.trainedFor) query.set("trained_for", form.trainedFor);
  return query;
}

/** The form of an address. What it leaves out, or has in an unknown format, is at its default. */
export function fromQuery(query: URLSearchParams): Form {
  const form: Form = { ...DEFAULT };
  for (const name of TEXTS) form[name] = query.get(name) ?? DEFAULT[name];
  form.kind = KINDS.find((kind) => kind === query.get("kind")) ?? DEFAULT.kind;
  form.effort = EFFORTS.find((effort) => effort === query.get("effort")) ?? DEFAULT.effort;
  form.declared = query.get("declared");
  const space = query.get("space");
  if (space !== null) form.space = named(space);
  for (const name of ADVANCED_NAMES) {
    const value = query.get(name);
    if (value !== null) form.advanced = withSetting(form.advanced, name, value);
  }
  for (const limit of query.getAll("limit")) {
    const [name, typed = ""] = limit.split("=");
    const cost = COST_NAMES.find((one) => one === name);
    if (cost !== undefined) form.limits = withLimit(form.limits, cost, typed);
  }
  form.trainedFor = query.get("trained_for") ?? DEFAULT.trainedFor;
  const targets = query.getAll("target").slice(0, MAX_TARGETS).map(row);
  if (targets.length > 0) form.targets = targets;
  return form;
}

function row(text: string): TargetRow {
  const [name = "", budget, device = ""] = text.split("@");
  if (budget === undefined) return { ...ROW, ...named(name) };
  const unit = budget.endsWith("ms") ? "ms" : "%";
  return { ...named(name), budget: budget.replace(/(ms|%)$/, ""), unit, device };
}
