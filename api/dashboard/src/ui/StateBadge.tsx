/** The state of a job as a word with a colour. States that this page does not know are shown as they come. */
const TONES: Readonly<Record<string, string>> = {
  queued: "",
  pausing: "warning",
  running: "active",
  paused: "warning",
  cancelling: "warning",
  cancelled: "",
  succeeded: "good",
  failed: "bad",
  infeasible: "warning",
};

export function StateBadge({ state }: { state: string }) {
  return <span className={`badge ${TONES[state] ?? ""}`}>{state}</span>;
}
