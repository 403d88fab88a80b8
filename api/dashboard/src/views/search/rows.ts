/** Candidates as columns of numbers, and which of them are shown. All of it is one pass over the candidates. */
import type { CandidateEvent } from "../../api/events";
import { LOOK } from "../../charts/cloud";
import { join, pareto } from "../../charts/front";
import { type Dimension, LATENCY, targetOf } from "./dimensions";

export interface Rows {
  candidates: readonly CandidateEvent[];
  /** In the order of their searches: the style of each. */
  targets: readonly string[];
  /** Place of each candidate's target. */
  series: Uint8Array;
}

export function rowsOf(candidates: readonly CandidateEvent[], known: readonly string[]): Rows {
  const places = new Map(known.map((target, index) => [target, index]));
  const series = new Uint8Array(candidates.length);
  candidates.forEach((one, index) => {
    const target = targetOf(one);
    let place = places.get(target);
    if (place === undefined) places.set(target, (place = places.size));
    series[index] = place;
  });
  return { candidates, targets: [...places.keys()], series };
}

export function column({ candidates }: Rows, { of }: Dimension): Float64Array {
  const values = new Float64Array(candidates.length);
  candidates.forEach((one, index) => (values[index] = of(one)));
  return values;
}

/** A range of one dimension that is looked at, ends included. */
export interface Brush {
  dimension: Dimension;
  low: number;
  high: number;
}

export interface Shown {
  /** Only this target; null for all. */
  target: string | null;
  /** Only each search's first candidates, as many; null for all. */
  asOf: number | null;
  brushes: readonly Brush[];
}

/** How each candidate looks: hidden, outside a brush, over its budget, or full. */
export function looksOf({ candidates, targets, series }: Rows, { target, asOf, brushes }: Shown): Uint8Array {
  const only = target === null ? -1 : targets.indexOf(target);
  const looks = new Uint8Array(candidates.length);
  candidates.forEach((one, index) => {
    if ((only >= 0 && series[index] !== only) || (asOf !== null && one.number >= asOf)) return;
    if (!brushes.every((brush) => isIn(one, brush))) looks[index] = LOOK.faded;
    else looks[index] = isFeasible(one) ? LOOK.full : LOOK.hollow;
  });
  return looks;
}

function isIn(candidate: CandidateEvent, { dimension, low, high }: Brush): boolean {
  const value = dimension.of(candidate);
  return value >= low && value <= high;
}

/** Whether it meets the budget of its target, as predicted. */
export function isFeasible(candidate: CandidateEvent): boolean {
  return candidate.feasible[targetOf(candidate)] ?? true;
}

/**
 * The front of each target in two dimensions: indices of feasible candidates that are not hidden. With a choice or twice
 * the same dimension there is no better and worse, and no front.
 */
export function frontsOf(rows: Rows, looks: Uint8Array, x: Dimension, y: Dimension): number[][] {
  if (x.values !== null || y.values !== null || x.id === y.id || x.highest) return rows.targets.map(() => []);
  const [xs, ys] = [column(rows, x), merits(rows, y)];
  return rows.targets.map((_, target) =>
    pareto(xs, ys, (index) => rows.series[index] === target && looks[index] !== LOOK.hidden && isFeasible(at(rows, index))),
  );
}

/** A column of which more is better. */
function merits(rows: Rows, dimension: Dimension): Float64Array {
  const values = column(rows, dimension);
  return dimension.highest ? values : values.map((value) => -value);
}

/** Whether each candidate is on the front of its target, in the metric and in latency. */
export function onFront(rows: Rows, metric: Dimension): Uint8Array {
  const xs = column(rows, LATENCY);
  const ys = merits(rows, metric);
  const fronts: number[][] = rows.targets.map(() => []);
  rows.candidates.forEach((one, index) => {
    const front = fronts[rows.series[index] ?? 0];
    if (front !== undefined && isFeasible(one)) join(front, xs, ys, index);
  });
  const marks = new Uint8Array(rows.candidates.length);
  for (const index of fronts.flat()) marks[index] = 1;
  return marks;
}

function at({ candidates }: Rows, index: number): CandidateEvent {
  const found = candidates[index];
  if (found === undefined) throw new RangeError(`there is no candidate ${index}`);
  return found;
}

/** Indices of the shown candidates that no brush excludes, by a column; what is not known comes last. */
export function sorted(looks: Uint8Array, by: ArrayLike<number | string> | null, descending: boolean): number[] {
  const order: number[] = [];
  for (let index = 0; index < looks.length; index += 1) if ((looks[index] ?? 0) >= LOOK.hollow) order.push(index);
  if (by === null) return descending ? order.reverse() : order;
  const sign = descending ? -1 : 1;
  return order.sort((one, other) => {
    const [a, b] = [by[one] ?? Number.NaN, by[other] ?? Number.NaN];
    if (a !== a || b !== b) return Number(a !== a) - Number(b !== b) || one - other;
    return a === b ? one - other : a < b ? -sign : sign;
  });
}
