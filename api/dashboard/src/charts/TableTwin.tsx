/** What a chart shows, as a table. Not for thousands of rows: those have a table of their own. */
import type { Cell } from "./csv";

export interface TwinColumn {
  /** With the unit: `Latency (ms)`. */
  label: string;
  /** How a number is shown; the CSV has it in full. */
  format?: (value: number) => string;
}

export interface Twin {
  caption: string;
  columns: readonly TwinColumn[];
  /** The first cell of a row names it. */
  rows: readonly (readonly Cell[])[];
}

export function TableTwin({ caption, columns, rows }: Twin) {
  const isNumber = columns.map((_, at) => rows.some((row) => typeof row[at] === "number"));
  return (
     
    <div className="table-twin" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ label }, at) => (
              <th key={label} scope="col" className={isNumber[at] ? "number" : undefined}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {columns.map((column, at) => {
                const text = shown(row[at] ?? null, column);
                const name = isNumber[at] ? "number" : undefined;
                return at === 0 ? (
                  <th key={column.label} scope="row" className={name}>
                    {text}
                  </th>
                ) : (
                  <td key={column.label} className={name}>
                    {text}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function shown(cell: Cell, { format }: TwinColumn): string {
  if (cell === null) return "–";
  if (typeof cell === "boolean") return cell ? "yes" : "no";
  return typeof cell === "number" && format ? format(cell) : String(cell);
}
