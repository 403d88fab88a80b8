/** The matrix of a batch: its cells as the service listed them with what the stream told since, in rows and columns. */
import type { Schemas } from "../../api/client";
import type { CellEvent } from "../../api/events";

export type Cell = Schemas["CellStatus"];

export interface Column {
  target: string;
  budget: number | string;
}

export interface Row {
  space: string;
  seed: number;
  /** By column; null where the batch leaves the cell out. */
  cells: (Cell | null)[];
}

export interface Matrix {
  /** Id of the data set. */
  data: string;
  columns: Column[];
  rows: Row[];
}

/** Cells with the newest of their events. */
export function current(cells: readonly Cell[], events: Readonly<Record<string, CellEvent>>): Cell[] {
  return cells.map((cell) => {
    const event = events[cell.id];
    if (event === undefined) return cell;
    const { metric, latency_ms, kind, detail } = event;
    return { ...cell, state: event.state as Cell["state"], metric: metric ?? null, measured_ms: latency_ms ?? null, kind: kind ?? null, detail };
  });
}

/** A matrix for each data set: a row for each space and seed, a column for each target and budget, in the order of the batch. */
export function matrices(cells: readonly Cell[]): Matrix[] {
  const columns = distinct(cells.map(({ target, latency_ms }): Column => ({ target, budget: latency_ms })), columnKey);
  return distinct(cells.map(({ data }) => data), String).map((data) => {
    const own = cells.filter((cell) => cell.data === data);
    const used = columns.filter((column) => own.some((cell) => columnKey(columnOf(cell)) === columnKey(column)));
    const rows = distinct(own, rowKey).map((first) => ({
      space: first.space,
      seed: first.seed,
      cells: used.map((column) => own.find((cell) => rowKey(cell) === rowKey(first) && columnKey(columnOf(cell)) === columnKey(column)) ?? null),
    }));
    return { data, columns: used, rows };
  });
}

/** How many cells are in each state. */
export function countsOf(cells: readonly Cell[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { state } of cells) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

function columnOf({ target, latency_ms }: Cell): Column {
  return { target, budget: latency_ms };
}

function columnKey({ target, budget }: Column): string {
  return `${target} ${budget}`;
}

function rowKey({ space, seed }: Cell): string {
  return `${space} ${seed}`;
}

/** The first of each key, in their order. */
function distinct<T>(all: readonly T[], key: (one: T) => string): T[] {
  return all.filter((one, index) => all.findIndex((other) => key(other) === key(one)) === index);
}
