/** INT8 beside FP32, and the latencies of a model: asked for, predicted, measured. */
import { bytes, large, latency, percent } from "../../ui/format";
import { metricName } from "../../job/metric";
import { Notice } from "../../ui/Notice";
import { TableRegion } from "../../ui/TableRegion";
import { budgetIn } from "../new-search/reach";
import { ReachBar } from "../new-search/ReachBar";
import type { Model } from "./useModel";

export function Precisions({ model: { accuracy, test, size_bytes: size } }: { model: Model }) {
  return (
    <TableRegion label="Table of both precisions">
      <table className="precisions">
        <caption>Accuracy on the test set, measured; size of the ONNX file.</caption>
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
              INT8 against FP32
            </th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Accuracy</th>
            <td className="numeric">{percent(accuracy.int8)}</td>
            <td className="numeric">{percent(accuracy.fp32)}</td>
            <td className="numeric">{points(accuracy.int8 - accuracy.fp32)}</td>
          </tr>
          {test && test.metric !== "accuracy" && (
            <tr>
              <th scope="row">{capitalised(metricName(test.metric))}, which networks were compared by</th>
              <td className="numeric">{percent(test.value)}</td>
              <td className="numeric">–</td>
              <td className="numeric">–</td>
            </tr>
          )}
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

function points(difference: number): string {
  const value = difference * 100;
  const sign = value > 0 ? "+" : value < 0 ? "−" : "";
  return Math.abs(value) < 0.005 ? "equal" : `${sign}${Math.abs(value).toFixed(2)} points`;
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
                <td className="nowrap kind">
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
        The upright line is the budget. {large(model.budget.architectures_within)} of {large(model.budget.architectures)} architectures of the space are predicted to
        keep it.
      </p>
      {place && <ReachBar budget={place} />}
    </>
  );
}

const VERDICTS = {
  kept: { tone: "good", words: "kept" },
  "kept when quiet": { tone: "warning", words: "kept when quiet: the median run took longer, since the machine did other work" },
  missed: { tone: "bad", words: "missed" },
} as const;

function Verdict({ model: { verdict, latency_ms: one } }: { model: Model }) {
  // A later service may have others.
  const { tone, words } = (VERDICTS as Partial<Record<string, (typeof VERDICTS)[keyof typeof VERDICTS]>>)[verdict] ?? { tone: "info", words: verdict };
  return (
    <Notice tone={tone}>
      The budget of {latency(one.budget)}, held against {HELD[one.budget_on] ?? one.budget_on}, is <strong>{words}</strong>.
    </Notice>
  );
}

const HELD: Readonly<Record<string, string>> = { quiet: "the quiet latency", p50: "the median run", p95: "95 % of runs" };

function rowsOf({ latency_ms: one }: Model): Row[] {
  const rows: (Row | null)[] = [
    { name: "Budget", ms: one.budget, kind: "asked for" },
    { name: "Predicted", ms: one.predicted, kind: "predicted", error: one.predicted_error },
    one.simulated == null ? null : { name: "Simulated", ms: one.simulated, kind: "simulated" },
    one.measured === null ? null : { name: "Measured", ms: one.measured, kind: "measured, least lower quartile" },
    one.measured_p50 === null ? null : { name: "Median (p50)", ms: one.measured_p50, kind: "measured" },
    one.measured_p95 === null ? null : { name: "95th percentile (p95)", ms: one.measured_p95, kind: "measured" },
  ];
  return rows.filter((row) => row !== null);
}
