/** The candidates of a job to select from: those on a front first. The selection is in the address. */
import { Link, useParams, useSearchParams } from "react-router";

import { metricOf, metricText, metricTitle } from "../../job/metric";
import { useJob } from "../../job/useJob";
import { useFollowed } from "../job/JobLayout";
import { count, latency } from "../../ui/format";
import { Empty } from "../../ui/Notice";
import { TableRegion } from "../../ui/TableRegion";
import { idsOf, MAX_COMPARED, type CandidateRow, rowsOfCandidates, toggled } from "./ids";

const STEP = 50;

export function Picker() {
  const { jobId = "" } = useParams<"jobId">();
  const { state } = useFollowed();
  const [query, setQuery] = useSearchParams();
  const selected = idsOf(query.get("pick"));
  const { data: job } = useJob(jobId);
  const estimated = Object.keys(state.fronts).length > 0;
  const rows = rowsOfCandidates(state.candidates, { ...state.fronts, ...state.trainedFronts });
  const shown = Math.max(STEP, Number(query.get("shown")) || 0);
  const set = (name: string, value: string) => setQuery((before) => withValue(before, name, value), { replace: true, preventScrollReset: true });
  if (rows.length === 0)
    return (
      <Empty title={state.ended ? "No candidates" : "No candidates yet"}>
        <p>{state.ended ? "This job evaluated no architectures." : "They appear here as the search evaluates them."}</p>
      </Empty>
    );
  const targets = Object.keys(rows[0]?.candidate.latency_ms ?? {});
  return (
    <>
      <div className="toolbar picker-bar">
        {selected.length > 0 ? (
          <Link className="button primary" to={`?ids=${selected.join(",")}`}>
            {selected.length === 1 ? "Open 1 candidate" : `Compare ${selected.length} candidates`}
          </Link>
        ) : (
          <span className="quiet small">Open one, or select two to {MAX_COMPARED} to compare.</span>
        )}
      </div>
      <TableRegion label="Candidates">
        <table>
          <caption>
            {rows.length} candidates; those on a Pareto front first, the fastest at the top; then the others, the best at the top. On the validation set,{" "}
            {estimated ? "estimated before fine-tuning." : "of the trained networks."}
          </caption>
          <thead>
            <tr>
              <td />
              <th scope="col">Candidate</th>
              <th scope="col">On front of</th>
              <th scope="col" className="numeric">
                INT8 {metricTitle(metricOf(job, rows[0]?.candidate.metric).name)}
              </th>
              {targets.map((target) => (
                <th key={target} scope="col" className="numeric">
                  {targets.length > 1 ? `Latency, ${target}` : "Latency"} <span className="kind">predicted</span>
                </th>
              ))}
              <th scope="col" className="numeric">
                MACs
              </th>
              <th scope="col" className="numeric">
                Parameters
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, shown).map((row) => (
              <PickerRow
                key={row.candidate.architecture_id}
                row={row}
                targets={targets}
                isSelected={selected.includes(row.candidate.architecture_id)}
                isFull={selected.length >= MAX_COMPARED}
                onSelect={() => set("pick", toggled(selected, row.candidate.architecture_id).join(","))}
              />
            ))}
          </tbody>
        </table>
      </TableRegion>
      {rows.length > shown && (
        <p className="more">
          <button type="button" onClick={() => set("shown", String(shown + STEP))}>
            Show {Math.min(STEP, rows.length - shown)} more of {rows.length}
          </button>
        </p>
      )}
    </>
  );
}

interface RowProps {
  row: CandidateRow;
  targets: readonly string[];
  isSelected: boolean;
  isFull: boolean;
  onSelect: () => void;
}

function PickerRow({ row: { candidate, fronts }, targets, isSelected, isFull, onSelect }: RowProps) {
  const id = candidate.architecture_id;
  return (
    <tr>
      <td className="pick">
        <input type="checkbox" aria-label={`Select ${id}`} checked={isSelected} disabled={isFull && !isSelected} onChange={onSelect} />
      </td>
      <th scope="row">
        <Link to={`?ids=${id}`}>
          <code>{id}</code>
        </Link>
      </th>
      <td>{fronts.join(", ") || "–"}</td>
      <td className="numeric">{metricText(candidate.metric)}</td>
      {targets.map((target) => (
        <td key={target} className="numeric nowrap">
          {candidate.latency_ms[target] === undefined ? "–" : latency(candidate.latency_ms[target])}
          {candidate.feasible[target] === false && <span className="kind"> over budget</span>}
        </td>
      ))}
      <td className="numeric">{candidate.macs === null ? "–" : count(candidate.macs)}</td>
      <td className="numeric">{candidate.params === null ? "–" : count(candidate.params)}</td>
    </tr>
  );
}

export function withValue(query: URLSearchParams, name: string, value: string): URLSearchParams {
  const after = new URLSearchParams(query);
  if (value === "") after.delete(name);
  else after.set(name, value);
  return after;
}
