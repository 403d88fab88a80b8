/** Where a latency budget lies between the fastest and the slowest network of the space, as predicted. */
import { latency, percent } from "../../ui/format";
import type { Budget } from "./reach";
import "./reach.css";

export function ReachBar({ budget }: { budget: Budget }) {
  const { ms, share, range } = budget;
  const shown = Math.min(1, Math.max(0, share));
  return (
    <div className="reach">
      <div className="track" aria-hidden="true">
        <div className="within" style={{ width: `${shown * 100}%` }} />
        <div className={share < 0 || share > 1 ? "mark outside" : "mark"} style={{ left: `${shown * 100}%` }} />
      </div>
      <div className="ends">
        <span>
          {latency(range[0])} <small>fastest</small>
        </span>
        <span>
          <small>slowest</small> {latency(range[1])}
        </span>
      </div>
      <p className="hint">{words(ms, share)} Predicted.</p>
    </div>
  );
}

function words(ms: number, share: number): string {
  if (share < 0) return `${latency(ms)} is below the fastest network of the space: none meets it.`;
  if (share > 1) return `${latency(ms)} is above the slowest network of the space: the constraint is inactive (every architecture meets it).`;
  return `Budget ${latency(ms)}: at ${percent(share, 0)} of the latency range.`;
}
