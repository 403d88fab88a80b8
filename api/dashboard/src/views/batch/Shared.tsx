/** Work that several cells use and that was done once, and what that saved. */
import { duration } from "../../ui/format";
import { TableRegion } from "../../ui/TableRegion";
import type { BatchAnswer } from "./result";

export function Shared({ result: { shared, savings } }: { result: BatchAnswer }) {
  if (shared.length === 0) return null;
  return (
    <section aria-labelledby="shared-title">
      <h2 id="shared-title">Shared work</h2>
      {savings && (
        <p>
          {savings.supernets} {savings.supernets === 1 ? "supernet" : "supernets"} for {savings.supernet_uses} cells, {savings.tables} latency{" "}
          {savings.tables === 1 ? "table" : "tables"} for {savings.table_uses}. Saved: {duration(savings.saved_core_seconds)} of one core.
        </p>
      )}
      <TableRegion label="Table of shared work">
        <table>
          <caption>Each was computed once; the time is that of one core.</caption>
          <thead>
            <tr>
              <th scope="col">Work</th>
              <th scope="col">Target</th>
              <th scope="col" className="numeric">
                Cells
              </th>
              <th scope="col" className="numeric">
                Time
              </th>
            </tr>
          </thead>
          <tbody>
            {shared.map(({ id, kind, target, cells, core_seconds }) => (
              <tr key={id}>
                <th scope="row">{kind}</th>
                <td>{target ?? ""}</td>
                <td className="numeric">{cells.length}</td>
                <td className="numeric nowrap">{core_seconds == null ? "not counted" : duration(core_seconds)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableRegion>
    </section>
  );
}
