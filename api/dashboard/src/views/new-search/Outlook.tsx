/** What a job would take, beside the form: the size of its space, time by stage, memory, warnings. */
import type { Schemas } from "../../api/client";
import { bytes, duration, large } from "../../ui/format";
import { Notice } from "../../ui/Notice";

interface Props {
  outlook: Schemas["Validation"] | undefined;
  isChecking: boolean;
  /** How many fields must be corrected first. */
  wrong: number;
}

export function Outlook({ outlook, isChecking, wrong }: Props) {
  return (
    <>
      <h2 id="outlook-title">What it would take</h2>
      <p className="status small" role="status">
        {words(wrong, isChecking, outlook !== undefined)}
      </p>
      {outlook && wrong === 0 && (
        <div className={isChecking ? "outlook stale" : "outlook"}>
          {outlook.note !== "" && <p className="small">{outlook.note}</p>}
          <dl className="facts">
            <dt>Architectures</dt>
            <dd>{large(outlook.architectures)}</dd>
            <dt>Time</dt>
            <dd>
              {duration(total(outlook.seconds))} <span className="kind">estimated</span>
            </dd>
            {outlook.resolution != null && (
              <>
                <dt>Images</dt>
                <dd>
                  {outlook.resolution} × {outlook.resolution} pixels
                </dd>
              </>
            )}
            {outlook.memory_bytes !== null && (
              <>
                <dt>Memory</dt>
                <dd>
                  {bytes(outlook.memory_bytes)} <span className="kind">estimated</span>
                </dd>
              </>
            )}
          </dl>
          <Stages seconds={occurring(outlook)} />
          {outlook.warnings.map((warning) => (
            <Notice key={warning} tone="warning">
              {warning}
            </Notice>
          ))}
        </div>
      )}
    </>
  );
}

function words(wrong: number, isChecking: boolean, hasOutlook: boolean): string {
  if (wrong > 0) return `${wrong === 1 ? "One field needs" : `${wrong} fields need`} a correction.`;
  if (isChecking) return hasOutlook ? "Looking again." : "Looking at the data and the machine.";
  return hasOutlook ? "This can be queued." : "";
}

/** The stages that the job has: without a supernet nothing is trained for all networks, and no search asks it. */
export function occurring({ seconds, supernet }: Pick<Schemas["Validation"], "seconds" | "supernet">): Record<string, number> {
  if (supernet !== false) return seconds;
  return Object.fromEntries(Object.entries(seconds).filter(([stage]) => stage !== "training" && stage !== "searching"));
}

function total(seconds: Record<string, number>): number {
  return Object.values(seconds).reduce((sum, one) => sum + one, 0);
}

function Stages({ seconds }: { seconds: Record<string, number> }) {
  const longest = Math.max(1, ...Object.values(seconds));
  return (
    <table className="stages">
      <caption className="visually-hidden">Estimated time of each stage</caption>
      <tbody>
        {Object.entries(seconds).map(([stage, time]) => (
          <tr key={stage}>
            <th scope="row">{stage}</th>
            <td>
              <span className="bar" style={{ width: `${(time / longest) * 100}%` }} />
            </td>
            <td className="numeric nowrap">{time === 0 ? "nothing to do" : duration(time)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
