/**
 * The content of the form of a new batch: entries of each list of its matrix, budgets and seeds as they were typed. From it come
 * the spec that is sent (`toSpec`), the number of cells, and its address (`toQuery`), which makes the form again (`fromQuery`).
 */
import type { Schemas } from "../../api/client";
import { EFFORTS, type Effort, type FieldProblem } from "../new-search/form";

export type BatchSpec = Extract<Schemas["JobCreate"]["spec"], { kind: "batch" }>;

export interface BatchForm {
  data: string[];
  spaces: string[];
  targets: string[];
  /** Separated by commas: `40%, 0.2`. */
  budgets: string;
  /** Separated by commas: `0, 1`. */
  seeds: string;
  effort: Effort;
  minutes: string;
  measureCross: boolean;
}

export const DEFAULT: BatchForm = {
  data: ["digits"],
  spaces: ["mobilenet", "resnet"],
  targets: ["cpu"],
  budgets: "40%",
  seeds: "0",
  effort: "quick",
  minutes: "",
  measureCross: false,
};

export const MAX_CELLS = 1000;
const LISTS = { data: "data set", spaces: "search space", targets: "target", budgets: "budget", seeds: "seed" } as const;

/** How many entries each list of the matrix has, in words, and the number of cells: their product. */
export function counted(form: BatchForm): { words: string; cells: number } {
  const sizes = { data: form.data.length, spaces: form.spaces.length, targets: form.targets.length, budgets: parts(form.budgets).length, seeds: parts(form.seeds).length };
  const words = Object.entries(LISTS).map(([list, name]) => {
    const size = sizes[list as keyof typeof LISTS];
    return `${size} ${name}${size === 1 ? "" : "s"}`;
  });
  return { words: words.join(" × "), cells: Object.values(sizes).reduce((product, size) => product * size, 1) };
}

/** The spec of a form, or what is wrong with it. What only the service knows, it reports. */
export function toSpec(form: BatchForm): { spec: BatchSpec; problems: [] } | { spec: null; problems: FieldProblem[] } {
  const problems: FieldProblem[] = [];
  const wrong = (field: string, detail: string) => problems.push({ pointer: `/spec/${field}`, detail });
  for (const list of ["data", "spaces", "targets"] as const) if (form[list].length === 0) wrong(list, `Select at least one ${LISTS[list]}.`);
  const budgets = parts(form.budgets).map(budgetOf);
  if (budgets.length === 0 || budgets.includes(null)) wrong("budgets", "Give milliseconds (0.2) or points of the latency range (40%), separated by commas.");
  const seeds = parts(form.seeds).map((text) => (/^\d{1,9}$/.test(text) ? Number(text) : null));
  if (seeds.length === 0 || seeds.includes(null)) wrong("seeds", "Give whole numbers, separated by commas.");
  if (new Set(seeds).size !== seeds.length) wrong("seeds", "Give each seed once.");
  if (new Set(budgets).size !== budgets.length) wrong("budgets", "Give each budget once.");
  const minutes = form.minutes.trim();
  if (minutes !== "" && !(Number(minutes) > 0)) wrong("search/minutes", "Give a number above 0.");
  const { cells } = counted(form);
  if (cells > MAX_CELLS) wrong("cells", `${cells.toLocaleString("en")} cells are more than ${MAX_CELLS.toLocaleString("en")}: split the batch.`);
  if (problems.length > 0) return { spec: null, problems };
  const search = { effort: form.effort, ...(minutes === "" ? {} : { minutes: Number(minutes) }) };
  const { data, spaces, targets } = form;
  const cross = form.measureCross ? { measure_cross: true } : {};
  return { spec: { kind: "batch", data, spaces, targets, budgets, seeds, search, ...cross } as BatchSpec, problems: [] };
}

/** With an entry of a list, or without it where it was there. */
export function toggled(list: readonly string[], entry: string): string[] {
  return list.includes(entry) ? list.filter((one) => one !== entry) : [...list, entry];
}

export function toQuery(form: BatchForm): URLSearchParams {
  const query = new URLSearchParams();
  for (const list of ["data", "spaces", "targets"] as const) for (const entry of form[list]) query.append(list, entry);
  for (const field of ["budgets", "seeds", "effort", "minutes"] as const) if (form[field] !== DEFAULT[field]) query.set(field, form[field]);
  if (form.measureCross) query.set("cross", "measured");
  return query;
}

/** The form of an address. One without any entries is that of a new batch. */
export function fromQuery(query: URLSearchParams): BatchForm {
  if (query.size === 0) return DEFAULT;
  return {
    data: query.getAll("data"),
    spaces: query.getAll("spaces"),
    targets: query.getAll("targets"),
    budgets: query.get("budgets") ?? DEFAULT.budgets,
    seeds: query.get("seeds") ?? DEFAULT.seeds,
    effort: EFFORTS.find((one) => one === query.get("effort")) ?? DEFAULT.effort,
    minutes: query.get("minutes") ?? "",
    measureCross: query.get("cross") === "measured",
  };
}

function parts(text: string): string[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
}

/** `0.2` is milliseconds, `40%` a point of the range; null where it is neither. */
function budgetOf(text: string): number | string | null {
  const match = /^(\d+(?:\.\d+)?)\s*(%|ms)?$/.exec(text);
  if (match === null) return null;
  const value = Number(match[1]);
  if (match[2] === "%") return value <= 100 ? `${value}%` : null;
  return value > 0 ? value : null;
}
