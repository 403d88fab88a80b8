/** The progress of the running stage of a job, with its remaining time. */
import { duration } from "./format";

export interface Done {
  done: number;
  total: number;
  unit: string;
  eta_s?: number | null | undefined;
}

export function Progress({ of, label }: { of: Done; label: string }) {
  const { done, total, unit, eta_s } = of;
  const text = `${amount(done)} of ${amount(total)} ${unit}`;
  return (
    <div className="progress">
      <progress value={total > 0 ? Math.min(done / total, 1) : 0} max={1} aria-label={`${label}: ${text}`} />
      <span>
        {text}
        {eta_s != null && `, ${duration(Math.max(1, eta_s))} left`}
      </span>
    </div>
  );
}

function amount(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(1);
}
