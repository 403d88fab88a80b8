/** The targets of a job with the latency budget of each. */
import { useQuery } from "@tanstack/react-query";

import { api, got, type Schemas } from "../../api/client";
import { announce } from "../../ui/announce";
import { Field } from "../../ui/Field";
import { ProblemNotice } from "../../ui/Problem";
import { at } from "./fields";
import { type FieldProblem, MAX_TARGETS, nameOf, ROW, type TargetRow } from "./form";
import type { PartProps } from "./parts";
import { budgetIn, inUnit, type Range } from "./reach";
import { ReachBar } from "./ReachBar";
import { TargetOptions } from "./TargetOptions";

type Target = Schemas["TargetDocument"];

export function useTargets() {
  return useQuery({ queryKey: ["targets"], queryFn: () => got(api.GET("/v1/targets")), staleTime: 60_000 });
}

export function TargetsPart({ form, change, problems, ranges }: PartProps & { ranges: Readonly<Record<string, Range>> }) {
  const targets = useTargets();
  const known = targets.data?.items ?? [];
  const isSearch = form.kind === "search";
  const rows = isSearch ? form.targets : form.targets.slice(0, 1);
  const replace = (index: number, row: TargetRow) => change({ targets: form.targets.map((one, i) => (i === index ? row : one)) });
  const add = () => {
    const unused = known.find((one) => one.available && !form.targets.some((row) => row.id === one.id));
    change({ targets: [...form.targets, { ...ROW, id: unused?.id ?? ROW.id }] });
  };
  const remove = (index: number) => {
    change({ targets: form.targets.filter((_, i) => i !== index) });
    announce("Target removed");
  };
  return (
    <section aria-labelledby="targets-title">
      <h2 id="targets-title">{isSearch ? "Targets and latency budgets" : "Target"}</h2>
      {targets.isError && <ProblemNotice error={targets.error} again={() => void targets.refetch()} />}
      <ul className="targets">
        {rows.map((row, index) => (
          <li key={index} className="panel">
            <Row
              {...{ row, index, known, problems, hasBudget: isSearch, range: ranges[nameOf(row)] }}
              onChange={(changed) => replace(index, changed)}
              onRemove={rows.length > 1 ? () => remove(index) : undefined}
            />
          </li>
        ))}
      </ul>
      {at(problems, "/spec/targets") && <p className="field-error">{at(problems, "/spec/targets")}</p>}
      {isSearch && (
        <div className="toolbar">
          <button type="button" onClick={add} disabled={rows.length >= MAX_TARGETS}>
            Add a target
          </button>
          <span className="quiet small">
            {rows.length} of at most {MAX_TARGETS}. All share one supernet; each gets its own model.
          </span>
        </div>
      )}
      <Unavailable targets={known.filter((one) => !one.available)} />
    </section>
  );
}

interface RowProps {
  row: TargetRow;
  index: number;
  known: readonly Target[];
  problems: readonly FieldProblem[];
  hasBudget: boolean;
  range: Range | undefined;
  onChange: (row: TargetRow) => void;
  onRemove: (() => void) | undefined;
}

function Row({ row, index, known, problems, hasBudget, range, onChange, onRemove }: RowProps) {
  const target = known.find((one) => one.id === row.id);
  const pointer = hasBudget ? `/spec/targets/${index}` : "/spec/target";
  const budget = range && budgetIn(row, range);
  return (
    <>
      <div className="target-row">
        <Field label="Target" error={at(problems, hasBudget ? `${pointer}/target` : pointer)}>
          {(control) => (
            <select {...control} value={row.id} onChange={(event) => onChange({ ...row, id: event.target.value, options: {}, device: "" })}>
              {target === undefined && <option value={row.id}>{row.id}</option>}
              {known.map((one) => (
                <option key={one.id} value={one.id} disabled={!one.available}>
                  {one.id} ({one.summary}){one.available ? "" : ", not available"}
                </option>
              ))}
            </select>
          )}
        </Field>
        {hasBudget && (
          <Field label="Latency budget" error={at(problems, `${pointer}/latency_ms`)}>
            {(control) => (
              <span className="with-unit">
                <input
                  {...control}
                  inputMode="decimal"
                  autoComplete="off"
                  size={8}
                  value={row.budget}
                  onChange={(event) => onChange({ ...row, budget: event.target.value })}
                />
                <select
                  aria-label="Unit of the latency"
                  value={row.unit}
                  onChange={(event) => onChange(inUnit(row, event.target.value === "ms" ? "ms" : "%", range))}
                >
                  <option value="%">% of the latency range</option>
                  <option value="ms">ms, batch 1, INT8</option>
                </select>
              </span>
            )}
          </Field>
        )}
        {target && (target.devices.length > 1 || row.device !== "") && (
          <DeviceField devices={target.devices} row={row} error={at(problems, hasBudget ? `${pointer}/device` : "/spec/device")} onChange={onChange} />
        )}
        {onRemove && (
          <button type="button" className="plain" onClick={onRemove} aria-label={`Remove target ${index + 1}, ${nameOf(row)}`}>
            Remove
          </button>
        )}
      </div>
      {hasBudget && (budget ? <ReachBar budget={budget} /> : <Unknown row={row} />)}
      {target && <TargetOptions target={target} row={row} onChange={onChange} />}
    </>
  );
}

interface DeviceProps {
  devices: Target["devices"];
  row: TargetRow;
  error: string | undefined;
  onChange: (row: TargetRow) => void;
}

/** Shown where there is a choice; a requested device that is not available now stays, since a worker may provide it. */
function DeviceField({ devices, row, error, onChange }: DeviceProps) {
  const isThere = row.device === "" || devices.some((one) => one.fingerprint === row.device);
  return (
    <Field label="Device" error={error}>
      {(control) => (
        <select {...control} value={row.device} onChange={(event) => onChange({ ...row, device: event.target.value })}>
          <option value="">any free device</option>
          {devices.map((one) => (
            <option key={one.fingerprint} value={one.fingerprint}>
              {one.device ?? one.fingerprint} ({one.fingerprint.slice(0, 8)}, {one.workers === 1 ? "1 worker" : `${one.workers} workers`})
            </option>
          ))}
          {!isThere && <option value={row.device}>{row.device}, which no running worker has</option>}
        </select>
      )}
    </Field>
  );
}

function Unknown({ row }: { row: TargetRow }) {
  return (
    <p className="hint">
      {row.unit === "%" ? "0 % is the fastest network of the space and 100 % the slowest. " : ""}
      The range is known once this target is profiled for this space: the search does that first.
    </p>
  );
}

function Unavailable({ targets }: { targets: readonly Target[] }) {
  if (targets.length === 0) return null;
  return (
    <details>
      <summary>
        {targets.length} {targets.length === 1 ? "target is" : "targets are"} not available here
      </summary>
      <ul>
        {targets.map((one) => (
          <li key={one.id}>
            <code>{one.id}</code>: {one.reason}
          </li>
        ))}
      </ul>
    </details>
  );
}
