/** What the charts of the search show: which target, which axes, and after how many evaluations. */
import { useEffect, useState } from "react";

import type { SearchAddress } from "./address";
import { axisLabel, type Dimension } from "./dimensions";

interface Props {
  shown: SearchAddress;
  targets: readonly string[];
  objectives: readonly Dimension[];
  /** Of the longest search so far. */
  evaluations: number;
  onChange: (change: Partial<SearchAddress>) => void;
}

export function Controls({ shown, targets, objectives, evaluations, onChange }: Props) {
  return (
    <div className="search-controls">
      {targets.length > 1 && (
        <label className="field">
          <span className="label">Target</span>
          <select value={shown.target ?? ""} onChange={(event) => onChange({ target: event.target.value || null })}>
            <option value="">all</option>
            {targets.map((target) => (
              <option key={target}>{target}</option>
            ))}
          </select>
        </label>
      )}
      <AxisChoice name="Horizontal" value={shown.x} log={shown.logX} among={objectives.filter(({ highest }) => !highest)} onChange={(x, logX) => onChange({ x, logX })} />
      <AxisChoice name="Vertical" value={shown.y} log={shown.logY} among={objectives} onChange={(y, logY) => onChange({ y, logY })} />
      {evaluations > 1 && <AsOf value={shown.asOf} evaluations={evaluations} onChange={(asOf) => onChange({ asOf })} />}
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
function AsOf({ value, evaluations, onChange }: { value: number | null; evaluations: number; onChange: (asOf: number | null) => void }) {
  const [moved, setMoved] = useState<number | null>(null);
  useEffect(() => {
    if (moved === null) return;
    const timer = setTimeout(() => {
      onChange(moved >= evaluations ? null : moved);
      setMoved(null);
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [moved, evaluations, onChange]);
  const now = moved ?? value ?? evaluations;
  return (
    <label className="field as-of">
      <span className="label">{now >= evaluations ? `After ${evaluations} evaluations (all)` : `After ${now} of ${evaluations} evaluations`}</span>
      <input type="range" min={1} max={evaluations} value={Math.min(now, evaluations)} onChange={(event) => setMoved(Number(event.target.value))} />
    </label>
  );
}
