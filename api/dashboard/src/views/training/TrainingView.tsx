/**
 * The training of the supernet, and the fine-tuning of the selected networks. All curves come from the job's events, which are
 * followed from the first on: a page that is opened late shows the same.
 */
import { useMemo } from "react";
import { useSearchParams } from "react-router";

import type { LineMarker } from "../../charts/LineChart";
import { Empty, Loading } from "../../ui/Notice";
import { useFollowed, useJobTitle } from "../job/JobLayout";
import { CurveChart } from "./CurveChart";
import { type CurveGroup, fineTunedTargets, fineTuningGroups, sourceGroups, supernetGroups } from "./groups";
import "./training.css";

const WEIGHTS = [0, 0.6, 0.9, 0.97];
const NONE: readonly LineMarker[] = [];

export function TrainingView() {
  return (
    <>
      <h1>Training</h1>
      <Training />
    </>
  );
}

function Training() {
  const { state, connection } = useFollowed();
  const [params, setParams] = useSearchParams();
  useJobTitle("Training");
  const weight = WEIGHTS.find((one) => String(one) === params.get("smoothing")) ?? 0;
  const log = params.get("scale") === "log";
  const tables = (params.get("tables") ?? "").split(",");
  const source = useMemo(() => sourceGroups(state.curves, weight), [state.curves, weight]);
  const supernet = useMemo(() => supernetGroups(state.curves, weight), [state.curves, weight]);
  const fineTuning = useMemo(
    () => fineTunedTargets(state.curves).map((target) => ({ target, groups: fineTuningGroups(state.curves, target, weight) })),
    [state.curves, weight],
  );
  const markers = useMemo(() => checkpointsOf(state.events), [state.events]);

  function set(name: string, value: string): void {
    setParams(
      (before) => {
        const now = new URLSearchParams(before);
        if (value === "") now.delete(name);
        else now.set(name, value);
        return now;
      },
      { replace: true, preventScrollReset: true },
    );
  }

  if (source.length === 0 && supernet.length === 0 && fineTuning.length === 0) {
    if (connection === "connecting") return <Loading what="Loading the curves" />;
    return (
      <Empty title={state.ended ? "Nothing was trained" : "Nothing was trained yet"}>
        <p>
          {state.ended
            ? "All weights were cached, or the job ended before training started."
            : "The curves appear here when training starts, after the data is prepared and the targets are profiled."}
        </p>
      </Empty>
    );
  }
  const chart = (group: CurveGroup, section: string) => {
    const name = `${section}${group.key}`;
    return (
      <CurveChart
        key={name}
        group={group}
        log={log && !group.share}
        smoothing={weight}
        markers={section === "" ? markers : NONE}
        asTable={tables.includes(name)}
        onAsTable={(asTable) => set("tables", (asTable ? [...tables, name] : tables.filter((one) => one !== name)).filter(Boolean).join(","))}
      />
    );
  };
  return (
    <div className="training-view">
      <div className="toolbar end">
        <label className="field">
          <span className="label">Smoothing</span>
          <select value={String(weight)} onChange={(event) => set("smoothing", event.target.value === "0" ? "" : event.target.value)}>
            {WEIGHTS.map((one) => (
              <option key={one} value={one}>
                {one === 0 ? "none" : `moving average, ${one}`}
              </option>
            ))}
          </select>
        </label>
        <label className="check">
          <input type="checkbox" checked={log} onChange={(event) => set("scale", event.target.checked ? "log" : "")} />
          Logarithmic axes
        </label>
      </div>
      <p className="quiet small">Values of single training batches, logged every tenth step.</p>
      {source.length > 0 && (
        <section>
          <h2>Trained network, on this data</h2>
          <div className="curves">{source.map((group) => chart(group, "source"))}</div>
        </section>
      )}
      {supernet.length > 0 && (
        <section>
          <h2>Supernet</h2>
          {markers.length > 0 && <p className="quiet small">{checkpointWords(markers)}</p>}
          <div className="curves">{supernet.map((group) => chart(group, ""))}</div>
        </section>
      )}
      {fineTuning.map(({ target, groups }) => (
        <section key={target ?? ""}>
          <h2>Fine-tuning and quantisation-aware training{target === null ? "" : `: ${target}`}</h2>
          {state.finalists.length > 1 && <p className="quiet small">Of the finalist that was trained last.</p>}
          <div className="curves">{groups.map((group) => chart(group, "fine_tuning"))}</div>
        </section>
      ))}
    </div>
  );
}

function checkpointsOf(events: readonly { event: { type: string } | null }[]): readonly LineMarker[] {
  const all = events.flatMap(({ event }) => (event !== null && isCheckpoint(event) && event.phase === "training" ? [event] : []));
  // A trained network has checkpoints of its own, before those of the supernet.
  const found = all
    .filter(({ total }) => total === all.at(-1)?.total)
    .map(({ step, restored }) => ({ step, label: restored ? `resumed from the checkpoint of step ${step}` : `checkpoint of step ${step}` }));
  return found.length === 0 ? NONE : found;
}

interface Checkpoint {
  type: "checkpoint";
  phase: string;
  step: number;
  total: number;
  restored: boolean;
}

function isCheckpoint(event: { type: string }): event is Checkpoint {
  return event.type === "checkpoint";
}

function checkpointWords(markers: readonly LineMarker[]): string {
  const newest = markers.at(-1);
  return `${markers.length} ${markers.length === 1 ? "checkpoint" : "checkpoints"}, marked below the axes; the newest: ${newest?.label ?? ""}.`;
}
