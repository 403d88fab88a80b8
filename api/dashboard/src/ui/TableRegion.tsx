/** Where a wide table scrolls sideways by itself, also with the keyboard. */
import type { ReactNode } from "react";

export function TableRegion({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="table-region" role="region" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}

interface SortProps<Column extends string> {
  column: Column;
  /** The column that rows are sorted by now, and which way. */
  by: { column: Column; descending: boolean };
  onSort: (by: { column: Column; descending: boolean }) => void;
  numeric?: boolean;
  children: ReactNode;
}

/** The head of a column that rows can be sorted by. */
export function SortHead<Column extends string>({ column, by, onSort, numeric = false, children }: SortProps<Column>) {
  const active = by.column === column;
  const order = active ? (by.descending ? "descending" : "ascending") : "none";
  return (
    <th scope="col" aria-sort={order} className={numeric ? "numeric" : undefined}>
      <button type="button" className="sort" onClick={() => onSort({ column, descending: active ? !by.descending : numeric })}>
        {children}
        <span aria-hidden="true">{active ? (by.descending ? "↓" : "↑") : "↕"}</span>
      </button>
    </th>
  );
}
