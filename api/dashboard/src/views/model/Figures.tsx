/** INT8 beside FP32, and the latencies of a model: requested, predicted, measured. */
import { metricDifference, metricText, metricTitle } from "../../job/metric";
import { bytes, large, latency, percent } from "../../ui/format";
import { Notice, type Tone } from "../../ui/Notice";
import { TableRegion } from "../../ui/TableRegion";
import { budgetIn } from "../new-search/reach";
import { COSTS } from "../new-search/limits";
import { ReachBar } from "../new-search/ReachBar";
import type { Model } from "./useModel";

export function Precisions({ model: { metric, test, size_bytes: size } }: { model: Model }) {
  return (
    <TableRegion label="Table of both precisions">
      <table className="precisions">
        <caption>Metrics on the test set, measured; size of the ONNX file. The search compared networks by the first metric.</caption>
        <thead>
          <tr>
            <td />
            <th scope="col" className="numeric">
              INT8
            </th>
            <th scope="col" className="numeric">
              FP32
            </th>
            <th scope="col" className="numeric">
              INT8 compared with FP32
            </th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">{capitalised(metricTitle(metric.int8.name))}</th>
            <td className="numeric">{metricText(metric.int8)}</td>
            <td className="numeric">{metricText(metric.fp32)}</td>
            <td className="numeric">{metricDifference(metric.int8.name, metric.int8.value, metric.fp32.value)}</td>
          </tr>
          {test?.metrics
            .filter(({ name }) => name !== metric.int8.name)
            .map((one) => (
              <tr key={one.name}>
                <th scope="row">{capitalised(metricTitle(one.name))}</th>
                <td className="numeric">{metricText(one)}</td>
                <td className="numeric">–</td>
                <td className="numeric">–</td>
              </tr>
            ))}
          <tr>
            <th scope="row">Size</th>
            <td className="numeric">{bytes(size.int8)}</td>
            <td className="numeric">{bytes(size.fp32)}</td>
            <td className="numeric">{percent(size.int8 / size.fp32, 0)} of it</td>
          </tr>
        </tbody>
      </table>
    </TableRegion>
  );
}

function capitalised(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

interface Row {
  name: string;
  ms: number;
  kind: string;
  error?: number;
}

export function Latencies({ model }: { model: Model }) {
  const rows = rowsOf(model);
  const longest = Math.max(...rows.map((row) => row.ms * (1 + (row.error ?? 0))));
  const budget = model.latency_ms.budget;
  const place = budgetIn({ budget: String(budget), unit: "ms" }, model.budget.reachable_ms);
  return (
    <>
      <Verdict model={model} />
      <TableRegion label="Table of latencies">
        <table className="latencies">
          <caption>Latency of the INT8 file on {model.target}, batch 1.</caption>
          <tbody>
            {rows.map((row) => (
              <tr key={row.name}>
                <th scope="row">{row.name}</th>
                <td className="numeric nowrap">{latency(row.ms)}</td>
                <td className="kind">
                  {row.kind}
                  {row.error !== undefined && ` ± ${percent(row.error, 1)}`}
                </td>
                <td className="bars">
                  <span className="bar" style={{ width: `${(row.ms / longest) * 100}%` }} />
                  <span className="budget-line" style={{ left: `${(budget / longest) * 100}%` }} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableRegion>
      <p className="small quiet">
        The vertical line is the budget. {large(model.budget.architectures_within)} of {large(model.budget.architectures)} architectures of the space are predicted to
        meet it.
      </p>
      {place && <ReachBar budget={place} />}
      <Limits model={model} />
    </>
  );
}

/** Limits on other costs than latency, with what the network has of each. */
function Limits({ model: { limits, budget } }: { model: Model }) {
  if (limits.length === 0) return null;
  const within = budget.within_limits;
  return (
    <>
      <TableRegion label="Table of limits">
        <table className="limits">
          <caption>Limits of the search on other costs, and the network&apos;s own, counted.</caption>
          <tbody>
            {limits.map(({ cost, most, value, met, active }) => (
              <tr key={cost}>
                <th scope="row">{COSTS[cost].label}</th>
                <td className="numeric nowrap">{value.toLocaleString()}</td>
                <td className="numeric nowrap">of at most {most.toLocaleString()}</td>
                <td>
                  {met ? "met" : <strong>exceeded</strong>}
                  {!active && ", by every architecture"}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableRegion>
      {within && (
        <p className="small quiet">
          {large(within.value)} architectures meet the budget and all limits ({within.kind}
          {within.kind === "estimated" && `: ${large(within.low)} to ${large(within.high)}`}).
        </p>
      )}
    </>
  );
}

const TONES: Readonly<Record<string, Tone>> = { met: "good", "met when quiet": "warning", exceeded: "bad" };

const BUDGET_ON: Readonly<Record<string, string>> = {
  quiet: "the latency on an idle machine",
  p50: "the median latency (p50)",
  p95: "the 95th percentile of latencies (p95)",
};

function Verdict({ model: { verdict, latency_ms: one } }: { model: Model }) {
  return (
    <Notice tone={TONES[verdict] ?? "info"}>
      The budget of {latency(one.budget)} for {BUDGET_ON[one.budget_on] ?? one.budget_on} is <strong>{verdict}</strong>
      {verdict === "met when quiet" ? ": the median run took longer, since the machine was busy." : "."}
    </Notice>
  );
}

function rowsOf({ latency_ms: one }: Model): Row[] {
  const rows: (Row | null)[] = [
    { name: "Budget", ms: one.budget, kind: "requested" },
    { name: "Predicted", ms: one.predicted, kind: "predicted", error: one.predicted_error },
    one.simulated == null ? null : { name: "Simulated", ms: one.simulated, kind: "simulated" },
    one.measured === null ? null : { name: "Measured", ms: one.measured, kind: "measured, minimum over rounds of the 25th percentile" },
    one.measured_p50 === null ? null : { name: "Median (p50)", ms: one.measured_p50, kind: "measured" },
    one.measured_p95 === null ? null : { name: "95th percentile (p95)", ms: one.measured_p95, kind: "measured" },
  ];
  return rows.filter((row) => row !== null);
}
