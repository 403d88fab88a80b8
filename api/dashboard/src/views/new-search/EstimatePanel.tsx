/** The frame of an estimate beside a form: its title, whether it is up to date, and the estimate where the form is valid. */
import type { ReactNode } from "react";

export interface EstimateProps<Estimated> {
  estimate: Estimated | undefined;
  isChecking: boolean;
  /** How many fields are invalid. */
  wrong: number;
}

export function EstimatePanel<Estimated>({ estimate, isChecking, wrong, children }: EstimateProps<Estimated> & { children: (estimate: Estimated) => ReactNode }) {
  return (
    <>
      <h2 id="estimate-title">Estimated cost</h2>
      <p className="status small" role="status">
        {words(wrong, isChecking, estimate !== undefined)}
      </p>
      {estimate && wrong === 0 && <div className={isChecking ? "estimate stale" : "estimate"}>{children(estimate)}</div>}
    </>
  );
}

function words(wrong: number, isChecking: boolean, hasEstimate: boolean): string {
  if (wrong > 0) return wrong === 1 ? "One field is invalid." : `${wrong} fields are invalid.`;
  if (isChecking) return hasEstimate ? "Updating the estimate." : "Estimating.";
  return hasEstimate ? "Ready to start." : "";
}
