/** The estimated cost of a job, beside the form: the size of its space, time by stage, memory, warnings. */
import type { Schemas } from "../../api/client";
import { phaseTitle } from "../../job/phase";
import { bytes, duration, large } from "../../ui/format";
import { Notice } from "../../ui/Notice";
import { EstimatePanel, type EstimateProps } from "./EstimatePanel";

export function Estimate(props: EstimateProps<Schemas["Validation"]>) {
  return (
    <EstimatePanel {...props}>
      {(estimate) => (
        <>
          {estimate.note !== "" && <p className="small">{estimate.note}</p>}
          <dl className="facts">
            <dt>Architectures</dt>
            <dd>{large(estimate.architectures)}</dd>
            <dt>Time</dt>
            <dd>
              {duration(total(estimate.seconds))} <span className="kind">estimated</span>
            </dd>
            {estimate.resolution != null && (
              <>
                <dt>Images</dt>
                <dd>
                  {estimate.resolution} × {estimate.resolution} pixels
                </dd>
              </>
            )}
            {estimate.memory_bytes !== null && (
              <>
                <dt>Memory</dt>
                <dd>
                  {bytes(estimate.memory_bytes)} <span className="kind">estimated</span>
                </dd>
              </>
            )}
          </dl>
          <Stages seconds={occurring(estimate)} />
          {estimate.warnings.map((warning) => (
            <Notice key={warning} tone="warning">
              {warning}
            </Notice>
          ))}
        </>
      )}
    </EstimatePanel>
  );
}

/** The stages that the job has: from random weights and without a supernet there is nothing to train and to search before the finalists. */
export function occurring({ seconds, supernet, spec }: Pick<Schemas["Validation"], "seconds" | "supernet" | "spec">): Record<string, number> {
  const fromRandom = !("start_from" in spec) || spec.start_from === "none";
  if (supernet !== false || !fromRandom) return seconds;
  return Object.fromEntries(Object.entries(seconds).filter(([stage]) => stage !== "training" && stage !== "searching"));
}

export function total(seconds: Record<string, number>): number {
  return Object.values(seconds).reduce((sum, one) => sum + one, 0);
}

export function Stages({ seconds }: { seconds: Record<string, number> }) {
  const longest = Math.max(1, ...Object.values(seconds));
  return (
    <table className="stages">
      <caption className="visually-hidden">Estimated time of each stage</caption>
      <tbody>
        {Object.entries(seconds).map(([stage, time]) => (
          <tr key={stage}>
            <th scope="row">{phaseTitle(stage)}</th>
            <td>
              <span className="bar" style={{ width: `${(time / longest) * 100}%` }} />
            </td>
            <td className="numeric nowrap">{time === 0 ? "cached" : duration(time)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
