/** The state of the search view as query parameters: reloading and sharing the address gives the same view. */
import type { Brush } from "./rows";
import { type Dimension, LATENCY, METRIC_ID } from "./dimensions";

export const MOST_COMPARED = 5;

export const CHARTS = ["front", "hypervolume", "parallel"] as const;
export type ChartName = (typeof CHARTS)[number];

export interface Sort {
  column: string;
  descending: boolean;
}

export interface SearchAddress {
  target: string | null;
  x: string;
  y: string;
  logX: boolean;
  logY: boolean;
  asOf: number | null;
  /** Architecture ids, in the order of their selection. */
  selected: readonly string[];
  /** By dimension: from and to as text; of choices the values themselves. */
  brushes: ReadonlyMap<string, readonly [from: string, to: string]>;
  sort: Sort;
  /** Charts that are shown as their tables. */
  tables: readonly ChartName[];
  /** Axes of the parallel coordinates; null for the default ones. */
  axes: readonly string[] | null;
}

export function read(params: URLSearchParams): SearchAddress {
  const sort = params.get("sort") ?? "number";
  const column = sort.replace(/^-/, "");
  const asOf = Number(params.get("as-of") ?? Number.NaN);
  return {
    target: params.get("target"),
    x: idOf(params.get("x") ?? LATENCY.id),
    y: idOf(params.get("y") ?? METRIC_ID),
    logX: params.get("x-scale") === "log",
    logY: params.get("y-scale") === "log",
    asOf: Number.isInteger(asOf) && asOf > 0 ? asOf : null,
    selected: list(params.get("selected")).slice(0, MOST_COMPARED),
    brushes: new Map(
      params.getAll("brush").flatMap((text) => {
        const [id, from, to] = text.split("~");
        return id && from !== undefined && to !== undefined ? [[idOf(id), [from, to] as const]] : [];
      }),
    ),
    sort: { column: idOf(column), descending: sort.startsWith("-") },
    tables: list(params.get("tables")).filter((name): name is ChartName => (CHARTS as readonly string[]).includes(name)),
    axes: params.has("axes") ? list(params.get("axes")).map(idOf) : null,
  };
}

/** Addresses of earlier versions call the metric `accuracy`, whichever it is. */
function idOf(text: string): string {
  return text === "accuracy" ? METRIC_ID : text;
}

/** Only what is not at its default. */
export function write(shown: SearchAddress): URLSearchParams {
  const params = new URLSearchParams();
  const set = (name: string, value: string | null, usual: string | null = null) => {
    if (value !== null && value !== "" && value !== usual) params.set(name, value);
  };
  set("target", shown.target);
  set("x", shown.x, LATENCY.id);
  set("y", shown.y, METRIC_ID);
  set("x-scale", shown.logX ? "log" : null);
  set("y-scale", shown.logY ? "log" : null);
  set("as-of", shown.asOf === null ? null : String(shown.asOf));
  set("selected", shown.selected.join(","));
  for (const [id, [from, to]] of shown.brushes) params.append("brush", `${id}~${from}~${to}`);
  set("sort", `${shown.sort.descending ? "-" : ""}${shown.sort.column}`, "number");
  set("tables", shown.tables.join(","));
  if (shown.axes !== null) params.set("axes", shown.axes.join(","));
  return params;
}

/** Adds an architecture to the selection, or takes it out; beyond the most that can be compared the oldest goes. */
export function toggled(selected: readonly string[], id: string): string[] {
  if (selected.includes(id)) return selected.filter((one) => one !== id);
  return [...selected, id].slice(-MOST_COMPARED);
}

/** The brushes of known dimensions, as ranges of coordinates. */
export function brushesOf(shown: Pick<SearchAddress, "brushes">, dimensions: readonly Dimension[]): Brush[] {
  return dimensions.flatMap((dimension) => {
    const ends = shown.brushes.get(dimension.id);
    const range = ends && rangeOf(dimension, ends);
    return range ? [{ dimension, low: range[0], high: range[1] }] : [];
  });
}

function rangeOf({ values }: Dimension, [from, to]: readonly [string, string]): [number, number] | null {
  const [low, high] = values === null ? [Number(from), Number(to)] : [values.indexOf(from), values.indexOf(to)];
  if (values !== null && (low < 0 || high < 0)) return null;
  return low <= high ? [low, high] : null;
}

/** A range of coordinates as the address has it; null when it holds no value of a choice. */
export function endsOf({ values }: Dimension, low: number, high: number): readonly [string, string] | null {
  if (values === null) return [rounded(low), rounded(high)];
  const [from, to] = [values[Math.max(0, Math.ceil(low))], values[Math.min(values.length - 1, Math.floor(high))]];
  return from !== undefined && to !== undefined && Math.ceil(low) <= Math.floor(high) ? [from, to] : null;
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(5)));
}

function list(text: string | null): string[] {
  return (text ?? "").split(",").filter((part) => part !== "");
}
