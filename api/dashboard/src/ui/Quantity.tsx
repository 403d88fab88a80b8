/** A number that a user sees, with its unit and its kind: how it was obtained. */
import { latency, percent } from "./format";

export type Kind = "measured" | "predicted" | "simulated" | "estimated";

interface Props {
  /** Milliseconds. */
  ms: number;
  kind: Kind;
  /** Of a prediction, a fraction of it. */
  error?: number | undefined;
}

export function Latency({ ms, kind, error }: Props) {
  return (
    <span className="quantity">
      {latency(ms)} <span className="kind">{kind}{error === undefined ? "" : ` ± ${percent(error, 1)}`}</span>
    </span>
  );
}
