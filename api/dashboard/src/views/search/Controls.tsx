/** What the charts of the search show: which target, which axes, and as of which query. */
import { useEffect, useState } from "react";

import type { Seen } from "./address";
import { axisLabel, type Dimension } from "./dimensions";

interface Props {
  seen: Seen;
  targets: readonly string[];
  objectives: readonly Dimension[];
  /** Queries of the longest search so far. */
  queries: number;
  onChange: (change: Partial<Seen>) => void;
}

export function Controls({ seen, targets, objectives, queries, onChange }: Props) {
  return (
    <div className="search-controls">
      {targets.length > 1 && (
        <label className="field">
          <span className="label">Target</span>
          <select value={seen.target ?? ""} onChange={(event) => onChange({ target: event.target.value || null })}>
            <option value="">all</option>
            {targets.map((target) => (
              <option key={target}>{target}</option>
            ))}
          </select>
        </label>
      )}
      <AxisChoice name="Horizontal" value={seen.x} log={seen.logX} among={objectives.filter(({ highest }) => !highest)} onChange={(x, logX) => onChange({ x, logX })} />
      <AxisChoice name="Vertical" value={seen.y} log={seen.logY} among={objectives} onChange={(y, logY) => onChange({ y, logY })} />
      {queries > 1 && <AsOf value={seen.asOf} queries={queries} onChange={(asOf) => onChange({ asOf })} />}
    </div>
  );
}

interface AxisProps {
  name: string;
  value: string;
  log: boolean;
  among: readonly Dimension[];
  onChange: (id: string, log: boolean) => void;
}

function AxisChoice({ name, value, log, among, onChange }: AxisProps) {
  return (
    <div className="axis-choice">
      <label className="field">
        <span className="label">{name}</span>
        <select value={value} onChange={(event) => onChange(event.target.value, log)}>
          {among.map((one) => (
            <option key={one.id} value={one.id}>
              {axisLabel(one)}
            </option>
          ))}
        </select>
      </label>
      <label className="check">
        <input type="checkbox" aria-label={`${name} axis logarithmic`} checked={log} onChange={(event) => onChange(value, event.target.checked)} />
        Log
      </label>
    </div>
  );
}

const PAUSE_MS = 120;

/** The address follows when the slider rests: browsers limit how often it may change. */
function AsOf({ value, queries, onChange }: { value: number | null; queries: number; onChange: (asOf: number | null) => void }) {
  const [moved, setMoved] = useState<number | null>(null);
  useEffect(() => {
    if (moved === null) return;
    const timer = setTimeout(() => {
      onChange(moved >= queries ? null : moved);
      setMoved(null);
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [moved, queries, onChange]);
  const now = moved ?? value ?? queries;
  return (
    <label className="field as-of">
      <span className="label">As of query {now >= queries ? `${queries} (the newest)` : `${now} of ${queries}`}</span>
      <input type="range" min={1} max={queries} value={Math.min(now, queries)} onChange={(event) => setMoved(Number(event.target.value))} />
    </label>
  );
}
